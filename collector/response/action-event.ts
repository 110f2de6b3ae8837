import { classification } from '../../mappings/classification.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonObject } from '../../mappings/json.js';
import { accountTags } from '../../mappings/metadata.js';
import { ownEvent, ownMetadata } from '../../mappings/own-event.js';
import { sha256 } from '../../mappings/record.js';
import { type ClassName, ocsfTarget } from '../../schemas/ocsf-target.js';
import type { PlacedLine } from '../files/hash-chained-journal.js';
import { mapper } from '../version.js';
import { type ActionEntry, type ActionRecord, type Asked, entryOf, type Outcome } from './action-journal.js';
import type { Refusal } from './guards.js';
import type { Plan } from './plan.js';
import { isId } from './target.js';
import { type Verb, verbs } from './verbs.js';

/** What each event of response holds besides the action. */
export interface ActionEventContext {
  readonly feed: string;
  readonly organization: string | undefined;
  /** Name of the host that the request came from. */
  readonly host: string;
  readonly clientId: string | undefined;
  readonly accountName: string | undefined;
}

/** A step of an action as its event says it. */
interface Step {
  readonly name: string;
  /** RFC 3339 */
  readonly at: string;
  readonly status: Status;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly more: JsonObject;
}

/** OCSF's `status_id` with the caption, which is the source's own where the id is 99. */
type Status = readonly [id: 1 | 2 | 99, caption: string];

const SUCCESS: Status = [1, 'Success'];
const FAILURE: Status = [2, 'Failure'];
const UNKNOWN: Status = [99, 'Unknown outcome'];

const EVICT = 2;
const RESTORE = 3;

interface VerbEvent {
  /** Of class 3001 or 3006: what changes. */
  readonly className: 'account_change' | 'group_management';
  readonly activity: number;
  /** Of class 7001. */
  readonly remedy: number;
  /** D3FEND 1.0.0 */
  readonly technique: { readonly name: string; readonly uid: string } | undefined;
  /** What is done, of `NAME`. */
  readonly does: string;
}

const eventsOfVerb: Readonly<Record<Verb, VerbEvent>> = {
  'disable-user': {
    className: 'account_change',
    activity: 5,
    remedy: EVICT,
    technique: { name: 'Account Locking', uid: 'D3-AL' },
    does: 'Suspend',
  },
  'enable-user': {
    className: 'account_change',
    activity: 2,
    remedy: RESTORE,
    technique: { name: 'Unlock Account', uid: 'D3-ULA' },
    does: 'Activate again',
  },
  'expire-password': {
    className: 'account_change',
    activity: 4,
    remedy: EVICT,
    technique: undefined,
    does: 'Expire the password of',
  },
  'add-to-group': { className: 'group_management', activity: 3, remedy: RESTORE, technique: undefined, does: 'Add' },
  'remove-from-group': {
    className: 'group_management',
    activity: 4,
    remedy: EVICT,
    technique: undefined,
    does: 'Remove',
  },
};

/**
 * The events of a line of the journal: a Remediation Activity (7001) of each step, and of an outcome of what was sent the
 * change itself, Account Change (3001) or Group Management (3006). A change is a success only where it was found when the
 * target was read again.
 * @param actions what the journal holds; the line's action is among them
 */
export function actionEvents(
  line: Pick<PlacedLine, 'entry'> & { readonly position: { readonly hash: string } },
  actions: ReadonlyMap<string, ActionRecord>,
  context: ActionEventContext,
): NormalisedEvent[] {
  const entry = entryOf(line);
  const asked = entry.type === 'denied' && entry.asked !== undefined ? subjectOf(entry, entry.asked) : undefined;
  // An ask that became no plan may have been given the id of another action.
  const record =
    asked === undefined ? actions.get(entry.type === 'planned' ? entry.plan.actionId : entry.actionId) : undefined;
  const plan = asked ?? (entry.type === 'planned' ? entry.plan : record?.plan);
  if (plan === undefined) return [];
  const step = stepOf(entry);
  const before = (record?.approvals ?? []).filter(({ at }) => at <= step.at);
  const approvers = [...new Set(before.map(({ by }) => by))];
  const build = { plan, step, approvers, hash: line.position.hash, context };
  const changed = entry.type === 'outcome' && wasSent(entry.outcome) ? [changeEvent(build, entry.outcome)] : [];
  return [stepEvent(build), ...changed];
}

/** What is known of an ask that became no plan: user and group as they were named. */
function subjectOf({ actionId, by }: { readonly actionId: string; readonly by: string }, asked: Asked): Subject {
  const { verb, user, group, reason, ticket, undoes } = asked;
  const named = (text: string) => (isId(text) ? { id: text, name: '' } : { id: '', name: text });
  const { id, name: username } = named(user);
  return {
    ...{ actionId, verb, requester: by, reason, ticket, undoes, hash: undefined, before: {}, residualAccess: [] },
    user: { id, username, email: '' },
    group: group === undefined ? undefined : named(group),
  };
}

/** Whether a request left that may have changed something; `no_change` after one says that another changed it. */
function wasSent({ result, status, reads }: Outcome): boolean {
  return result === 'verified' || result === 'unknown' || (result === 'failed' && (status !== undefined || reads > 0));
}

function stepOf(entry: ActionEntry): Step {
  switch (entry.type) {
    case 'planned': {
      const { plan } = entry;
      const [refusal] = plan.refusals;
      const at = plan.plannedAt;
      if (refusal !== undefined)
        return refusedStep(at, refusal, { refusals: JSON.parse(JSON.stringify(plan.refusals)) });
      return { ...proposed, at, name: 'proposed', status: [99, 'Proposed'], code: 'plan' };
    }
    case 'approved': {
      const { by, at, hash } = entry.approval;
      const detail = `approved by ${by}`;
      return { name: 'approved', at, status: [99, 'Approved'], code: undefined, detail, more: { plan_hash: hash } };
    }
    case 'denied':
      return refusedStep(entry.at, entry.refusal, { attempt: entry.attempt, by: entry.by });
    case 'intent':
      return { ...proposed, name: 'sending', at: entry.at, status: [99, 'Sending'], detail: 'the one request is sent' };
    case 'outcome':
      return outcomeStep(entry.outcome);
  }
}

const proposed = { code: undefined, detail: 'nothing was sent', more: {} };

function refusedStep(at: string, { code, reason, cure }: Refusal, more: JsonObject): Step {
  return { name: 'refused', at, status: FAILURE, code, detail: `${reason}. ${cure}`, more };
}

function outcomeStep({ result, at, detail, status, code, refusal, requestId, reads }: Outcome): Step {
  const statuses = {
    verified: SUCCESS,
    no_change: SUCCESS,
    failed: FAILURE,
    refused: FAILURE,
    unknown: UNKNOWN,
  } as const satisfies Record<Outcome['result'], Status>;
  return {
    name: result,
    at,
    status: statuses[result],
    code: refusal ?? code ?? (status === undefined ? undefined : String(status)),
    detail,
    more: { verified: result === 'verified', reads, ...(requestId === undefined ? {} : { request_id: requestId }) },
  };
}

/** The action of an event: its plan, or what is known of an ask that became none. */
type Subject = Pick<
  Plan,
  'actionId' | 'verb' | 'requester' | 'reason' | 'ticket' | 'undoes' | 'user' | 'group' | 'before' | 'residualAccess'
> & { readonly hash: string | undefined };

interface Build {
  readonly plan: Subject;
  readonly step: Step;
  readonly approvers: readonly string[];
  /** Of the journal's line. */
  readonly hash: string;
  readonly context: ActionEventContext;
}

function stepEvent(build: Build): NormalisedEvent {
  const { plan, step } = build;
  const { remedy, technique, does } = eventsOfVerb[plan.verb];
  const tactic = ocsfTarget.classes.remediation_activity.activities[remedy] as string;
  const object = `the JumpCloud user ${nameAndId(plan.user.username, plan.user.id)}`;
  const group = plan.group === undefined ? '' : `: the user group ${nameAndId(plan.group.name, plan.group.id)}`;
  return finished('remediation_activity', remedy, build, `step.${step.name}`, {
    message: `${plan.verb} ${targetOf(plan)}: ${step.name.replace('_', ' ')}`,
    command_uid: plan.actionId,
    ...(technique === undefined
      ? {}
      : {
          countermeasures: [
            { version: '1.0.0', d3f_tactic: { name: tactic, uid: `d3f:${tactic}` }, d3f_technique: technique },
          ],
        }),
    remediation: { desc: `${does} ${object}${group}` },
  });
}

function changeEvent(build: Build, { result }: Outcome): NormalisedEvent {
  const { plan, approvers, context } = build;
  const { className, activity } = eventsOfVerb[plan.verb];
  const { id, username, email } = plan.user;
  const disables = plan.verb === 'disable-user';
  const user = (isDisabled?: boolean) => ({
    uid: id,
    name: username || id,
    type_id: 1,
    type: ocsfTarget.captions.userType[1],
    ...(email === '' ? {} : { email_addr: email }),
    ...(isDisabled === undefined ? {} : { account: { uid: id, name: username || id, is_disabled: isDisabled } }),
  });
  const ofState = plan.verb === 'disable-user' || plan.verb === 'enable-user';
  const before = ofState ? plan.before.suspended === true : undefined;
  const words = { verified: 'verified', failed: 'and failed', unknown: 'with an unknown outcome' };
  const requester = { name: plan.requester, type_id: 0, type: ocsfTarget.captions.userType[0] };
  const policy = { name: 'respond.approval', uid: 'two-person' };
  return finished(className, activity, build, result === 'unknown' ? `${plan.verb}-unknown` : plan.verb, {
    message: `${mapper.name} asked JumpCloud to ${plan.verb} ${targetOf(plan)} for ${plan.requester}, ${words[result as keyof typeof words]}`,
    actor: {
      app_name: `${mapper.name} respond`,
      user: requester,
      ...(approvers.length === 0
        ? {}
        : { authorizations: approvers.map((by) => ({ decision: `approved by ${by}`, policy })) }),
    },
    src_endpoint: { name: context.host },
    user: user(before),
    ...(plan.group === undefined
      ? { user_result: user(ofState && result === 'verified' ? disables : before) }
      : { group: { uid: plan.group.id, name: plan.group.name || plan.group.id, type: 'user_group' } }),
  });
}

function finished(
  className: ClassName,
  activity: number,
  { plan, step, approvers, hash, context }: Build,
  eventCode: string,
  attributes: { readonly message: string; readonly [name: string]: unknown },
): NormalisedEvent {
  const [statusId, status] = step.status;
  // An unknown outcome has to be examined.
  const severity = step.status === UNKNOWN ? 3 : 1;
  const { undoneBy } = verbs[plan.verb];
  return ownEvent(
    className,
    {
      ...classification(ocsfTarget.classes[className], activity),
      severity_id: severity,
      severity: ocsfTarget.captions.severity[severity],
      status_id: statusId,
      status,
      ...(step.code === undefined ? {} : { status_code: step.code }),
      ...(step.detail === undefined ? {} : { status_detail: step.detail }),
      time: Date.parse(step.at),
      timezone_offset: 0,
      ...attributes,
      metadata: {
        ...ownMetadata(mapper, ocsfTarget, 'response'),
        uid: sha256(`response\n${hash}\n${className}`).slice(0, 32),
        event_code: eventCode,
        original_time: step.at,
        original_event_uid: plan.actionId,
        correlation_uid: plan.actionId,
        ...(context.organization === undefined ? {} : { tenant_uid: context.organization }),
        ...(context.accountName === undefined ? {} : { tags: accountTags(context.accountName) }),
      },
      unmapped: {
        feed: context.feed,
        step: step.name,
        command_uid: plan.actionId,
        verb: plan.verb,
        target: { type: 'user', ...known({ uid: plan.user.id, name: plan.user.username }) },
        ...(plan.group === undefined ? {} : { group: known(plan.group) }),
        ...(plan.hash === undefined ? {} : { before: { ...plan.before }, plan_hash: plan.hash }),
        reason: plan.reason,
        ...(plan.ticket === undefined ? {} : { ticket: plan.ticket }),
        requested_by: plan.requester,
        ...(approvers.length === 0 ? {} : { approved_by: [...approvers] }),
        ...(plan.residualAccess.length === 0 ? {} : { residual_access: [...plan.residualAccess] }),
        ...(plan.undoes === undefined ? {} : { undoes: plan.undoes }),
        ...(undoneBy === undefined ? {} : { undo: { verb: undoneBy } }),
        ...(context.clientId === undefined ? {} : { service_account: context.clientId }),
        ...step.more,
      },
    },
    plan.user.id || plan.user.username,
    ocsfTarget,
  );
}

/** Without what is empty. */
function known(names: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(names).filter(([, value]) => value !== ''));
}

function nameAndId(name: string, id: string): string {
  return name === '' || id === '' ? name || id : `${name} (${id})`;
}

function targetOf({ user, group }: Subject): string {
  return `${user.username || user.id}${group === undefined ? '' : ` ${group.name || group.id}`}`;
}
