import { hash } from 'node:crypto';
import type { EventClassName, OcsfTarget } from '../schemas/ocsf-target.js';
import { describeErrors } from '../schemas/validators.js';
import { mapAccountChange } from './account-change.js';
import { mapApiActivity } from './api-activity.js';
import { mapApplicationLifecycle } from './application-lifecycle.js';
import { mapAssociation } from './association.js';
import { mapAuthentication } from './authentication.js';
import { mapBaseEvent } from './base-event.js';
import { buildEvent } from './build-event.js';
import { classify } from './catalogue/index-by-type.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { type DeadLetter, type DeadLetterReason, withShortMembers } from './dead-letter.js';
import { mapDetectionFinding } from './detection-finding.js';
import { mapEntityManagement } from './entity-management.js';
import type { NormalisedEvent, OcsfEvent } from './event.js';
import { parseExactly, restoreNumbers } from './exact-numbers.js';
import { mapGroupManagement } from './group-management.js';
import { floorToMillisecond } from './instant.js';
import { isObject, type JsonObject } from './json.js';
import type { Provenance } from './metadata.js';
import type { RawData } from './raw-data.js';
import type { ReceivedRecord, RecordHeader } from './record.js';
import { RecordReader } from './record-reader.js';
import { hasForbiddenKey, makeWellFormed, redactRecord, redactText } from './redact.js';
import { serialise } from './serialise.js';
import { mapUserAccess } from './user-access-management.js';

/** What mapping needs besides the record. */
export interface NormaliseContext {
  /** Epoch milliseconds at which the page arrived (`metadata.logged_time`); absent where there was none. */
  readonly fetchedAt?: number;
  /** Whether the event carries the record's text (`rawData`). */
  readonly rawData: boolean;
  readonly mapper: { readonly name: string; readonly version: string };
  /** The OCSF release that events are written to. */
  readonly target: OcsfTarget;
  /** The event carries it as the tag AccountName; absent: no tag. */
  readonly accountName?: string | undefined;
  /** Adds what is known elsewhere, before the event is validated; absent: nothing. It must not touch what identifies the event. */
  readonly enrich?: ((event: OcsfEvent) => void) | undefined;
  /** True where the record was stored without its secrets: the event says so again. */
  readonly redactedBefore?: boolean;
}

/** The part of the context that is the same for every record of a feed. */
export type MappingSettings = Pick<NormaliseContext, 'rawData' | 'mapper' | 'target' | 'accountName' | 'enrich'>;

/** Exactly one of the two for every record. */
export type MappingResult =
  | { readonly kind: 'event'; readonly event: NormalisedEvent }
  | { readonly kind: 'dead_letter'; readonly deadLetter: DeadLetter };

/** Levels of nesting that a record may have; JumpCloud's own stay under ten. */
const DEEPEST_RECORD = 64;
/** Characters of text that a record may have. */
const LONGEST_RECORD = 1_048_576;

interface Refusal {
  readonly reason: DeadLetterReason;
  readonly message: string;
  readonly details?: readonly string[];
}

/**
 * Turns a record into a validated OCSF event or into a dead letter. Total: any JSON value becomes one of the two, and
 * nothing is ever thrown.
 */
export function normalise(received: ReceivedRecord, header: RecordHeader, context: NormaliseContext): MappingResult {
  let refusal: Refusal | undefined;
  try {
    refusal = refuse(received, header);
    if (refusal === undefined) {
      const made = makeEvent(received, header, context);
      if ('event' in made) return { kind: 'event', event: made.event };
      refusal = made;
    }
  } catch (error) {
    refusal = {
      reason: 'mapping_failed',
      message: 'The mapping stopped at a defect of its own.',
      details: [describeDefect(error)],
    };
  }
  return { kind: 'dead_letter', deadLetter: makeDeadLetter(received, header, context, refusal) };
}

/** A record whose class the feed does not deliver, kept as it came but for its secrets. */
export interface KeptRecord {
  readonly uid: string;
  readonly classUid: number;
  readonly eventCode: string;
  readonly service: string;
  /** Epoch milliseconds of the event. */
  readonly time: number;
  readonly text: string;
}

/** The record behind an event of a class that is not delivered. */
export function toRawRecord(received: ReceivedRecord, header: RecordHeader, event: NormalisedEvent): KeptRecord {
  return {
    uid: header.uid,
    classUid: event.classUid,
    eventCode: event.eventCode,
    service: header.service,
    time: event.time,
    text: redactText(received).text,
  };
}

/** Why a record cannot be mapped at all; undefined where it can. */
function refuse({ text, value, depth, whole }: ReceivedRecord, header: RecordHeader): Refusal | undefined {
  if (whole !== undefined)
    return {
      reason: 'too_large',
      message: `The record has ${whole.bytes} bytes, more than are read. \`raw\` holds its short members.`,
    };
  if (depth > DEEPEST_RECORD)
    return {
      reason: 'nested_too_deeply',
      message: `The record is nested ${depth} levels deep; at most ${DEEPEST_RECORD} are mapped.`,
    };
  if (!isObject(value)) return { reason: 'not_an_object', message: `The record is ${kindOf(value)}, not an object.` };
  if (text.length > LONGEST_RECORD)
    return {
      reason: 'too_large',
      message: `The record has ${text.length} characters; at most ${LONGEST_RECORD} are mapped.`,
    };
  if ((text.includes('__proto__') || text.includes('\\u')) && hasForbiddenKey(value))
    return { reason: 'forbidden_key', message: 'The record has a member called __proto__.' };
  if (header.id === undefined)
    return { reason: 'id_missing', message: 'The record has no id, or one that is not a text.' };
  if (header.timestamp === undefined) return refuseTimestamp(value.timestamp ?? value.jc_timestamp);
  if (header.instant === undefined)
    return { reason: 'timestamp_unreadable', message: 'The timestamp is not an RFC 3339 date-time.' };
  return undefined;
}

function refuseTimestamp(timestamp: unknown): Refusal {
  if (timestamp === undefined || timestamp === null || timestamp === '')
    return { reason: 'timestamp_missing', message: 'The record has no timestamp.' };
  const message = `The timestamp is ${kindOf(timestamp)}, not an RFC 3339 date-time.`;
  return { reason: 'timestamp_unreadable', message };
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const LONE_SURROGATE = /\\u[dD][89a-fA-F]/;

function makeEvent(
  received: ReceivedRecord,
  header: RecordHeader,
  context: NormaliseContext,
): { event: NormalisedEvent } | Refusal {
  const { record, text, redacted, isMarked } = prepare(received);
  const provenance: Provenance = {
    header,
    time: floorToMillisecond(header.instant!),
    fetchedAt: context.fetchedAt,
    mapper: context.mapper,
    accountName: context.accountName,
    redacted: redacted || context.redactedBefore === true,
  };
  const raw = context.rawData ? { text } : undefined;
  const reader = new RecordReader(record, context.target);
  const { event, className } = mapRecord(reader, classify(header.service, header.eventType), provenance, raw);
  context.enrich?.(event);
  const validator = context.target.validators[className];
  if (!validator(event)) {
    return {
      reason: 'schema_violation',
      message: 'The event does not fit its OCSF class.',
      details: describeErrors(validator),
    };
  }
  return { event: finish(event, header, isMarked) };
}

interface Prepared {
  readonly record: JsonObject;
  readonly text: string;
  readonly redacted: boolean;
  /** Whether the record holds numbers that `parseExactly` marked. */
  readonly isMarked: boolean;
}

/** The record without secrets and lone surrogates, with its numbers exact, and its text. */
function prepare(received: ReceivedRecord): Prepared {
  const marked = parseExactly(received.text);
  let value = marked ?? received.value;
  let { text } = received;
  if (!text.isWellFormed()) text = text.toWellFormed();
  if (text !== received.text || (text.includes('\\u') && LONE_SURROGATE.test(text))) value = makeWellFormed(value);
  const isMarked = marked !== undefined;
  const left = redactRecord(value, text, received.members);
  return {
    record: left.value as JsonObject,
    text: isMarked ? restoreNumbers(left.text) : left.text,
    redacted: left.redacted,
    isMarked,
  };
}

type Mapper = (reader: RecordReader, row: CatalogueRow) => ClassMapping | undefined;

const mappers: Readonly<Record<EventClassName, Mapper>> = {
  base_event: mapBaseEvent,
  detection_finding: mapDetectionFinding,
  account_change: mapAccountChange,
  authentication: mapAuthentication,
  entity_management: mapEntityManagement,
  user_access: mapUserAccess,
  group_management: (reader, row) =>
    (row.activity === 'by_association' ? mapAssociation : mapGroupManagement)(reader, row),
  application_lifecycle: mapApplicationLifecycle,
  api_activity: mapApiActivity,
};

/** The event of the row's class, or Base Event where the record lacks what that class requires. */
function mapRecord(
  fresh: RecordReader,
  row: CatalogueRow,
  provenance: Provenance,
  raw: RawData | undefined,
): { event: OcsfEvent; className: EventClassName } {
  let reader = fresh;
  let mapped = mappers[row.className](reader, row);
  if (mapped === undefined) {
    reader = new RecordReader(reader.record, reader.target);
    mapped = mapBaseEvent(reader, row);
  }
  const eventType = reader.peek(reader.record, 'event_type') ?? row.eventType;
  return { event: buildEvent(reader, mapped, provenance, raw, eventType), className: mapped.className };
}

function finish(event: OcsfEvent, { organization }: RecordHeader, isMarked: boolean): NormalisedEvent {
  const { user } = event as ClassAttributes;
  return {
    uid: event.metadata.uid,
    classUid: event.class_uid,
    typeUid: event.type_uid,
    time: event.time,
    eventCode: (event.metadata.event_code as string | undefined) ?? '',
    partitionKey: user?.uid ?? user?.name ?? organization?.toWellFormed() ?? '',
    text: isMarked ? restoreNumbers(serialise(event)) : serialise(event),
  };
}

function makeDeadLetter(
  received: ReceivedRecord,
  header: RecordHeader,
  { fetchedAt }: NormaliseContext,
  { reason, message, details = [] }: Refusal,
): DeadLetter {
  const { text: raw, isPart } = redactText(received);
  const whole = isPart ? received.text : raw;
  return withShortMembers({
    uid: header.uid,
    reason,
    message,
    details,
    service: header.service.toWellFormed(),
    event_type: header.eventType.toWellFormed(),
    ...(header.organization === undefined ? {} : { organization: header.organization.toWellFormed() }),
    ...(header.id === undefined ? {} : { record_id: header.id.toWellFormed() }),
    ...(header.timestamp === undefined ? {} : { original_time: header.timestamp.toWellFormed() }),
    ...(header.instant === undefined ? {} : { time: floorToMillisecond(header.instant) }),
    ...(fetchedAt === undefined ? {} : { fetched_at: fetchedAt }),
    raw,
    raw_size: received.whole?.bytes ?? Buffer.byteLength(whole),
    raw_sha256: received.whole?.sha256 ?? hash('sha256', whole, 'hex'),
  });
}

/** The kind of a defect; engines put no values of data into the messages of these kinds. */
function describeDefect(error: unknown): string {
  if (error instanceof TypeError || error instanceof RangeError) return `${error.name}: ${error.message}`;
  return error instanceof Error ? error.name : typeof error;
}
