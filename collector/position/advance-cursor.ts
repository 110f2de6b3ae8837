import type { Instant } from '../../mappings/instant.js';
import type { CollectorError } from '../errors.js';
import { addCounts, type Counts, type Cursor, type InsightsPosition, serviceOwnedFrom } from './cursor.js';
import { advanceGroup, groupOf, mergeGroup, suspend } from './service-groups.js';
import { keepSteppedBack, type SteppedBack } from './step-back.js';

/** How far a lane has come with a commit. Each part is optional: a commit may change nothing but the counts. */
export interface Progress {
  /** The organization that the records name; it counts where none was known before. */
  readonly organization?: string | undefined;
  /** The newest time of the records so far; it never takes the position back. */
  readonly maxEventTime?: Instant | undefined;
  /** Services that were read up to a whole second. */
  readonly read?: {
    readonly services: readonly string[];
    readonly watermark: number;
    /** True where they have read everything there is: they join the common position. */
    readonly caughtUp?: boolean;
  };
  /** Services that JumpCloud refuses. */
  readonly refused?: ReadonlyMap<string, CollectorError>;
  /** The position in place of a damaged one. */
  readonly replaced?: InsightsPosition;
  /** The damaged position that was replaced; null: what it passed over was compared since. */
  readonly steppedBack?: SteppedBack | null;
}

/**
 * The cursor that follows a commit: everything that a commit changes but for the states of its extensions.
 * @param counts those of the batch
 * @param now epoch milliseconds
 */
export function advanceCursor(cursor: Cursor, progress: Progress, counts: Counts, now: number): Cursor {
  const { organization, maxEventTime, read, refused, replaced, steppedBack } = progress;
  let position = replaced ?? cursor.position;
  if (maxEventTime !== undefined && maxEventTime > position.maxEventTime) position = { ...position, maxEventTime };
  if (read !== undefined) {
    const group = groupOf(position, read.services);
    position = (read.caughtUp && !group.isPrimary ? mergeGroup : advanceGroup)(position, group, read.watermark);
  }
  if (refused !== undefined) position = suspend(position, groupOf(position, [...refused.keys()]), refused, now);
  return {
    ...cursor,
    organization: cursor.organization ?? organization,
    counts: addCounts(cursor.counts, counts),
    extensions: steppedBack === undefined ? cursor.extensions : keepSteppedBack(cursor.extensions, steppedBack),
    committedAt: now,
    position: withoutEvicted(position),
  };
}

/** Whole second from which on every identity must stay in the dedupe set: the earliest start of a search to come. */
export function dedupeReach({ perService, services, watermark }: InsightsPosition): number {
  const starts = Object.values(perService)
    .filter(({ active }) => active)
    .map((place) => place.watermark);
  if (services.length > 0) starts.push(watermark);
  return starts.length === 0 ? 0 : Math.min(...starts);
}

/** Services that rest lose their identities as the lane moves on: from then on only the sink can find them. */
function withoutEvicted(position: InsightsPosition): InsightsPosition {
  const reach = dedupeReach(position);
  const places = Object.entries(position.perService).map(([service, place]) => {
    const isFresh = serviceOwnedFrom({ position }, service) === place.watermark;
    const isEvicted = !place.active && !isFresh && reach > place.dedupeFrom;
    return [service, isEvicted ? { ...place, dedupeFrom: reach } : place] as const;
  });
  return { ...position, perService: Object.fromEntries(places) };
}
