import type { DeadLetter } from '../../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../../mappings/event.js';
import type { KeptRecord } from '../../../../mappings/normalise.js';
import { shortText } from '../../../../mappings/short-text.js';
import type { Entity } from '../../sink.js';
import type { KafkaSettings } from '../client/settings.js';

const JSON_TYPE = 'application/json';

/** Headers by which a consumer can filter without parsing. */
export function eventHeaders(
  event: NormalisedEvent,
  { feed, target }: Pick<KafkaSettings, 'feed' | 'target'>,
): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    ocsf_version: target.version,
    class_uid: String(event.classUid),
    type_uid: String(event.typeUid),
    event_id: event.uid,
    event_time: isoTime(event.time),
    event_code: shortText(event.eventCode),
    feed,
  };
}

/** Headers of a dead letter: why it is one and what it was, without its text. */
export function deadLetterHeaders(letter: DeadLetter, feed: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    event_id: letter.uid,
    reason: letter.reason,
    message: shortText(letter.message),
    service: shortText(letter.service),
    event_type: shortText(letter.event_type),
    sha256: letter.raw_sha256,
    ...(letter.record_id === undefined ? {} : { record_id: shortText(letter.record_id) }),
    ...(letter.time === undefined ? {} : { event_time: isoTime(letter.time) }),
    feed,
  };
}

/** Headers of a record that is kept as it came because its class is not selected. */
export function rawHeaders(record: KeptRecord, feed: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    event_id: record.uid,
    class_uid: String(record.classUid),
    event_code: shortText(record.eventCode),
    service: shortText(record.service),
    event_time: isoTime(record.time),
    feed,
  };
}

/** Headers of an entity or its tombstone. */
export function entityHeaders({ type, observedAt }: Entity, feed: string): Record<string, string> {
  return { 'content-type': JSON_TYPE, entity_type: shortText(type), observed_at: isoTime(observedAt), feed };
}

/** Outside the years a Date can hold the number itself is given. */
function isoTime(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time);
}
