import { hash } from 'node:crypto';
import { type Instant, parseInstant } from './instant.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';

/** One element of a page, as JumpCloud sent it. */
export interface ReceivedRecord {
  /** The element's own JSON text, unchanged. */
  readonly text: string;
  /** The parsed text. Any JSON value: JumpCloud sends objects, a broken proxy may not. */
  readonly value: JsonValue;
  /** Levels of nesting in the text: 0 for a scalar, 1 for a flat object. */
  readonly depth: number;
  /** Members of all objects in the text, a name counted as often as it stands there; absent where nobody counted. */
  readonly members?: number;
  /** Bytes and SHA-256 of a record too large to be held; `text` and `value` then have its short members alone. */
  readonly whole?: { readonly bytes: number; readonly sha256: string };
}

/** What position, selection and routing need of a record, read without mapping it. */
export interface RecordHeader {
  /** `metadata.uid` of the event, or uid of the dead letter: 32 hexadecimal digits, a function of the identity alone. */
  readonly uid: string;
  readonly organization: string | undefined;
  readonly service: string;
  readonly eventType: string;
  /** The record's own id; undefined where it is missing, empty or not a string. */
  readonly id: string | undefined;
  /** The source's string, verbatim; undefined where there is none. */
  readonly timestamp: string | undefined;
  /** Undefined where the timestamp is missing or unreadable. */
  readonly instant: Instant | undefined;
}

const text = (value: JsonValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** A scalar as the record holds it; anything else, and null, counts as absent. */
const scalar = (value: JsonValue | undefined): string | number | boolean | null =>
  typeof value === 'object' || value === undefined ? null : value;

/**
 * Reads a record's header. Total: any JSON value has one.
 *
 * JumpCloud uses one id for several records: the ids of RADIUS attempts are derived from names, and an MDM command reports
 * each of its results under its own id. So the identity is organization, service, id, timestamp, event type and outcome
 * (`success`, `sso_token_success`), each as it was written. Records that differ only in the rest are one record.
 * @param occurrence tells it from others of the same text: how many of them came before it in this search, or its place
 *   beside another record; counts only where there is no id.
 */
export function readHeader(received: ReceivedRecord, occurrence: number | string = 0): RecordHeader {
  const record = isObject(received.value) ? received.value : {};
  const organization = text(record.organization);
  const service = text(record.service) ?? '';
  const id = text(record.id);
  const timestamp = timestampOf(record);
  return {
    uid:
      id === undefined
        ? digest(`text\n${sha256(received.text)}\n${occurrence}`)
        : digest(
            JSON.stringify([
              organization ?? '',
              service,
              id,
              timestamp ?? scalar(record.timestamp) ?? scalar(record.jc_timestamp),
              scalar(record.event_type),
              scalar(record.success),
              scalar(record.sso_token_success),
            ]),
          ),
    organization,
    service,
    eventType: text(record.event_type) ?? '',
    id,
    timestamp,
    instant: parseInstant(timestamp),
  };
}

/** A record's own time; undefined where it has none that can be read. */
export function recordInstant({ value }: Pick<ReceivedRecord, 'value'>): Instant | undefined {
  return isObject(value) ? parseInstant(timestampOf(value)) : undefined;
}

/** Records of the mail-forwarded kind carry jc_timestamp in place of timestamp (seen in public samples). */
function timestampOf(record: JsonObject): string | undefined {
  return text(record.timestamp) ?? text(record.jc_timestamp);
}

/** Names what records share that have one id: organization, service and id. Undefined without an id. */
export function idKeyOf({ organization, service, id }: RecordHeader): string | undefined {
  return id === undefined ? undefined : digest(JSON.stringify([organization ?? '', service, id]));
}

/** SHA-256 in hexadecimal. */
export function sha256(value: string): string {
  return hash('sha256', value, 'hex');
}

function digest(identity: string): string {
  return sha256(identity).slice(0, 32);
}
