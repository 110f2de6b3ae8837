import type { Cursor } from '../../collector/position/cursor.js';
import { noCounts } from '../../collector/position/cursor.js';
import type { DedupeChunk } from '../../collector/position/dedupe-set.js';
import type { Batch, Entity } from '../../collector/sinks/sink.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { KeptRecord } from '../../mappings/normalise.js';
import { sha256 } from '../../mappings/record.js';
import { storedCursor } from '../position/stored-cursor.js';

/** 2026-11-01T22:00:00Z: a batch of a few thousand seconds crosses midnight. */
const base = Date.UTC(2026, 10, 1, 22);

/** The uid of the sample with this number. */
export function sampleUid(kind: 'event' | 'letter' | 'raw', number: number): string {
  return sha256(`${kind} ${number}`).slice(0, 32);
}

/** A login, valid against the schema of its class. */
export function sampleEvent(number: number, time = base + number * 1000): NormalisedEvent {
  const uid = sampleUid('event', number);
  const event = {
    activity_id: 1,
    activity_name: 'Logon',
    category_name: 'Identity & Access Management',
    category_uid: 3,
    class_name: 'Authentication',
    class_uid: 3002,
    message: `user${number % 50} logged in to the user portal from 192.0.2.${number % 250}`,
    metadata: {
      event_code: 'user_login_attempt',
      log_name: 'directory',
      original_time: new Date(time).toISOString(),
      product: { name: 'Directory Insights', vendor_name: 'JumpCloud' },
      uid,
      version: '1.8.0',
    },
    service: { name: 'user_portal' },
    severity: 'Informational',
    severity_id: 1,
    src_endpoint: { ip: `192.0.2.${number % 250}`, location: { country: 'DE', lat: 52.5, long: 13.25 } },
    status: number % 7 === 0 ? 'Failure' : 'Success',
    status_id: number % 7 === 0 ? 2 : 1,
    time,
    type_name: 'Authentication: Logon',
    type_uid: 300201,
    unmapped: { number, nested: { list: [1, null, 'x'] } },
    user: { name: `user${number % 50}`, uid: `uid-${number % 50}`, email_addr: `user${number % 50}@example.test` },
  };
  return {
    uid,
    classUid: 3002,
    typeUid: 300201,
    time,
    eventCode: 'user_login_attempt',
    partitionKey: event.user.uid,
    text: JSON.stringify(event),
  };
}

export function sampleLetter(number: number): DeadLetter {
  const raw = JSON.stringify({ number, broken: true });
  return {
    uid: sampleUid('letter', number),
    reason: 'timestamp_missing',
    message: 'The record has no timestamp.',
    details: ['/timestamp: missing'],
    service: 'directory',
    event_type: 'user_login_attempt',
    record_id: `letter-${number}`,
    fetched_at: base + number * 1000,
    raw,
    raw_size: Buffer.byteLength(raw),
    raw_sha256: sha256(raw),
  };
}

function sampleRaw(number: number): KeptRecord {
  return {
    uid: sampleUid('raw', number),
    classUid: 6003,
    eventCode: 'command_run',
    service: 'commands',
    time: base + number * 1000,
    text: JSON.stringify({ id: `raw-${number}` }),
  };
}

export function sampleCursor(lane: string, batches: number): Cursor {
  const settled = new Date(base + batches * 60_000).toISOString();
  return storedCursor({ lane, settled, counts: { ...noCounts, records: batches }, memory: { batches } });
}

/** How many batches a cursor of `sampleCursor` says were committed. */
export function batchesOf(cursor: Cursor | undefined): number {
  return cursor === undefined ? 0 : Number(cursor.extensions.batches);
}

export interface SampleSizes {
  readonly events: number;
  readonly letters: number;
  readonly raw: number;
}

/** Of a batch that moves the position alone. */
export const noSizes: SampleSizes = { events: 0, letters: 0, raw: 0 };

/** Entities as observed at step 0; at step 1 one has changed, one is gone, one is not observed again. */
export function sampleEntities(step: 0 | 1): Entity[] {
  const observedAt = base + step * 1000;
  const user = (key: string, value: unknown): Entity => ({
    type: 'user',
    key,
    value: value === undefined ? undefined : JSON.stringify(value),
    observedAt,
  });
  return step === 0
    ? [
        user('u1', { name: 'Zoë', size: 1 }),
        user('u2', { name: 'two' }),
        { type: 'user_group', key: 'u1', value: '["a",1.5]', observedAt },
      ]
    : [user('u1', { name: 'Zoë', size: 2 }), user('u2', undefined)];
}

/** Batch number `index` of a lane, from 0: its contents and its position follow from the number alone. */
export function sampleBatch(lane: string, index: number, sizes: SampleSizes): Batch {
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => index * count + n);
  const events = numbers(sizes.events).map((number) => sampleEvent(number));
  return {
    events,
    deadLetters: numbers(sizes.letters).map(sampleLetter),
    raw: numbers(sizes.raw).map(sampleRaw),
    entities: [],
    cursor: sampleCursor(lane, index + 1),
    dedupeAdditions: piecesOf(events),
    evictBefore: 0,
  };
}

/** What a feed remembers of these events. */
function piecesOf(events: readonly NormalisedEvent[]): DedupeChunk[] {
  const minutes = new Map<number, bigint[]>();
  for (const { uid, time } of events) {
    const minute = Math.floor(time / 60_000);
    minutes.set(minute, [...(minutes.get(minute) ?? []), BigInt(`0x${uid.slice(0, 16)}`)]);
  }
  return [...minutes].map(([minute, hashes]) => ({ minute, hashes: BigUint64Array.from(hashes) }));
}

/** Pieces as text, in an order of their own, for comparisons: a minute may come in several pieces. */
export function hashesOf(pieces: readonly DedupeChunk[]): string[] {
  return pieces.flatMap(({ minute, hashes }) => [...hashes].map((hash) => `${minute}:${hash}`)).sort();
}
