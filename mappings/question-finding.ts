import type { OcsfTarget } from '../schemas/ocsf-target.js';
import { classification } from './classification.js';
import type { NormalisedEvent } from './event.js';
import type { JsonObject, JsonValue } from './json.js';
import { accountTags } from './metadata.js';
import { ownEvent, ownMetadata } from './own-event.js';
import { sha256 } from './record.js';

/** A row that a watched question has found. */
export interface QuestionFinding {
  readonly feed: string;
  readonly organization: string | undefined;
  /** Of the question: `password-spraying`, its title, what its rows say, and MITRE's technique where one fits. */
  readonly question: string;
  readonly title: string;
  readonly answers: string;
  readonly technique: string | undefined;
  /** Names the row among those of the question. */
  readonly identity: string;
  readonly row: JsonObject;
  /** Epoch milliseconds at which it was found. */
  readonly now: number;
  /** Epoch milliseconds as of which the question was asked: earlier where a pause is made up for. */
  readonly askedAsOf: number;
  readonly mapper: { readonly name: string; readonly version: string };
  /** As in the feed's other events. */
  readonly accountName: string | undefined;
}

const CREATE = 1;
const NEW = 1;
const RULE = 1;
const LOW = 2;
const MEDIUM = 3;
const LONGEST_MESSAGE = 500;

/** The collector's own event for a row that is new among the answers of a watched question: a Detection Finding (2004). */
export function questionFindingEvent(finding: QuestionFinding, target: OcsfTarget): NormalisedEvent {
  const { feed, organization, question, title, answers, technique, identity, row, now, askedAsOf, mapper } = finding;
  const definition = target.classes.detection_finding;
  const severity = technique === undefined ? LOW : MEDIUM;
  const values = Object.entries(row).flatMap(([name, value]) => (value === null ? [] : `${name} ${inWords(value)}`));
  const event = {
    ...classification(definition, CREATE),
    severity_id: severity,
    severity: target.captions.severity[severity],
    status_id: NEW,
    status: definition.statuses[NEW],
    is_alert: true,
    time: now,
    timezone_offset: 0,
    message: `${title}: ${values.join(', ')}`.slice(0, LONGEST_MESSAGE).toWellFormed(),
    finding_info: {
      uid: sha256(`question\n${feed}\n${question}\n${identity}`).slice(0, 32),
      title,
      desc: answers,
      created_time: now,
      ...(technique === undefined ? {} : { types: [technique] }),
      analytic: { uid: question, name: title, type_id: RULE, type: 'Rule' },
    },
    metadata: {
      ...ownMetadata(mapper, target, 'questions'),
      uid: sha256(`question finding\n${feed}\n${question}\n${identity}\n${askedAsOf}`).slice(0, 32),
      event_code: 'question_row',
      original_time: new Date(now).toISOString(),
      ...(organization === undefined ? {} : { tenant_uid: organization }),
      ...(finding.accountName === undefined ? {} : { tags: accountTags(finding.accountName) }),
    },
    unmapped: { feed, question, row },
  };
  return ownEvent('detection_finding', event, organization ?? feed, target);
}

function inWords(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
