import { type DeadLetter, withShortMembers } from '../../mappings/dead-letter.js';
import type { KeptRecord } from '../../mappings/normalise.js';
import { sha256 } from '../../mappings/record.js';
import type { Entity } from './sink.js';

/** Why a sink refuses something: one sentence, and what led to it. */
export interface Refusal {
  readonly message: string;
  readonly details: readonly string[];
}

/** The dead letter that takes the place of an entity that a sink cannot hold. */
export function refusedEntity({ type, key, value = '', observedAt }: Entity, refusal: Refusal): DeadLetter {
  return withShortMembers({
    uid: sha256(`${type}|${key}|${observedAt}`).slice(0, 32),
    reason: 'refused_by_sink',
    ...refusal,
    service: '',
    event_type: type,
    record_id: key,
    time: observedAt,
    raw: value,
    raw_size: Buffer.byteLength(value),
    raw_sha256: sha256(value),
  });
}

/** The dead letter that takes the place of a record kept raw that a sink cannot hold. */
export function refusedRecord({ uid, service, eventCode, time, text }: KeptRecord, refusal: Refusal): DeadLetter {
  return withShortMembers({
    uid,
    reason: 'refused_by_sink',
    ...refusal,
    service,
    event_type: eventCode,
    time,
    raw: text,
    raw_size: Buffer.byteLength(text),
    raw_sha256: sha256(text),
  });
}
