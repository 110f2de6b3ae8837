import { CollectorError } from '../errors.js';
import type { Cursor } from '../position/cursor.js';
import type { Batch, Sink } from './sink.js';

/** A batch that moves the position and delivers nothing; the dedupe set stays as it is. */
export function positionOnly(cursor: Cursor): Batch {
  return {
    events: [],
    deadLetters: [],
    raw: [],
    entities: [],
    cursor,
    dedupeAdditions: [],
    evictBefore: Number.MIN_SAFE_INTEGER,
  };
}

/**
 * For sinks that carry no entities: refuses a batch that has some before anything of it is written.
 * @throws CollectorError SINK_REFUSED
 *
 * @public for sinks to come
 */
export function refuseEntities({ entities }: Batch, { kind }: Pick<Sink, 'kind'>): void {
  if (entities.length === 0) return;
  throw new CollectorError('SINK_REFUSED', `The sink ${kind} carries no entities; the batch has ${entities.length}.`, {
    cure: 'Deliver inventory to a sink that carries entities: tables, kafka or stdout.',
  });
}
