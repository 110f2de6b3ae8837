import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import { readDevice } from './device.js';
import { readClient } from './endpoint.js';
import type { ClassAttributes, Mapped } from './mapped.js';
import { readNamed } from './named.js';
import { ocsfClasses } from './ocsf.js';
import type { Outcome } from './outcome.js';
import type { Reading } from './reading.js';
import { callUser, isPerson, readUser } from './user.js';

const UPDATE = 2;
const CLOSE = 3;

/** OCSF's states of a finding by JumpCloud's words for those of alerts. */
const states = new Map<string, number>([
  ['new', 1],
  ['open', 1],
  ['opened', 1],
  ['created', 1],
  ['in_progress', 2],
  ['in progress', 2],
  ['acknowledged', 2],
  ['suppressed', 3],
  ['dismissed', 3],
  ['ignored', 3],
  ['resolved', 4],
  ['closed', 4],
  ['archived', 5],
  ['deleted', 6],
]);

const closing = new Set([4, 5, 6]);

/** Alerts and risk events (2004). Always possible: where nothing else names the finding, the record's own id does. */
export function mapDetectionFinding(reading: Reading, row: CatalogueRow): Mapped {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  const attributes: ClassAttributes = { finding_info: readFinding(reading, row) };
  if (row.options.isAlert === true) attributes.is_alert = true;
  const device = readDevice(reading, reading.object(record, 'system'));
  const user = namesRiskUser(reading, row) ? readUser(reading, resource) : undefined;
  if (device !== undefined) {
    attributes.device = device;
    // OCSF allows an actor here only beside a device (profile host).
    const actor = readActor(reading);
    if (actor !== undefined) attributes.actor = actor;
  }
  const source = readClient(reading);
  if (user !== undefined || source !== undefined) {
    attributes.evidences = [
      { ...(user === undefined ? {} : { user }), ...(source === undefined ? {} : { src_endpoint: source }) },
    ];
  }
  if (row.options.isAlert === true) addAffected(reading, resource, attributes);
  const outcome = readState(reading, row);
  const title = attributes.finding_info!.title ?? attributes.finding_info!.uid;
  const name = callUser(user);
  const about = name === undefined ? title : `${title} about ${name}`;
  return {
    classUid: 2004,
    activityId: activityOf(row, outcome),
    outcome,
    attributes,
    deed: { done: `did ${row.eventType} for ${about}`, todo: `do ${row.eventType} for ${about}` },
  };
}

/** The person of a risk event is in `resource`, by name. */
function namesRiskUser(reading: Reading, { options }: CatalogueRow): boolean {
  const resource = reading.object(reading.record, 'resource');
  if (options.isAlert === true || resource === undefined) return false;
  return isPerson(reading, resource) || reading.peek(resource, 'type') === undefined;
}

const alertUidKeys = ['id', 'alert_id', 'reference_id'];

function readFinding(reading: Reading, row: CatalogueRow): NonNullable<ClassAttributes['finding_info']> {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  const isFinding = resource !== undefined && !namesRiskUser(reading, row);
  const uid =
    reading.text(record, 'alert_id') ??
    reading.text(record, 'risk_event_id') ??
    reading.text(resource, 'risk_event_id') ??
    (isFinding ? firstOf(reading, resource, alertUidKeys) : undefined) ??
    reading.peek(record, 'id')!;
  const finding: NonNullable<ClassAttributes['finding_info']> = { uid };
  const title =
    reading.text(record, 'title') ??
    reading.text(record, 'name') ??
    (isFinding ? reading.text(resource, 'name') : undefined);
  if (title !== undefined) finding.title = title;
  const description = reading.text(record, 'description');
  if (description !== undefined) finding.desc = description;
  const type = reading.text(record, 'category') ?? reading.text(record, 'risk_type');
  if (type !== undefined) finding.types = [type];
  return finding;
}

function firstOf(reading: Reading, of: ReturnType<Reading['object']>, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const text = reading.text(of, key);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** What an alert is about: `resource` names the source that raised it. */
function addAffected(reading: Reading, resource: ReturnType<Reading['object']>, attributes: ClassAttributes): void {
  const uid = reading.text(resource, 'source_id');
  if (uid === undefined) return;
  const type = reading.text(resource, 'source_type');
  attributes.resources = [type === undefined ? { uid } : { uid, type }];
  const more = readNamed(reading, reading.object(reading.record, 'application'), 'application');
  if (more !== undefined) attributes.resources.push(more);
}

/** The state of the finding stands where other classes have the outcome of the activity. */
function readState(reading: Reading, row: CatalogueRow): Outcome {
  const { record } = reading;
  const word = reading.text(record, 'status') ?? reading.text(reading.object(record, 'resource'), 'status');
  const detail = reading.text(record, 'error_message')?.trim();
  const id = word === undefined ? byActivity(row) : (states.get(word.toLowerCase()) ?? 99);
  const caption = id === 99 ? word! : ocsfClasses[2004].statuses[id as 0]!;
  return {
    id,
    caption,
    pending: false,
    ...(detail === undefined ? {} : { detail }),
    ...(word === undefined || id === 99 ? {} : { code: word }),
  };
}

function byActivity({ activity }: CatalogueRow): number {
  if (activity === 1) return 1;
  return activity === CLOSE ? 4 : 0;
}

function activityOf({ activity }: CatalogueRow, outcome: Outcome): number {
  if (typeof activity === 'number') return activity;
  return closing.has(outcome.id) ? CLOSE : UPDATE;
}
