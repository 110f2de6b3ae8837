import { formatSecond } from '../../mappings/instant.js';
import { CollectorError } from '../errors.js';
import { type Behind, type Cursor, secondOf } from './cursor.js';
import { isLive } from './lane-name.js';

/** A lane's position set by hand, and what that leads to. */
export interface MovedPosition {
  readonly cursor: Cursor;
  /** For people: what the lane will do, one sentence each. */
  readonly meaning: readonly string[];
}

/**
 * Moves a lane to another position. Moved back, its services go there with a place of their own, which says from where
 * on their identities are remembered: of everything before that the sink is asked.
 * @param target whole seconds since the epoch
 * @param now epoch milliseconds
 * @param tells whether the sink can tell which records it holds
 * @throws CollectorError USAGE for a position that the lane cannot have
 */
export function movePosition(cursor: Cursor, target: number, now: number, tells: boolean): MovedPosition {
  refuseImpossible(cursor, target, now);
  const places = cursor.services.map((service): [string, Behind] => [
    service,
    { settled: cursor.settled, rememberedFrom: cursor.settled, active: true },
  ]);
  const earliest = Math.min(secondOf(cursor.settled), ...activePlaces(cursor).map(({ settled }) => secondOf(settled)));
  const settled = formatSecond(target);
  const committedAt = new Date(now).toISOString();
  if (target >= secondOf(cursor.settled)) {
    const behind = mapPlaces(Object.entries(cursor.behind), (place) => ({ ...place, settled }));
    return { cursor: { ...cursor, settled, behind, committedAt }, meaning: ahead(cursor, earliest, target) };
  }
  const behind = mapPlaces([...places, ...Object.entries(cursor.behind)], (place) =>
    secondOf(place.settled) > target ? { ...place, settled, rememberedFrom: later(place) } : place,
  );
  return { cursor: { ...cursor, settled, services: [], behind, committedAt }, meaning: back(cursor, tells) };
}

function activePlaces(cursor: Cursor): Behind[] {
  return Object.values(cursor.behind).filter((place) => place.active);
}

/** What lies before a position is remembered no longer. */
function later({ settled, rememberedFrom }: Behind): string {
  return secondOf(settled) > secondOf(rememberedFrom) ? settled : rememberedFrom;
}

/** Services whose searches rest keep their place. */
function mapPlaces(places: readonly [string, Behind][], move: (place: Behind) => Behind): Record<string, Behind> {
  return Object.fromEntries(places.map(([service, place]) => [service, place.active ? move(place) : place]));
}

function refuseImpossible(cursor: Cursor, target: number, now: number): void {
  const text = formatSecond(target);
  const refuse = (message: string, cure: string) => new CollectorError('USAGE', message, { cure });
  if (target * 1000 > now)
    throw refuse(
      `${text} lies in the future.`,
      'Give an instant that has passed: what is collected after it is whole.',
    );
  if (target < secondOf(cursor.origin))
    throw refuse(
      `${text} lies before ${cursor.origin}, where lane ${cursor.lane} begins.`,
      'What is older belongs to backfills: use `jumpcloud-ocsf backfill --from … --to …`.',
    );
  if (!isLive(cursor.lane) && target < secondOf(cursor.settled))
    throw refuse(
      `Lane ${cursor.lane} cannot go back: it would deliver again what it delivered.`,
      'Use `jumpcloud-ocsf reconcile --from … --to … --repair`, which delivers only what is missing.',
    );
}

function ahead(cursor: Cursor, earliest: number, target: number): string[] {
  if (target === earliest) return [`The lane stands there already: nothing changes.`];
  return [
    `Records of ${formatSecond(earliest)} to ${formatSecond(target)} that were not delivered yet will not be collected by lane ${cursor.lane}: this leaves a gap.`,
    'reconcile reports the gap; `reconcile --repair` or a backfill fills it while JumpCloud still has the records.',
  ];
}

function back(cursor: Cursor, tells: boolean): string[] {
  return [
    `Lane ${cursor.lane} reads again from there.`,
    tells
      ? 'What it remembers, or the sink says it holds, is not delivered again.'
      : `What it remembers is not delivered again; records before ${cursor.settled} are, under the same uid, since this sink cannot tell what it holds.`,
  ];
}
