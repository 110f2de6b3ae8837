import { isObject, type JsonObject, type JsonValue } from '../json.js';
import type { RecordReader } from '../record-reader.js';

/**
 * One notice of an alert: that it was raised, occurred again, or changed its status. Whether JumpCloud's notification
 * channel brought it or the list of alerts, the same notice has the same alert, status and occurrence.
 */
export interface AlertNotice {
  readonly alertId: string;
  /** Undefined where the notice names none. */
  readonly organization: string | undefined;
  /** Upper case, without `ALERT_STATUS_`: `OPEN`, `ACKNOWLEDGED`, `RESOLVED`. */
  readonly status: string;
  /** The status as JumpCloud wrote it; undefined where the notice names none. */
  readonly statusWord: string | undefined;
  /** Which occurrence of the alert, from 1; undefined where the notice counts none. */
  readonly occurrence: number | undefined;
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly category: string | undefined;
  readonly severityWord: string | undefined;
  readonly rule: { readonly uid?: string; readonly name?: string; readonly type?: string };
  /** What the alert is about: a user, a device. */
  readonly source: { readonly uid?: string; readonly name?: string; readonly type?: string };
  /** RFC 3339, as written. */
  readonly occurredAt: string | undefined;
  readonly raisedAt: string | undefined;
  readonly updatedAt: string | undefined;
  /** The Directory Insights record inside, or a part of it. */
  readonly event: JsonObject | undefined;
}

/**
 * The names that a notice's members may have. JumpCloud publishes no schema of what its webhook channel sends. Known are
 * the list of alerts (`objectId`, `title`, `ALERT_…` words), the body of *Test Webhook*, and the names `alert_id`,
 * `alert_title`, `category`, `description`, `priority`, `rule_id`, `event_description` and `di_event` inside `data`; the
 * rest is a guess. A sample of the real thing changes this table and `envelopes`, and nothing else.
 */
const NAMES = {
  alertId: ['alert_id', 'alertId', 'alert_object_id', 'alertObjectId'],
  organization: ['organization_object_id', 'organizationObjectId', 'organization_id', 'organizationId', 'organization'],
  status: ['alert_status', 'alertStatus', 'status'],
  occurrence: ['occurrence', 'occurrences_count', 'occurrencesCount', 'occurrence_count', 'occurrences'],
  title: ['alert_title', 'alertTitle', 'title'],
  description: ['description', 'event_description', 'eventDescription'],
  category: ['category', 'alert_category', 'alertCategory'],
  severity: ['severity', 'priority', 'alert_severity', 'alertSeverity'],
  ruleId: ['rule_id', 'ruleId', 'rule_object_id', 'ruleObjectId'],
  ruleName: ['rule_name', 'ruleName'],
  ruleType: ['rule_type', 'ruleType'],
  sourceId: ['source_id', 'sourceId', 'source_object_id', 'sourceObjectId'],
  sourceName: ['source_name', 'sourceName'],
  sourceType: ['source_type', 'sourceType'],
  occurredAt: ['occurred_at', 'occurredAt', 'last_occurred_at', 'lastOccurredAt', 'timestamp'],
  raisedAt: ['created_at', 'createdAt', 'first_occurred_at', 'firstOccurredAt'],
  updatedAt: ['updated_at', 'updatedAt', 'status_updated_at', 'statusUpdatedAt'],
  event: ['di_event', 'diEvent'],
} as const;

/** Objects of a body that may hold the alert, the innermost first. */
function envelopes(reader: RecordReader): JsonObject[] {
  const { record } = reader;
  const data = reader.object(record, 'data');
  const found = [reader.object(data, 'alert'), data, reader.object(record, 'alert'), record];
  return found.filter((one) => one !== undefined);
}

/** Reads what a channel sent; undefined where no alert is named in it. Members that are read count as consumed. */
export function readPushedNotice(reader: RecordReader): AlertNotice | undefined {
  return readNotice(reader, envelopes(reader), NAMES.alertId);
}

/** Reads a row of the list of alerts, whose id is `objectId`. */
export function readListedNotice(reader: RecordReader): AlertNotice | undefined {
  return readNotice(reader, [reader.record], ['objectId', 'id', '_id', ...NAMES.alertId]);
}

function readNotice(
  reader: RecordReader,
  within: readonly JsonObject[],
  idNames: readonly string[],
): AlertNotice | undefined {
  const text = (names: readonly string[]): string | undefined => {
    for (const one of within) {
      const name = names.find((candidate) => reader.peek(one, candidate) !== undefined);
      if (name !== undefined) return reader.text(one, name);
    }
    return undefined;
  };
  const alertId = text(idNames);
  if (alertId === undefined) return undefined;
  const statusWord = text(NAMES.status);
  return {
    alertId,
    organization: text(NAMES.organization),
    status: bareWord(statusWord ?? 'OPEN', 'ALERT_STATUS_'),
    statusWord,
    occurrence: readOccurrence(reader, within),
    title: text(NAMES.title),
    description: text(NAMES.description),
    category: text(NAMES.category),
    severityWord: text(NAMES.severity),
    rule: given({ uid: text(NAMES.ruleId), name: text(NAMES.ruleName), type: text(NAMES.ruleType) }),
    source: given({ uid: text(NAMES.sourceId), name: text(NAMES.sourceName), type: text(NAMES.sourceType) }),
    occurredAt: text(NAMES.occurredAt),
    raisedAt: text(NAMES.raisedAt),
    updatedAt: text(NAMES.updatedAt),
    event: readEvent(reader, within),
  };
}

function readOccurrence(reader: RecordReader, within: readonly JsonObject[]): number | undefined {
  for (const one of within) {
    for (const name of NAMES.occurrence) {
      const written = one[name];
      const count = typeof written === 'string' ? Number(written) : written;
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) continue;
      reader.consume(one, name);
      return count;
    }
  }
  return undefined;
}

function readEvent(reader: RecordReader, within: readonly JsonObject[]): JsonObject | undefined {
  for (const one of within) {
    for (const name of NAMES.event) {
      const event: JsonValue | undefined = one[name];
      if (!isObject(event)) continue;
      reader.consume(one, name);
      return event;
    }
  }
  return undefined;
}

/** `ALERT_STATUS_OPEN` and `open` as `OPEN`. */
export function bareWord(word: string, prefix: string): string {
  const upper = word.trim().toUpperCase();
  return upper.startsWith(prefix) ? upper.slice(prefix.length) : upper;
}

function given<T extends Readonly<Record<string, string | undefined>>>(of: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}

/** The members of the body that *Test Webhook* sends, and no other: a body with more is not taken for a test. */
const TEST_MEMBERS: ReadonlySet<string> = new Set(['type', 'tags', 'channels', 'organization_object_id']);

/** Whether a body is the one that JumpCloud's *Test Webhook* sends: `type` and no alert. */
export function isTestBody(value: JsonValue): value is JsonObject {
  return (
    isObject(value) && typeof value.type === 'string' && Object.keys(value).every((name) => TEST_MEMBERS.has(name))
  );
}
