import { spell } from '../commands/progress.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import { refuseForeignState } from '../pipeline/open-live-lane.js';
import { type Cursor, secondOf } from '../position/cursor.js';
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
  const seconds = Math.max(0, now / 1000 - secondOf(cursor.settled));
  const { counts } = cursor;
  const message = `collected up to ${cursor.settled} (${spell(seconds)} ago); ${counts.records} records = ${counts.events} events + ${counts.deadLetters} dead letters + ${counts.duplicates} repeats + ${counts.notSelected} not selected + ${counts.raw} kept raw`;
  const damage = steppedBackIn(cursor);
  if (damage === undefined) return [{ feed, part, verdict: 'ok', message }];
  const damaged = `was damaged (${damage.from}) and went back to ${damage.to}; what it passed over is not compared yet`;
  return [
    { feed, part, verdict: 'warning', message: `${damaged}; ${message}`, cure: 'The running feed heals it by itself.' },
  ];
}

/** A key of another organization would stop the feed. */
export function foreignKey(feed: string, found: string, bound: string): CollectorError {
  return new CollectorError(
    'ORGANIZATION_CHANGED',
    `the key reads organization ${found}, but feed ${feed} belongs to ${bound}`,
    { cure: 'Put a key of the right organization in place, or give the other organization a feed of its own.' },
  );
}
