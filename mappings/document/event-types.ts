import { type ClassName, classNameOf, ocsfTarget } from '../../schemas/ocsf-target.js';
import { allRows } from '../catalogue/index-by-type.js';
import type { ActivityRule, CatalogueRow } from '../catalogue/row.js';
import type { StatusRule } from '../event-status.js';
import { baseEventReasons } from './base-event-reasons.js';
import { code, markdownTable } from './markdown.js';
import type { Traced } from './trace.js';

const activityRules: Readonly<Record<ActivityRule, string>> = {
  by_changes: 'by `changes[]`',
  by_password_owner: 'by whose password it is',
  by_association: 'by what is connected',
  by_grantee: 'by who is given it',
  by_finding_status: 'by the new status',
};

const statusRules: Readonly<Record<StatusRule, string>> = {
  success: 'Success by its name',
  failure: 'Failure by its name',
  requested: 'Requested (99)',
  status_word: 'word of `status`',
  result_word: 'word of `result`',
};

const GENERAL_STATUS = '`success`';

/** Every event type with what it becomes; where the rules leave a choice, what the fixtures became. */
export function describeEventTypes(traced: readonly Traced[]): string {
  const seen = new Map<string, Set<string>>();
  for (const { sample, event } of traced) {
    const key = `${sample.service} ${sample.eventType}`;
    const kinds = seen.get(key) ?? new Set();
    seen.set(
      key,
      kinds.add(describeKind(classNameOf(ocsfTarget, Number(event.class_uid))!, Number(event.activity_id))),
    );
  }
  const rows = allRows.toSorted((a, b) => order(a, b)).map((row) => describeRow(row, seen));
  return markdownTable(['Service', 'Event type', 'Family', 'Class: activity', 'Status'], rows);
}

function order(a: CatalogueRow, b: CatalogueRow): number {
  return `${a.service} ${a.eventType}` < `${b.service} ${b.eventType}` ? -1 : 1;
}

function describeRow(row: CatalogueRow, seen: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { service, eventType, family, options } = row;
  const type = eventType === '*' ? '*any other*' : code(eventType);
  const status = options.status === undefined ? GENERAL_STATUS : statusRules[options.status];
  return [code(service), type, family, describeTarget(row, seen.get(`${service} ${eventType}`)), status];
}

function describeTarget({ className, activity, service, eventType }: CatalogueRow, seen?: ReadonlySet<string>): string {
  const reason = baseEventReasons.get(`${service} ${eventType}`);
  const named = typeof activity === 'number' ? describeKind(className, activity) : undefined;
  if (reason !== undefined) return `${describeKind('base_event', 99)} (${reason}; otherwise it would be ${named})`;
  const others = [...(seen ?? [])].filter((kind) => kind !== named).sort();
  if (named !== undefined) return others.length === 0 ? named : `${named}; also ${others.join(', ')}`;
  return `${activityRules[activity as ActivityRule]}: ${others.join(', ')}`;
}

function describeKind(className: ClassName, activity: number): string {
  const { uid, caption, activities } = ocsfTarget.classes[className];
  return `${caption} ${uid}: ${activities[activity]} ${activity}`;
}
