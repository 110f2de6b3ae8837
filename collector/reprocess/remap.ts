import { isDeepStrictEqual } from 'node:util';
import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject, type JsonObject } from '../../mappings/json.js';
import type { MappingSettings } from '../../mappings/normalise.js';
import type { Range } from '../position/time-range.js';
import type { Rewriting, StoredEvent } from '../sinks/rewriting.js';
import { dayOf } from '../sinks/tables/layout.js';
import { mapStored } from './stored-record.js';

/** Events of one type that become something else. */
export interface RemapChange {
  readonly eventCode: string;
  /** `type_name` before and after; the same where only other attributes differ. */
  readonly from: string;
  readonly to: string;
  readonly moves: boolean;
  count: number;
}

/** What a remapping finds, over all lanes. */
export interface RemapReport {
  examined: number;
  unchanged: number;
  /** Without `raw_data`: left as they are. */
  withoutRaw: number;
  /** Which today's mapping turns into a dead letter: left as they are. */
  unmappable: number;
  /** Whose new class the feed does not deliver: left as they are. */
  notDelivered: number;
  readonly changes: Map<string, RemapChange>;
}

/** Today's mapping, and what of it is delivered. */
export interface RemapSettings {
  readonly range: Range;
  readonly classes: ReadonlySet<number> | undefined;
  readonly mapping: Omit<MappingSettings, 'rawData'>;
}

export function newRemapReport(): RemapReport {
  return { examined: 0, unchanged: 0, withoutRaw: 0, unmappable: 0, notDelivered: 0, changes: new Map() };
}

/** How stored events of a range are rewritten with today's mapping; what it finds is counted in the report. */
export function remapping(settings: RemapSettings, report: RemapReport): Rewriting {
  const { range } = settings;
  const [firstDay, lastDay] = [dayOf(range.from * 1000), dayOf(range.to * 1000 - 1)];
  const isInRange = ({ time }: StoredEvent) => time >= range.from * 1000 && time < range.to * 1000;
  return {
    wanted: (day) => day >= firstDay && day <= lastDay,
    decide(stored) {
      const outcome = isInRange(stored) ? remapEvent(stored, settings) : undefined;
      return typeof outcome === 'object' ? outcome : undefined;
    },
    examined(stored) {
      if (!isInRange(stored)) return;
      report.examined += 1;
      const outcome = remapEvent(stored, settings);
      if (typeof outcome === 'string') report[outcome] += 1;
      else count(report.changes, stored, outcome);
    },
  };
}

type Left = 'unchanged' | 'withoutRaw' | 'unmappable' | 'notDelivered';

/** The event that today's mapping makes of a stored one's record, or why it stays. */
function remapEvent(stored: StoredEvent, { classes, mapping }: RemapSettings): NormalisedEvent | Left {
  const { raw_data: text, metadata } = stored.event;
  if (typeof text !== 'string' || !isObject(metadata)) return 'withoutRaw';
  // What an alert's raw data holds is no record.
  if (metadata.log_name === 'alerts' && metadata.event_code === 'alert') return 'withoutRaw';
  const labels = Array.isArray(metadata.labels) ? metadata.labels : [];
  const record = {
    uid: stored.uid,
    text,
    fetchedAt: fetchedAt(stored, metadata, labels),
    redacted: labels.includes('redacted'),
  };
  const remapped = mapStored(record, { ...mapping, rawData: true });
  if (remapped?.outcome.kind !== 'event') return 'unmappable';
  const { event } = remapped.outcome;
  if (classes?.has(event.classUid) === false && event.classUid !== stored.classUid) return 'notDelivered';
  return isSame(stored.event, JSON.parse(event.text) as JsonObject) ? 'unchanged' : event;
}

/** Of a record dated after its fetching, only that was kept. */
function fetchedAt(stored: StoredEvent, metadata: JsonObject, labels: readonly unknown[]): number | undefined {
  if (typeof metadata.logged_time === 'number') return metadata.logged_time;
  return labels.includes('dated_after_fetch') ? stored.time - 1 : undefined;
}

/** Whether two events tell the same; which version of the mapping made them is no difference. */
function isSame(a: JsonObject, b: JsonObject): boolean {
  return isDeepStrictEqual(withoutMaker(a), withoutMaker(b));
}

function withoutMaker(event: JsonObject): JsonObject {
  const { transformation_info_list: _maker, ...metadata } = event.metadata as JsonObject;
  return { ...event, metadata };
}

function count(changes: Map<string, RemapChange>, { event }: StoredEvent, after: NormalisedEvent): void {
  const from = String(event.type_name);
  const to = String((JSON.parse(after.text) as JsonObject).type_name);
  const key = `${after.eventCode}\n${from}\n${to}`;
  const change = changes.get(key) ?? {
    eventCode: after.eventCode,
    from,
    to,
    moves: after.classUid !== event.class_uid,
    count: 0,
  };
  change.count += 1;
  changes.set(key, change);
}
