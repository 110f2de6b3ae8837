import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CollectorError, storageFailed } from '../../errors.js';
import { isMissing, writeSynced } from '../../files/durable-file.js';
import { type SharedDirectory, sharedDirectory } from '../../files/shared-directory.js';
import { failedFinding } from '../finding.js';
import type { SinkFinding } from '../sink.js';

/** Bytes free below which nothing can be collected, and below which it will soon be so. */
export interface SpaceLimits {
  readonly least: number;
  readonly scarce: number;
}

const MIB = 1024 * 1024;
const spaceLimits: SpaceLimits = { least: 64 * MIB, scarce: 1024 * MIB };

/**
 * Whether a directory, or the one it would be made in, can be written to, and how much space is left. A directory that is
 * there gets a small file for a moment: no other way tells.
 * @param part how the findings call it
 */
export async function checkDirectory(
  directory: string,
  part: string,
  limits: SpaceLimits = spaceLimits,
): Promise<SinkFinding[]> {
  const wanted = resolve(directory);
  try {
    const found = await nearest(wanted);
    if (found === wanted) await tryWriting(wanted);
    else await access(found, constants.W_OK | constants.X_OK);
    const message =
      found === wanted ? `${wanted} can be written to` : `${wanted} will be made; ${found} can be written to`;
    const shared = found === wanted ? await sharedDirectory(wanted) : undefined;
    return [
      { part, verdict: 'ok', message },
      ...(shared === undefined ? [] : [sharedFinding(shared, part)]),
      await checkSpace(found, limits),
    ];
  } catch (error) {
    return [failedFinding(storageFailed(error, wanted), part)];
  }
}

function sharedFinding({ grave, message, cure }: SharedDirectory, part: string): SinkFinding {
  return grave
    ? failedFinding(new CollectorError('STORAGE_FAILED', message, { cure }), part)
    : { part, verdict: 'warning', message, cure };
}

/** The directory itself, or the one above it that is there. */
async function nearest(directory: string): Promise<string> {
  for (let at = directory; ; at = dirname(at)) {
    try {
      if ((await stat(at)).isDirectory()) return at;
      throw Object.assign(new Error(`${at} is a file`), { code: 'ENOTDIR' });
    } catch (error) {
      if (!isMissing(error) || dirname(at) === at) throw error;
    }
  }
}

async function tryWriting(directory: string): Promise<void> {
  const file = join(directory, `.check-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await writeSynced(file, 'jumpcloud-ocsf check\n');
  } finally {
    await rm(file, { force: true });
  }
}

async function checkSpace(directory: string, { least, scarce }: SpaceLimits): Promise<SinkFinding> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const message = `${spell(free)} free on the file system of ${directory}`;
  if (free < least) {
    const error = new CollectorError('STORAGE_FAILED', message, {
      cure: 'Free space there, or choose another directory.',
      detail: 'ENOSPC',
    });
    return failedFinding(error, 'space');
  }
  if (free < scarce) return { part: 'space', verdict: 'warning', message, cure: 'Free space, or set tables.keepDays.' };
  return { part: 'space', verdict: 'ok', message };
}

function spell(bytes: number): string {
  return bytes < 10 * 1024 * MIB ? `${Math.floor(bytes / MIB)} MiB` : `${Math.floor(bytes / 1024 / MIB)} GiB`;
}
