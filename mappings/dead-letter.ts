import { shortText } from './short-text.js';

/** Why a record could not become a valid event. A closed set; each has a sentence for people in `DeadLetter.message`. */
export type DeadLetterReason =
  | 'not_an_object'
  | 'id_missing'
  | 'timestamp_missing'
  | 'timestamp_unreadable'
  | 'nested_too_deeply'
  | 'too_large'
  | 'forbidden_key'
  | 'schema_violation'
  | 'mapping_failed'
  | 'refused_by_sink'
  /** A webhook's body in which no alert is found. */
  | 'unknown_shape'
  /** A webhook's alert of another organization. */
  | 'wrong_organization';

/** A record that could not become a valid event, with its reason, as stored and published. */
export interface DeadLetter {
  /** Deterministic id of the record's identity: 32 hexadecimal digits. */
  readonly uid: string;
  readonly reason: DeadLetterReason;
  /** One sentence: what was wrong. Holds no value of the record that could be a secret. */
  readonly message: string;
  /** Paths and rules that failed, e.g. `/user: must have required property 'name'`. */
  readonly details: readonly string[];
  readonly service: string;
  readonly event_type: string;
  readonly organization?: string;
  readonly record_id?: string;
  /** The source's timestamp string, verbatim. */
  readonly original_time?: string;
  /** Epoch milliseconds; absent where the timestamp is missing or unreadable. */
  readonly time?: number;
  /** Epoch milliseconds at which the page was fetched. */
  readonly fetched_at?: number;
  /** The record's text, redacted; only a part of it where `raw_size` says more than it has. */
  readonly raw: string;
  /** Bytes and SHA-256 of the whole. */
  readonly raw_size: number;
  readonly raw_sha256: string;
}

const MOST_DETAILS = 20;

/**
 * The dead letter with each member but `raw` short: a sink that carries `raw` in parts repeats all others with each part,
 * and their texts come from the record.
 */
export function withShortMembers(letter: DeadLetter): DeadLetter {
  const { organization, record_id, original_time, details } = letter;
  const left = details.length - MOST_DETAILS;
  return {
    ...letter,
    message: shortText(letter.message),
    details: [...details.slice(0, MOST_DETAILS).map(shortText), ...(left > 0 ? [`${left} more`] : [])],
    service: shortText(letter.service),
    event_type: shortText(letter.event_type),
    ...(organization === undefined ? {} : { organization: shortText(organization) }),
    ...(record_id === undefined ? {} : { record_id: shortText(record_id) }),
    ...(original_time === undefined ? {} : { original_time: shortText(original_time) }),
  };
}
