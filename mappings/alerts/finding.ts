import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import { describeErrors } from '../../schemas/validators.js';
import type { ClassAttributes } from '../class-attributes.js';
import { classification } from '../classification.js';
import { closingStates, findingStates } from '../detection-finding.js';
import type { NormalisedEvent, OcsfEvent } from '../event.js';
import { parseExactly, restoreNumbers } from '../exact-numbers.js';
import { floorToMillisecond, parseInstant } from '../instant.js';
import { isObject, type JsonObject, type JsonValue } from '../json.js';
import { type MappingSettings, normalise } from '../normalise.js';
import { buildObservables } from '../observables.js';
import { rawDataAttributes } from '../raw-data.js';
import { type ReceivedRecord, readHeader, sha256 } from '../record.js';
import { RecordReader } from '../record-reader.js';
import { hasForbiddenKey, makeWellFormed, redactRecord } from '../redact.js';
import { serialise } from '../serialise.js';
import { type AlertNotice, bareWord, readListedNotice, readPushedNotice } from './notice.js';

/** How a notice came. */
export type NoticeSource = 'webhook' | 'alerts';

/** What mapping a notice needs besides its body. */
export interface NoticeContext extends MappingSettings {
  readonly source: NoticeSource;
  /** The organization of the feed: part of the identity, whoever names it. */
  readonly organization: string;
  /** Epoch milliseconds at which the notice arrived. */
  readonly receivedAt: number;
}

/** What became of a body. */
export type NoticeOutcome =
  | { readonly kind: 'event'; readonly event: NormalisedEvent; readonly notice: AlertNotice; readonly raw: string }
  /** A body in which no alert is found, or that cannot be mapped. */
  | { readonly kind: 'unknown'; readonly message: string; readonly details: readonly string[] }
  /** An alert of another organization than the feed's. */
  | { readonly kind: 'foreign'; readonly organization: string };

const CREATE = 1;
const UPDATE = 2;
const CLOSE = 3;
const OTHER = 99;
const RULE = 1;
const AFFECTED = 3;

const severities = new Map<string, number>([
  ['INFO', 1],
  ['INFORMATIONAL', 1],
  ['LOW', 2],
  ['MEDIUM', 3],
  ['HIGH', 4],
  ['CRITICAL', 5],
]);

/**
 * `metadata.uid` of a notice: of organization, alert, status and occurrence alone, so that what a webhook brought and what
 * the list of alerts shows are one finding.
 */
export function noticeUid(
  organization: string,
  { alertId, status, occurrence }: { alertId: string; status: string; occurrence: number | string },
): string {
  return sha256(['alert', organization, alertId, status, occurrence].join('|')).slice(0, 32);
}

/** What a notice is known by. */
export interface NoticeNames {
  readonly uid: string;
  /** It was delivered before where one of these was. */
  readonly sameAs: readonly string[];
  /** What else is known once it is delivered. */
  readonly also: readonly string[];
  /** The same notice, with a count or without one: uids under which a sink may hold it, at just its time. */
  readonly heldAs: () => readonly string[];
}

/** A sink knows uids alone, and that of a counted notice says its count. */
const firstOccurrences = Array.from({ length: 1_000 }, (_, index) => index + 1);

/**
 * The names of a notice. One that counts no occurrence is named by its time, and is the same as the counted one of that
 * alert, status and time, whichever comes first; one without a time too is the first occurrence.
 */
export function noticeNames(organization: string, notice: AlertNotice): NoticeNames {
  const { alertId, status, occurrence } = notice;
  const name = (which: number | string) => noticeUid(organization, { alertId, status, occurrence: which });
  const at = millisecondsOf(timeOf(notice));
  if (at === undefined) return { uid: name(occurrence ?? 1), sameAs: [], also: [], heldAs: () => [] };
  // Two that are counted may bear one time: only an uncounted one is compared by it.
  const [uncounted, counted] = [name(`@${at}`), name(`counted@${at}`)];
  return occurrence === undefined
    ? { uid: uncounted, sameAs: [counted], also: [], heldAs: () => firstOccurrences.map(name) }
    : { uid: name(occurrence), sameAs: [uncounted], also: [counted], heldAs: () => [uncounted] };
}

/**
 * Maps a body to a Detection Finding (2004): the rule, the state of the alert, whom it is about, and the Directory
 * Insights record inside as evidence. Total: what is no notice says why.
 * @param text the body, which `value` was parsed from; nested no deeper than records may be
 */
export function mapNotice(value: JsonValue, text: string, context: NoticeContext): NoticeOutcome {
  if (!isObject(value)) return unknown('The body is JSON, but not an object.');
  if (hasForbiddenKey(value)) return unknown('The body has a member called __proto__.');
  const marked = parseExactly(text);
  const redaction = redactRecord(makeWellFormed(marked ?? value), text.toWellFormed());
  const reader = new RecordReader(redaction.value as JsonObject, context.target);
  const notice = (context.source === 'webhook' ? readPushedNotice : readListedNotice)(reader);
  if (notice === undefined) return unknown('No alert is named in the body.');
  if (notice.organization !== undefined && notice.organization !== context.organization)
    return { kind: 'foreign', organization: notice.organization };
  const restore = (json: string) => (marked === undefined ? json : restoreNumbers(json));
  const raw = restore(redaction.text);
  const evidence = readEvidence(value, notice.event, context);
  const event = buildFinding(reader, notice, context, { raw, redacted: redaction.redacted, evidence });
  const validator = context.target.validators.detection_finding;
  if (!validator(event))
    return { kind: 'unknown', message: 'The finding does not fit its OCSF class.', details: describeErrors(validator) };
  const user = evidence?.user;
  return {
    kind: 'event',
    notice,
    raw,
    event: {
      uid: event.metadata.uid,
      classUid: event.class_uid,
      typeUid: event.type_uid,
      time: event.time,
      eventCode: 'alert',
      partitionKey: user?.uid ?? user?.name ?? context.organization,
      text: restore(serialise(event)),
    },
  };
}

function unknown(message: string): NoticeOutcome {
  return { kind: 'unknown', message, details: [] };
}

interface Around {
  readonly raw: string;
  readonly redacted: boolean;
  readonly evidence: Evidence | undefined;
}

function buildFinding(reader: RecordReader, notice: AlertNotice, context: NoticeContext, around: Around): OcsfEvent {
  const { target, source, organization, receivedAt, mapper } = context;
  const { evidence } = around;
  const definition = target.classes.detection_finding;
  const state = stateOf(notice, target);
  const activity = closingStates.has(state.id) ? CLOSE : isFirst(notice) ? CREATE : UPDATE;
  const severity = severityOf(notice, target);
  const originalTime = timeOf(notice) ?? evidence?.timestamp;
  const time = millisecondsOf(originalTime) ?? receivedAt;
  const title = notice.title ?? notice.description ?? notice.alertId;
  const rule = notice.rule.name ?? notice.rule.uid;
  const attributes: ClassAttributes = { is_alert: true };
  if (evidence !== undefined) attributes.evidences = [evidence.attributes];
  const resources = affected(notice, evidence);
  if (resources.length > 0) attributes.resources = resources;
  const observables = buildObservables(attributes, target.captions);
  const rest = reader.unconsumed();
  return {
    ...classification(definition, activity),
    severity_id: severity.id,
    severity: severity.caption,
    status_id: state.id,
    status: state.caption,
    ...(notice.statusWord === undefined ? {} : { status_code: notice.statusWord }),
    status_detail: source === 'webhook' ? 'delivered by webhook' : 'read from the list of alerts',
    time,
    timezone_offset: 0,
    ...(notice.occurrence === undefined ? {} : { count: notice.occurrence }),
    message: `${rule === undefined ? 'An Insights Rule' : `Insights Rule "${rule}"`} ${verbOf(activity, notice)}: ${title}`,
    finding_info: {
      uid: notice.alertId,
      title,
      ...(notice.description === undefined ? {} : { desc: notice.description }),
      ...(notice.category === undefined ? {} : { types: [notice.category] }),
      ...instants({
        created_time: notice.raisedAt,
        first_seen_time: notice.raisedAt,
        last_seen_time: notice.occurredAt,
      }),
      ...(rule === undefined ? {} : { analytic: analyticOf(notice) }),
      data_sources: ['JumpCloud Directory Insights'],
      product: { name: 'Insights Alerts', vendor_name: 'JumpCloud' },
      ...(evidence?.related === undefined ? {} : { related_events_count: 1, related_events: [evidence.related] }),
    },
    ...attributes,
    metadata: {
      uid: noticeNames(organization, notice).uid,
      version: target.version,
      product: { name: 'Insights Alerts', vendor_name: 'JumpCloud', feature: { name: source } },
      log_name: 'alerts',
      log_source: source,
      log_provider: source === 'webhook' ? 'JumpCloud Notification Channel' : 'JumpCloud Console API',
      log_format: 'JSON',
      event_code: 'alert',
      original_event_uid: notice.alertId,
      original_time: originalTime ?? new Date(receivedAt).toISOString(),
      tenant_uid: organization,
      ...(receivedAt < time ? {} : { logged_time: receivedAt }),
      ...labelsOf(around.redacted, receivedAt < time),
      transformation_info_list: [{ name: mapper.name, product: { name: mapper.name, version: mapper.version } }],
    },
    ...(observables.length === 0 ? {} : { observables }),
    ...(context.rawData ? rawDataAttributes({ text: around.raw }, target.captions) : {}),
    ...(rest === undefined ? {} : { unmapped: rest }),
  };
}

function labelsOf(redacted: boolean, ahead: boolean): { labels?: string[] } {
  const labels = [...(redacted ? ['redacted'] : []), ...(ahead ? ['dated_after_fetch'] : [])];
  return labels.length === 0 ? {} : { labels };
}

function isFirst({ status, occurrence }: AlertNotice): boolean {
  return (findingStates.get(status.toLowerCase()) ?? OTHER) === 1 && (occurrence ?? 1) === 1;
}

function verbOf(activity: number, { status, occurrence }: AlertNotice): string {
  if (activity === CREATE) return 'raised an alert';
  if (activity === CLOSE) return `closed an alert (${status.toLowerCase()})`;
  return status === 'OPEN'
    ? `raised an alert for the ${occurrence}. time`
    : `has an alert that is ${status.toLowerCase()}`;
}

function stateOf({ status }: AlertNotice, target: OcsfTarget): { id: number; caption: string } {
  const id = findingStates.get(status.toLowerCase().replaceAll('_', ' ')) ?? OTHER;
  return { id, caption: id === OTHER ? status : target.classes.detection_finding.statuses[id]! };
}

function severityOf({ severityWord }: AlertNotice, target: OcsfTarget): { id: number; caption: string } {
  if (severityWord === undefined) return { id: 0, caption: target.captions.severity[0]! };
  const bare = bareWord(bareWord(severityWord, 'ALERT_SEVERITY_'), 'ALERT_PRIORITY_');
  const id = severities.get(bare) ?? OTHER;
  return { id, caption: id === OTHER ? severityWord : target.captions.severity[id]! };
}

/** When what the notice reports happened: a change of status is dated by the alert's last change. */
function timeOf({ status, occurredAt, raisedAt, updatedAt }: AlertNotice): string | undefined {
  const order = status === 'OPEN' ? [occurredAt, raisedAt, updatedAt] : [updatedAt, occurredAt, raisedAt];
  return order.find((text) => millisecondsOf(text) !== undefined);
}

function millisecondsOf(text: string | undefined): number | undefined {
  const instant = parseInstant(text);
  return instant === undefined ? undefined : floorToMillisecond(instant);
}

function instants(of: Readonly<Record<string, string | undefined>>): Record<string, number> {
  const known = Object.entries(of).map(([name, text]) => [name, millisecondsOf(text)] as const);
  return Object.fromEntries(known.filter((entry): entry is [string, number] => entry[1] !== undefined));
}

function analyticOf({ rule }: AlertNotice) {
  return {
    ...(rule.uid === undefined ? {} : { uid: rule.uid }),
    ...(rule.name === undefined ? {} : { name: rule.name }),
    type_id: RULE,
    type: 'Rule',
    ...(rule.type === undefined ? {} : { category: rule.type }),
  };
}

/** Whom or what the alert is about: as it says itself, else by its record. */
function affected({ source }: AlertNotice, evidence: Evidence | undefined) {
  const user = evidence?.user;
  const named = source.uid ?? source.name;
  if (named === undefined && user?.uid === undefined) return [];
  const one = named === undefined ? { uid: user!.uid!, name: user!.name, type: 'USER' } : source;
  return [
    {
      ...(one.uid === undefined ? {} : { uid: one.uid }),
      ...(one.name === undefined ? {} : { name: one.name }),
      ...(one.type === undefined ? {} : { type: one.type }),
      role_id: AFFECTED,
      role: 'Affected',
    },
  ];
}

interface Evidence {
  readonly attributes: NonNullable<ClassAttributes['evidences']>[number];
  readonly user: { readonly uid?: string; readonly name?: string } | undefined;
  readonly timestamp: string | undefined;
  /** Where the record names all that its identity is made of. */
  readonly related: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The record inside, as evidence: under the uid that the collected record has, where it names what that is made of.
 * @param data the record without its secrets, its numbers exact
 */
function readEvidence(body: JsonObject, data: JsonObject | undefined, context: NoticeContext): Evidence | undefined {
  const plain = new RecordReader(body, context.target);
  const record = (context.source === 'webhook' ? readPushedNotice : readListedNotice)(plain)?.event;
  if (record === undefined || data === undefined) return undefined;
  const received: ReceivedRecord = { text: JSON.stringify(record), value: record, depth: 0 };
  const header = readHeader(received);
  const mapped = normalise(received, header, { ...context, rawData: false, fetchedAt: context.receivedAt });
  if (mapped.kind !== 'event')
    return { attributes: { data }, user: undefined, timestamp: header.timestamp, related: undefined };
  const event = JSON.parse(mapped.event.text) as OcsfEvent & ClassAttributes;
  const user = event.user ?? event.actor?.user;
  const whole = header.organization === context.organization && header.service !== '' && header.eventType !== '';
  return {
    attributes: {
      ...(user === undefined ? {} : { user }),
      ...(event.src_endpoint === undefined ? {} : { src_endpoint: event.src_endpoint }),
      data,
    },
    user,
    timestamp: header.timestamp,
    related: whole
      ? {
          uid: mapped.event.uid,
          type_uid: event.type_uid,
          type_name: event.type_name,
          type: header.eventType,
          created_time: event.time,
          severity_id: event.severity_id,
          severity: event.severity,
        }
      : undefined,
  };
}
