import { formatSecond } from '../../mappings/instant.js';
import { CollectorError } from '../errors.js';
import type { Cursor, InsightsPosition, ServicePosition } from './cursor.js';
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
  const { position } = cursor;
  const { watermark } = position;
  if (target >= watermark) {
    const earliest = Math.min(watermark, ...activePlaces(position).map((place) => place.watermark));
    const perService = mapPlaces(Object.entries(position.perService), (place) => ({ ...place, watermark: target }));
    const moved = { ...cursor, committedAt: now, position: { ...position, watermark: target, perService } };
    return { cursor: moved, meaning: ahead(cursor, earliest, target) };
  }
  const places = position.services.map((service): [string, ServicePosition] => [
    service,
    { watermark, dedupeFrom: watermark, active: true },
  ]);
  const perService = mapPlaces([...places, ...Object.entries(position.perService)], (place) => moveBack(place, target));
  const moved = { ...position, watermark: target, services: [], perService };
  return { cursor: { ...cursor, committedAt: now, position: moved }, meaning: back(cursor, tells) };
}

/** What lies before the old position is no longer in the dedupe set. */
function moveBack(place: ServicePosition, target: number): ServicePosition {
  if (place.watermark <= target) return place;
  return { ...place, watermark: target, dedupeFrom: Math.max(place.watermark, place.dedupeFrom) };
}

function activePlaces({ perService }: InsightsPosition): ServicePosition[] {
  return Object.values(perService).filter((place) => place.active);
}

/** Services whose searches rest keep their place. */
function mapPlaces(
  places: readonly [string, ServicePosition][],
  move: (place: ServicePosition) => ServicePosition,
): Record<string, ServicePosition> {
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
  const { ownedFrom, watermark } = cursor.position;
  if (target < ownedFrom)
    throw refuse(
      `${text} lies before ${formatSecond(ownedFrom)}, where lane ${cursor.lane} begins.`,
      'What is older belongs to backfills: use `jumpcloud-ocsf backfill --from … --to …`.',
    );
  if (!isLive(cursor.lane) && target < watermark)
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
      : `What it remembers is not delivered again; records before ${formatSecond(cursor.position.watermark)} are, under the same uid, since this sink cannot tell what it holds.`,
  ];
}
