import { captions, ocsfClasses } from '../schemas/ocsf.js';
import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Deed, Mapped } from './class-attributes.js';
import { readDevice } from './device.js';
import { readClient } from './endpoint.js';
import type { JsonObject } from './json.js';
import type { Outcome } from './outcome.js';
import type { Reading } from './record-reader.js';
import { callUser, isPerson, type OcsfUser, readUser, userNamed } from './user.js';

const CREATE = 1;
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

const NEW = 1;
const RESOLVED = 4;
const closing = new Set([RESOLVED, 5, 6]);

const riskLevels = new Map<string, number>([
  ['info', 0],
  ['low', 1],
  ['medium', 2],
  ['high', 3],
  ['critical', 4],
]);

const deeds: Readonly<Record<number, Deed>> = {
  [CREATE]: { done: 'opened the finding', todo: 'open the finding' },
  [UPDATE]: { done: 'updated the finding', todo: 'update the finding' },
  [CLOSE]: { done: 'closed the finding', todo: 'close the finding' },
};

type Finding = NonNullable<ClassAttributes['finding_info']>;

/** Alerts and risk events (2004). Always possible: where nothing else names the finding, the record's own id does. */
export function mapDetectionFinding(reading: Reading, row: CatalogueRow): Mapped {
  const { record } = reading;
  const attributes: ClassAttributes = {};
  // Before the finding: a `resource` that is a person does not name one.
  const user = row.options.isAlert === true ? undefined : readRiskUser(reading);
  const finding = readFinding(reading, row);
  attributes.finding_info = finding;
  if (row.options.isAlert === true) {
    attributes.is_alert = true;
    addAffected(reading, attributes);
  }
  addRiskLevel(reading, attributes);
  const device = readDevice(reading, reading.object(record, 'system'));
  if (device !== undefined) {
    attributes.device = device;
    // OCSF allows an actor here only beside a device (profile host).
    const actor = readActor(reading);
    if (actor !== undefined) attributes.actor = actor;
  }
  const source = readClient(reading);
  if (user !== undefined) attributes.evidences = [source === undefined ? { user } : { user, src_endpoint: source }];
  else if (source !== undefined) attributes.evidences = [{ src_endpoint: source }];
  const outcome = readState(reading, row);
  const activityId = activityOf(row, outcome);
  return { classUid: 2004, activityId, outcome, attributes, deed: deedOf(activityId, finding, user) };
}

function deedOf(activityId: number, finding: Finding, user: OcsfUser | undefined): Deed {
  const { done, todo } = deeds[activityId]!;
  const name = callUser(user);
  const title = finding.title ?? finding.types?.[0] ?? finding.uid;
  const about = name === undefined ? title : `${title} about ${name}`;
  return { done: `${done} ${about}`, todo: `${todo} ${about}` };
}

/** The person of a risk event is in `resource`: by name, also where the resource is the risk event itself. */
function readRiskUser(reading: Reading): OcsfUser | undefined {
  const resource = reading.object(reading.record, 'resource');
  if (resource === undefined) return undefined;
  if (isPersonal(reading, resource)) return readUser(reading, resource);
  const name = reading.text(resource, 'username') ?? reading.text(resource, 'name');
  return name === undefined ? undefined : userNamed(name);
}

function isPersonal(reading: Reading, resource: JsonObject): boolean {
  return isPerson(reading, resource) || reading.peek(resource, 'type') === undefined;
}

function readFinding(reading: Reading, row: CatalogueRow): Finding {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  const isAlert = row.options.isAlert === true;
  const named = resource !== undefined && (isAlert || !isPersonal(reading, resource));
  const uid =
    reading.text(record, 'alert_id') ??
    reading.text(record, 'risk_event_id') ??
    reading.text(resource, 'risk_event_id') ??
    (named ? reading.text(resource, 'id') : undefined) ??
    reading.peek(record, 'id')!;
  const finding: Finding = { uid };
  const title =
    reading.text(record, 'title') ??
    (isAlert ? (reading.text(resource, 'name') ?? reading.text(resource, 'context')) : undefined) ??
    reading.text(record, 'name');
  if (title !== undefined) finding.title = title;
  const description = reading.text(record, 'description') ?? reading.text(record, 'detail');
  if (description !== undefined) finding.desc = description;
  const type = reading.text(record, 'category') ?? reading.text(record, 'risk_type');
  if (type !== undefined) finding.types = [type];
  return finding;
}

/** What raised an alert: `resource` names its source. */
function addAffected(reading: Reading, attributes: ClassAttributes): void {
  const resource = reading.object(reading.record, 'resource');
  const uid = reading.text(resource, 'source_id');
  if (uid === undefined) return;
  const type = reading.text(resource, 'source_type');
  attributes.resources = [type === undefined ? { uid } : { uid, type }];
}

function addRiskLevel(reading: Reading, attributes: ClassAttributes): void {
  const word = reading.text(reading.record, 'risk_level');
  if (word === undefined) return;
  attributes.risk_level_id = riskLevels.get(word.toLowerCase()) ?? 99;
  attributes.risk_level = attributes.risk_level_id === 99 ? word : captions.riskLevel[attributes.risk_level_id]!;
}

/** The state of the finding stands where other classes have the outcome of the activity. */
function readState(reading: Reading, row: CatalogueRow): Outcome {
  const { record } = reading;
  const word = reading.text(record, 'status') ?? reading.text(reading.object(record, 'resource'), 'status');
  const id = word === undefined ? stateAfter(row) : (states.get(word.toLowerCase()) ?? 99);
  const statuses: Readonly<Record<number, string>> = ocsfClasses[2004].statuses;
  const state: Outcome = { id, caption: id === 99 ? word! : statuses[id]!, pending: false };
  if (word !== undefined && id !== 99) state.code = word;
  const detail = reading.text(record, 'error_message')?.trim();
  if (detail !== undefined) state.detail = detail;
  return state;
}

function stateAfter({ activity }: CatalogueRow): number {
  if (activity === CREATE) return NEW;
  return activity === CLOSE ? RESOLVED : 0;
}

function activityOf({ activity }: CatalogueRow, state: Outcome): number {
  if (typeof activity === 'number') return activity;
  return closing.has(state.id) ? CLOSE : UPDATE;
}
