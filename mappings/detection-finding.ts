import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { readDevice } from './device.js';
import { readClient } from './endpoint.js';
import type { EventStatus } from './event-status.js';
import type { JsonObject } from './json.js';
import { type ActionPhrase, phrase, type Verb } from './phrase.js';
import type { RecordReader } from './record-reader.js';
import { displayNameOf, isPerson, type OcsfUser, readUser, userNamed } from './user.js';

const CREATE = 1;
const UPDATE = 2;
const CLOSE = 3;

/** OCSF's states of a finding by JumpCloud's words for those of alerts. */
export const findingStates: ReadonlyMap<string, number> = new Map<string, number>([
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
/** States in which a finding is over. */
export const closingStates: ReadonlySet<number> = new Set([RESOLVED, 5, 6]);

const riskLevels = new Map<string, number>([
  ['info', 0],
  ['low', 1],
  ['medium', 2],
  ['high', 3],
  ['critical', 4],
]);

const verbs: Readonly<Record<number, Verb>> = {
  [CREATE]: ['opened', 'open'],
  [UPDATE]: ['updated', 'update'],
  [CLOSE]: ['closed', 'close'],
};

type Finding = NonNullable<ClassAttributes['finding_info']>;

/** Alerts and risk events (2004). Always possible: where nothing else names the finding, the record's own id does. */
export function mapDetectionFinding(reader: RecordReader, row: CatalogueRow): ClassMapping {
  const { record } = reader;
  const attributes: ClassAttributes = {};
  // Before the finding: a `resource` that is a person does not name one.
  const user = row.options.isAlert === true ? undefined : readRiskUser(reader);
  const finding = readFinding(reader, row);
  attributes.finding_info = finding;
  if (row.options.isAlert === true) {
    attributes.is_alert = true;
    addAffected(reader, attributes);
  }
  addRiskLevel(reader, attributes);
  const device = readDevice(reader, reader.object(record, 'system'));
  if (device !== undefined) attributes.device = device;
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  const source = readClient(reader);
  if (user !== undefined) attributes.evidences = [source === undefined ? { user } : { user, src_endpoint: source }];
  else if (source !== undefined) attributes.evidences = [{ src_endpoint: source }];
  const status = readState(reader, row);
  const activityId = activityOf(row, status);
  return {
    className: 'detection_finding',
    activityId,
    status,
    attributes,
    action: phraseOf(activityId, finding, user),
  };
}

function phraseOf(activityId: number, finding: Finding, user: OcsfUser | undefined): ActionPhrase {
  const name = displayNameOf(user);
  const title = finding.title ?? finding.types?.[0] ?? finding.uid;
  const about = name === undefined ? title : `${title} about ${name}`;
  return phrase(verbs[activityId]!, `the finding ${about}`);
}

/** The person of a risk event is in `resource`: by name, also where the resource is the risk event itself. */
function readRiskUser(reader: RecordReader): OcsfUser | undefined {
  const resource = reader.object(reader.record, 'resource');
  if (resource === undefined) return undefined;
  if (isPersonal(reader, resource)) return readUser(reader, resource);
  const name = reader.text(resource, 'username') ?? reader.text(resource, 'name');
  return name === undefined ? undefined : userNamed(reader, name);
}

function isPersonal(reader: RecordReader, resource: JsonObject): boolean {
  return isPerson(reader, resource) || reader.peek(resource, 'type') === undefined;
}

function readFinding(reader: RecordReader, row: CatalogueRow): Finding {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const isAlert = row.options.isAlert === true;
  const named = resource !== undefined && (isAlert || !isPersonal(reader, resource));
  const uid =
    reader.text(record, 'alert_id') ??
    reader.text(record, 'risk_event_id') ??
    reader.text(resource, 'risk_event_id') ??
    (named ? reader.text(resource, 'id') : undefined) ??
    reader.peek(record, 'id')!;
  const finding: Finding = { uid };
  const title =
    reader.text(record, 'title') ??
    (isAlert ? (reader.text(resource, 'name') ?? reader.text(resource, 'context')) : undefined) ??
    reader.text(record, 'name');
  if (title !== undefined) finding.title = title;
  const description = reader.text(record, 'description') ?? reader.text(record, 'detail');
  if (description !== undefined) finding.desc = description;
  const type = reader.text(record, 'category') ?? reader.text(record, 'risk_type');
  if (type !== undefined) finding.types = [type];
  return finding;
}

/** What raised an alert (`source_id`), and what it is about (`reference_id`, of the kind that `category` says). */
function addAffected(reader: RecordReader, attributes: ClassAttributes): void {
  const resource = reader.object(reader.record, 'resource');
  const source = readReference(reader, resource, 'source_id', reader.text(resource, 'source_type'));
  const subject = readReference(reader, resource, 'reference_id', attributes.finding_info?.types?.[0]);
  const resources = [source, subject].filter((one) => one !== undefined);
  if (resources.length > 0) attributes.resources = resources;
}

function readReference(
  reader: RecordReader,
  of: JsonObject | undefined,
  key: string,
  type: string | undefined,
): OcsfNamed | undefined {
  const uid = reader.text(of, key);
  if (uid === undefined) return undefined;
  return type === undefined ? { uid } : { uid, type };
}

function addRiskLevel(reader: RecordReader, attributes: ClassAttributes): void {
  const word = reader.text(reader.record, 'risk_level');
  if (word === undefined) return;
  attributes.risk_level_id = riskLevels.get(word.toLowerCase()) ?? 99;
  attributes.risk_level =
    attributes.risk_level_id === 99 ? word : reader.caption('riskLevel', attributes.risk_level_id);
}

/** The state of the finding, which OCSF puts where other classes have the status of the activity. */
function readState(reader: RecordReader, row: CatalogueRow): EventStatus {
  const { record } = reader;
  const word = reader.text(record, 'status') ?? reader.text(reader.object(record, 'resource'), 'status');
  const id = word === undefined ? stateAfter(row) : (findingStates.get(word.toLowerCase()) ?? 99);
  const { statuses } = reader.target.classes.detection_finding;
  const state: EventStatus = { id, caption: id === 99 ? word! : statuses[id]!, pending: false };
  if (word !== undefined && id !== 99) state.code = word;
  const detail = reader.text(record, 'error_message')?.trim();
  if (detail !== undefined) state.detail = detail;
  return state;
}

function stateAfter({ activity }: CatalogueRow): number {
  if (activity === CREATE) return NEW;
  return activity === CLOSE ? RESOLVED : 0;
}

function activityOf({ activity }: CatalogueRow, state: EventStatus): number {
  if (typeof activity === 'number') return activity;
  return closingStates.has(state.id) ? CLOSE : UPDATE;
}
