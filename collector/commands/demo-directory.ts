import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CollectorError } from '../errors.js';

const MARKER = '.jumpcloud-ocsf-demo';

/** Replaces the directory of an earlier demo. @throws CollectorError USAGE for any other directory */
export function recreate(directory: string): void {
  if (existsSync(directory)) {
    if (!existsSync(join(directory, MARKER))) {
      throw new CollectorError('USAGE', `${directory} exists and was not created by a demo.`, {
        cure: 'Name another place with --directory.',
      });
    }
    rmSync(directory, { recursive: true });
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, MARKER),
    'Created by `jumpcloud-ocsf demo`, which removes this directory when it runs again.\n',
  );
}
