import type { Cursor } from '../../collector/position/cursor.js';
import { noCounts } from '../../collector/position/cursor.js';
import { hashOf } from '../../collector/position/dedupe-set.js';
import type { Batch } from '../../collector/sinks/sink.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { sha256 } from '../../mappings/record.js';
import { storedCursor } from '../position/stored-cursor.js';

/** A whole second in 2026 at which the invented events begin. */
export const firstSecond = Date.UTC(2026, 10, 1) / 1000;

/** A uid of the right form for a number: the same number, the same uid. */
export function uidOf(number: number | string): string {
  return sha256(`event ${number}`).slice(0, 32);
}

export interface EventShape {
  readonly classUid?: number;
  /** Epoch milliseconds. */
  readonly time?: number;
  readonly partitionKey?: string;
  /** Text of `raw_data`. */
  readonly raw?: string;
  /** Text of an attribute that cannot be left out. */
  readonly message?: string;
}

/** An event whose text says which number it is. */
export function eventOf(number: number | string, shape: EventShape = {}): NormalisedEvent {
  const { classUid = 3002, partitionKey = `user-${Number(number) % 7}` } = shape;
  const time = shape.time ?? (firstSecond + (Number(number) || 0)) * 1000;
  const event = {
    class_uid: classUid,
    type_uid: classUid * 100 + 1,
    time,
    ...(shape.message === undefined ? {} : { message: shape.message }),
    metadata: { uid: uidOf(number), version: '1.8.0', original_event_uid: `record-${number}` },
    ...(shape.raw === undefined ? {} : { raw_data: shape.raw }),
    unmapped: { number },
  };
  return {
    uid: uidOf(number),
    classUid,
    typeUid: classUid * 100 + 1,
    time,
    eventCode: 'user_login_attempt',
    partitionKey,
    text: JSON.stringify(event),
  };
}

export function deadLetterOf(number: number, raw = `{"number":${number}}`): DeadLetter {
  return {
    uid: uidOf(number),
    reason: 'timestamp_missing',
    message: 'The record has no timestamp.',
    details: [],
    service: 'directory',
    event_type: 'user_create',
    raw,
    raw_size: Buffer.byteLength(raw),
    raw_sha256: sha256(raw),
  };
}

/** A cursor that has come `seconds` far. */
export function cursorAt(seconds: number, lane = 'live', feed = 'test'): Cursor {
  const settled = new Date((firstSecond + seconds) * 1000).toISOString();
  const counts = { ...noCounts, records: seconds, events: seconds };
  return storedCursor({ feed, lane, baseUrl: 'https://api.example.com/insights/directory/v1', settled, counts });
}

/** Events `from` to `to` (exclusive) with the cursor and the identities that follow them. */
export function batchOf(from: number, to: number, more: Partial<Batch> & { shape?: EventShape } = {}): Batch {
  const { shape, ...rest } = more;
  const events = Array.from({ length: to - from }, (_, index) => eventOf(from + index, shape));
  const minutes = new Map<number, bigint[]>();
  for (const { uid, time } of events) {
    const minute = Math.floor(time / 60_000);
    minutes.set(minute, [...(minutes.get(minute) ?? []), hashOf(uid)]);
  }
  return {
    events,
    deadLetters: [],
    raw: [],
    entities: [],
    cursor: cursorAt(to),
    dedupeAdditions: [...minutes].map(([minute, hashes]) => ({ minute, hashes: BigUint64Array.from(hashes) })),
    evictBefore: 0,
    ...rest,
  };
}
