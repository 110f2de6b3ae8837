import { CollectorError } from '../errors.js';

/** The version of stored states. 2: a record's identity holds its time, type and outcome (collector/decisions/0018). */
export const STATE_VERSION = 2;

/** @throws CollectorError STATE_OUTDATED for the version of a state that an earlier build wrote */
export function refuseOutdated(version: unknown, where: string): void {
  if (typeof version !== 'number' || version >= STATE_VERSION) return;
  throw new CollectorError(
    'STATE_OUTDATED',
    `${where} is of an earlier version (${version}, this program's is ${STATE_VERSION}), which named records otherwise: going on from it would deliver them twice.`,
    {
      cure: 'Name a new directory (tables, stdout) or a new topic prefix (Kafka), and fetch with `jumpcloud-ocsf backfill` what JumpCloud still keeps. The old data stays as it is.',
    },
  );
}
