import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = process.env.OCSF_VALIDATOR_DIR ?? fileURLToPath(new URL('../../../shared/ocsf', import.meta.url));

/** The independent validator, and the compiled OCSF schema that it checks with. */
const validatorPath = join(directory, 'validate.mjs');
export const factsPath = join(directory, 'ocsf-1.8.0.json');

/** Whether the validator is there. With CI=true a missing one is a failure; elsewhere it is said aloud. */
export function hasValidator(): boolean {
  if (existsSync(validatorPath) && existsSync(factsPath)) return true;
  const message = `The independent OCSF validator is not at ${directory}: set OCSF_VALIDATOR_DIR.`;
  if (process.env.CI === 'true') throw new Error(message);
  process.stderr.write(`SKIPPED: ${message}\n`);
  return false;
}

/** What the validator found. */
export interface Findings {
  readonly events: number;
  readonly total: { readonly errors: number; readonly warnings: number };
  readonly errors: Readonly<Record<string, number>>;
  readonly warnings: Readonly<Record<string, number>>;
  readonly first: readonly unknown[];
}

/**
 * Runs the independent validator over events as NDJSON.
 * @param now epoch milliseconds; default: the machine's clock
 */
export function validate(lines: readonly string[], now?: number): Findings {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[validatorPath, '--schema', factsPath, '--strict', '--quiet-info'],
      ...(now === undefined ? [] : ['--now', String(now)]),
    ],
    { input: lines.join('\n'), encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Findings;
}
