import { formatSecond } from '../../mappings/instant.js';
import { asCollectorError } from '../errors.js';
import { formatDuration } from '../log/duration.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import { foreignKey, refuseForeignState } from '../pipeline/organization-guard.js';
import type { Cursor } from '../position/cursor.js';
import { steppedBackIn } from '../position/step-back.js';
import { type Finding, findingOf } from './finding.js';

/** Where the live lane stands, and whether it is this organization's. `now` is epoch milliseconds of JumpCloud's clock. */
export function checkPosition(
  cursor: Cursor | undefined,
  settings: FeedSettings,
  organization: string | undefined,
  now: number,
): Finding[] {
  const feed = settings.name;
  const part = 'position';
  if (cursor === undefined)
    return [{ feed, part, verdict: 'ok', message: 'none is stored: the first run is still to come' }];
  try {
    refuseForeignState(cursor, settings);
  } catch (error) {
    return [findingOf(asCollectorError(error), feed)];
  }
  if (cursor.organization !== undefined && organization !== undefined && cursor.organization !== organization)
    return [findingOf(foreignKey(feed, organization, cursor.organization), feed)];
  const seconds = Math.max(0, now / 1000 - cursor.position.watermark);
  const { counts } = cursor;
  const message = `collected up to ${formatSecond(cursor.position.watermark)} (${formatDuration(seconds)} ago); ${counts.records} records = ${counts.events} events + ${counts.deadLetters} dead letters + ${counts.duplicates} repeats + ${counts.notSelected} not selected + ${counts.raw} kept raw`;
  const damage = steppedBackIn(cursor);
  if (damage === undefined) return [{ feed, part, verdict: 'ok', message }];
  const damaged = `was damaged (${damage.from}) and went back to ${damage.to}; what it passed over is not compared yet`;
  return [
    { feed, part, verdict: 'warning', message: `${damaged}; ${message}`, cure: 'The running feed heals it by itself.' },
  ];
}
