import type { Clock } from '../clock.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { Journal } from '../files/hash-chained-journal.js';
import type { WriteResult } from '../jumpcloud/directory/write-once.js';
import {
  type ActionRecord,
  type Approval,
  type Asked,
  append,
  applyEntry,
  disabledByUs,
  type Outcome,
} from './action-journal.js';
import type { ResponseDirectory } from './directory.js';
import { isBehind, isTarget, type Refusal, type ResponsePolicy } from './guards.js';
import { actionIdOf, type History, type Plan, planOf, type ResponseAsk } from './plan.js';
import { isAsWanted, sameBefore, type Target } from './target.js';
import { type Verb, verbs } from './verbs.js';

/** Limits that the journal decides. */
export interface ResponseLimits {
  readonly actionsPerHour: number;
  readonly usersPerMinute: number;
  /** How long a plan can be executed. */
  readonly planMs: number;
  /** How long an approval holds. */
  readonly approvalMs: number;
  /** How long the target is read again before the outcome counts as unknown. */
  readonly verifyMs: number;
  /** How long a write that JumpCloud refused with 429 may wait to be sent again. */
  readonly sendMs: number;
}

export const usualLimits: ResponseLimits = {
  actionsPerHour: 10,
  usersPerMinute: 3,
  planMs: 60 * 60_000,
  approvalMs: 15 * 60_000,
  verifyMs: 60_000,
  sendMs: 60_000,
};

export interface ResponseDependencies {
  readonly directory: ResponseDirectory;
  readonly journal: Journal;
  /** What the journal holds; kept up to date by the functions here. */
  readonly actions: Map<string, ActionRecord>;
  readonly policy: ResponsePolicy;
  readonly limits: ResponseLimits;
  readonly clock: Clock;
  /** Whether the kill switch is on. */
  readonly stopped: () => Promise<boolean>;
}

/**
 * Reads the target and plans; the plan is in the journal when it returns, and so is the refusal of an ask whose target
 * cannot be read. Nothing is sent.
 * @throws CollectorError
 */
export async function plan(ask: ResponseAsk, deps: ResponseDependencies, signal?: AbortSignal): Promise<Plan> {
  let target: Target;
  try {
    target = await deps.directory.read(ask, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    const id = actionIdOf(ask, ask.user, ask.group, deps.clock.now());
    await deny(id, 'plan', ask.requester, unread(error), deps, askedOf(ask));
    throw error;
  }
  const made = planOf(ask, target, deps.policy, historyOf(ask, target.user.id, deps), deps.clock.now());
  const known = deps.actions.get(made.actionId);
  if (known !== undefined && !isSameAction(known.plan, made)) {
    const refusal: Refusal = {
      code: 'ACTION_ID_TAKEN',
      reason: `${made.actionId} is the id of another action: ${describeAction(known.plan)}`,
      cure: 'Give another --action-id.',
    };
    await deny(made.actionId, 'plan', ask.requester, refusal, deps, askedOf(ask));
    return refusing(made, refusal);
  }
  if (known?.intentAt !== undefined || known?.outcome?.result === 'no_change') {
    // An id that nobody gave names the same wish of a day; where its target is no longer as it was left, it is a new one.
    if (made.noChange || ask.actionId !== undefined || !isSettled(known)) return known.plan;
    return plan({ ...ask, actionId: nextId(made.actionId, deps.actions) }, deps, signal);
  }
  const note = { type: 'planned', plan: made } as const;
  await append(deps.journal, note);
  applyEntry(deps.actions, note);
  return made;
}

/** Why an ask is refused of which something could not be read. */
function unread(error: unknown): Refusal {
  const { code, message, cure } = asCollectorError(error);
  return {
    code: code === 'USAGE' ? 'TARGET_UNKNOWN' : 'TARGET_UNREADABLE',
    reason: message.replace(/\.$/, ''),
    cure,
  };
}

function askedOf({ verb, user, group, reason, ticket, undoes }: ResponseAsk): Asked {
  return { verb, user, group, reason, ticket, undoes };
}

/** Whether an action needs nobody any more. Of one whose outcome is not known somebody decides, by an id of their own. */
function isSettled({ outcome }: ActionRecord): boolean {
  return outcome !== undefined && outcome.result !== 'unknown' && outcome.result !== 'refused';
}

/** The first of `ID-2`, `ID-3`… that names no action that is settled. */
function nextId(id: string, actions: ReadonlyMap<string, ActionRecord>): string {
  for (let number = 2; ; number += 1) {
    const known = actions.get(`${id}-${number}`);
    if (known === undefined || !isSettled(known)) return `${id}-${number}`;
  }
}

function historyOf(ask: Pick<ResponseAsk, 'undoes'>, user: string, { actions }: ResponseDependencies): History {
  const undone = ask.undoes === undefined ? undefined : actions.get(ask.undoes)?.plan;
  return { disabledByUs: disabledByUs(actions, user), undone };
}

/** Approves a plan by its hash. @returns why not, or undefined */
export async function approve(
  record: ActionRecord,
  hash: string,
  by: string,
  { journal, actions, clock }: Pick<ResponseDependencies, 'journal' | 'actions' | 'clock'>,
): Promise<Refusal | undefined> {
  const { plan: of } = record;
  const refusal = approvalRefused(of, hash, by);
  if (refusal !== undefined) {
    await deny(of.actionId, 'approve', by, refusal, { journal, clock });
    return refusal;
  }
  const note = {
    type: 'approved',
    actionId: of.actionId,
    approval: { by, at: new Date(clock.now()).toISOString(), hash },
  } as const;
  await append(journal, note);
  applyEntry(actions, note);
  return undefined;
}

function approvalRefused(of: Plan, hash: string, by: string): Refusal | undefined {
  if (isBehind(by, of))
    return {
      code: 'NOT_APPROVED',
      reason: `${by} requested this action, or held the token that did`,
      cure: 'Somebody else has to approve it.',
    };
  if (isTarget(by, of.user))
    return {
      code: 'NOT_APPROVED',
      reason: `${by} is the account that this action is about`,
      cure: 'Somebody else has to approve it.',
    };
  if (of.refusals.length > 0)
    return {
      code: 'NOT_APPROVED',
      reason: `the plan is refused: ${of.refusals[0]?.code}`,
      cure: 'Lift that first, and plan again.',
    };
  if (hash !== of.hash)
    return {
      code: 'NOT_APPROVED',
      reason: 'this is not the hash of the plan',
      cure: 'Read the plan and give its hash.',
    };
  return undefined;
}

/** Journals that something was refused before there was anything to execute. */
async function deny(
  actionId: string,
  attempt: 'plan' | 'approve' | 'undo',
  by: string,
  refusal: Refusal,
  { journal, clock }: Pick<ResponseDependencies, 'journal' | 'clock'>,
  asked?: Asked,
): Promise<void> {
  const at = new Date(clock.now()).toISOString();
  const ofAsk = asked === undefined ? {} : { asked };
  await append(journal, { type: 'denied', actionId, at, by, attempt, refusal, ...ofAsk });
}

/**
 * Executes a plan: at most one executed write per action id, whatever happens. An action that was begun before and has no
 * outcome is read again, never sent again; one that has an outcome gives it.
 * @throws CollectorError STORAGE_FAILED where the journal cannot be written: then nothing is sent
 */
export async function execute(actionId: string, deps: ResponseDependencies, signal?: AbortSignal): Promise<Outcome> {
  const record = deps.actions.get(actionId);
  if (record === undefined) throw new Error(`no action ${actionId} was planned`);
  if (record.outcome !== undefined && record.outcome.result !== 'refused') return record.outcome;
  if (record.intentAt !== undefined) return settle(record, deps, signal);

  const { plan: planned } = record;
  const now = deps.clock.now();
  const early = planned.refusals[0] ?? (await blocked(record, deps, now));
  if (early !== undefined) return finish(actionId, refused(early, now), deps);
  const ask: ResponseAsk = { ...planned, user: planned.user.id, group: planned.group?.id };
  let target: Target;
  try {
    target = await deps.directory.read(ask, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    return finish(actionId, refused(unread(error), now), deps);
  }
  const again = planOf(ask, target, deps.policy, historyOf(ask, planned.user.id, deps), now);
  const late = again.refusals[0] ?? needsApproval(again, record, deps.limits, now);
  if (late !== undefined) return finish(actionId, refused(late, now), deps);
  if (!sameBefore(again.before, planned.before))
    return finish(
      actionId,
      refused(
        {
          code: 'TARGET_CHANGED',
          reason: `the target changed since the plan: ${JSON.stringify(planned.before)} became ${JSON.stringify(again.before)}`,
          cure: 'Plan again.',
        },
        now,
      ),
      deps,
    );
  if (again.noChange)
    return finish(
      actionId,
      outcome('no_change', now, 'It was as wanted already; nothing was sent.', { reads: 1 }),
      deps,
    );

  const intent = { type: 'intent', actionId, at: new Date(now).toISOString(), hash: planned.hash } as const;
  await append(deps.journal, intent);
  applyEntry(deps.actions, intent);
  const sent = await sendOnce(planned, deps, signal);
  if (sent.kind === 'not_sent')
    return finish(
      actionId,
      outcome('failed', deps.clock.now(), `Nothing was sent: ${sent.message}`, { code: sent.code }),
      deps,
    );
  return finish(actionId, await verify(planned, sent, deps, signal), deps);
}

/** Ends an action that was begun and has no outcome: by reading alone. */
async function settle(record: ActionRecord, deps: ResponseDependencies, signal?: AbortSignal): Promise<Outcome> {
  return finish(record.plan.actionId, await verify(record.plan, { kind: 'lost', code: undefined }, deps, signal), deps);
}

/** Every action that was begun and has no outcome: after a crash. */
export async function settleAll(deps: ResponseDependencies, signal?: AbortSignal): Promise<readonly string[]> {
  const open = [...deps.actions.values()].filter((one) => one.intentAt !== undefined && one.outcome === undefined);
  for (const record of open) await settle(record, deps, signal);
  return open.map(({ plan: { actionId } }) => actionId);
}

/** One request; a 429 was not executed and alone is sent again. */
async function sendOnce(
  planned: Plan,
  { directory, limits, clock, stopped }: ResponseDependencies,
  signal?: AbortSignal,
) {
  const until = clock.monotonic() + limits.sendMs;
  for (;;) {
    const sent = await directory.send(planned, signal);
    if (sent.kind !== 'answered' || sent.status !== 429) return sent;
    const wait = Math.max(1_000, sent.retryAfterMs ?? 5_000);
    if (clock.monotonic() + wait > until || signal?.aborted) return sent;
    await clock.sleep(wait, signal);
    if (await stopped()) return sent;
  }
}

/** Reads again until the target is as wanted or the time is over. Only what was read decides. */
async function verify(
  planned: Plan,
  sent: WriteResult,
  { directory, limits, clock }: ResponseDependencies,
  signal?: AbortSignal,
): Promise<Outcome> {
  const began = clock.monotonic();
  // Of what JumpCloud says it has not done there is nothing to wait for; where that is unknown, it waits.
  const notDone = sent.kind === 'answered' && [400, 401, 403, 429].includes(sent.status);
  let reads = 0;
  let unreadable: string | undefined;
  const common = () => ({
    status: sent.kind === 'answered' ? sent.status : undefined,
    requestId: sent.kind === 'answered' ? sent.requestId : undefined,
    code: sent.code,
    reads,
  });
  for (let wait = 1_000; ; wait *= 2) {
    try {
      reads += 1;
      const target = await directory.readAgain(planned, signal);
      unreadable = undefined;
      if (isAsWanted(planned.verb, target, clock.now(), planned.before))
        return notDone
          ? outcome(
              'no_change',
              clock.now(),
              `${refusedDetail(planned.verb, sent)} It is as wanted all the same: somebody else did it.`,
              common(),
            )
          : outcome('verified', clock.now(), foundDetail(planned.verb, sent), common());
      if (notDone) return outcome('failed', clock.now(), refusedDetail(planned.verb, sent), common());
    } catch (error) {
      unreadable = asCollectorError(error).message;
    }
    // The end of this process is no outcome: the next one reads again.
    if (signal?.aborted)
      throw new CollectorError('ABORTED', 'The process ends; the outcome is read at the next start.', {
        cure: 'Nothing is sent again.',
      });
    if (clock.monotonic() - began + wait > limits.verifyMs) break;
    await clock.sleep(wait, signal);
  }
  const answer = sent.kind === 'answered' ? `JumpCloud answered ${sent.status}` : 'no answer came to the request';
  const seen =
    unreadable === undefined ? 'it is not as wanted when read again' : `it could not be read again (${unreadable})`;
  return outcome('unknown', clock.now(), `${answer}, and ${seen}.`, common());
}

function foundDetail(verb: Verb, sent: WriteResult): string {
  const past = verb === 'expire-password' ? 'expired' : verbs[verb].past;
  return sent.kind === 'answered' && sent.status < 300
    ? `${past}, and found so when read again`
    : `found ${past} when read again, though ${sent.kind === 'answered' ? `JumpCloud answered ${sent.status}` : 'no answer came to the request'}`;
}

function refusedDetail(verb: Verb, sent: WriteResult): string {
  const status = sent.kind === 'answered' ? sent.status : 0;
  if (status === 403)
    return `JumpCloud refuses it (403): the service account's role lacks the scope ${verbs[verb].scope}.`;
  if (status === 401) return 'JumpCloud refuses the credential of response (401).';
  if (status === 429) return 'JumpCloud asks for fewer requests (429), and it was not sent again. Nothing was changed.';
  return `JumpCloud refuses the request (${status}). Nothing was changed.`;
}

async function blocked(record: ActionRecord, deps: ResponseDependencies, now: number): Promise<Refusal | undefined> {
  if (await deps.stopped())
    return { code: 'STOPPED', reason: 'the kill switch is on', cure: 'Remove the file that respond.killSwitch names.' };
  if (now - Date.parse(record.plan.plannedAt) > deps.limits.planMs)
    return {
      code: 'PLAN_EXPIRED',
      reason: `the plan is older than ${deps.limits.planMs / 60_000} minutes`,
      cure: 'Plan it again, and read it again.',
    };
  return overRate(record.plan, deps, now) ?? needsApproval(record.plan, record, deps.limits, now);
}

function overRate(planned: Plan, { actions, limits }: ResponseDependencies, now: number): Refusal | undefined {
  const recent = (ms: number) =>
    [...actions.values()].filter(({ intentAt }) => intentAt !== undefined && now - Date.parse(intentAt) < ms);
  if (recent(3_600_000).length >= limits.actionsPerHour)
    return {
      code: 'RATE',
      reason: `${limits.actionsPerHour} actions were sent within the hour`,
      cure: 'Wait, or raise respond.actionsPerHour after a look at what is asking.',
    };
  const users = new Set(recent(60_000).map(({ plan: { user } }) => user.id));
  users.delete(planned.user.id);
  if (users.size < limits.usersPerMinute) return undefined;
  return {
    code: 'RATE',
    reason: `${limits.usersPerMinute} other users were acted on within the minute`,
    cure: 'Wait a minute.',
  };
}

function needsApproval(of: Plan, record: ActionRecord, limits: ResponseLimits, now: number): Refusal | undefined {
  if (of.approval.length === 0) return undefined;
  if (validApproval(record, limits, now) !== undefined) return undefined;
  const held = record.approvals.some(({ hash }) => hash === record.plan.hash);
  return {
    code: 'NOT_APPROVED',
    reason: `${of.approval.join('; ')}: a second person has to approve it${held ? ', and the approval is too old' : ''}`,
    cure: `Somebody else runs: respond approve ${of.actionId} --hash ${record.plan.hash}`,
  };
}

/** The approval by which a plan can be executed now; undefined: there is none. `now` epoch milliseconds. */
export function validApproval(
  { plan: of, approvals }: ActionRecord,
  { approvalMs }: Pick<ResponseLimits, 'approvalMs'>,
  now: number,
): Approval | undefined {
  return approvals.findLast(({ at, by, hash }) => {
    const age = now - Date.parse(at);
    return age >= 0 && age <= approvalMs && hash === of.hash && !isBehind(by, of) && !isTarget(by, of.user);
  });
}

/**
 * The undo of an action: only to what was before, and only while the target is as the action left it. A refusal is in the
 * journal when it returns.
 */
export async function undo(
  record: ActionRecord,
  requester: string,
  deps: Pick<ResponseDependencies, 'journal' | 'clock'>,
): Promise<ResponseAsk | Refusal> {
  const made = undoOf(record, requester);
  if ('code' in made) await deny(record.plan.actionId, 'undo', requester, made, deps);
  return made;
}

/** As `undo`, without a line in the journal. */
export function undoOf(record: ActionRecord, requester: string): ResponseAsk | Refusal {
  const { plan: done, outcome: ended } = record;
  const { undoneBy } = verbs[done.verb];
  if (undoneBy === undefined)
    return { code: 'NOT_UNDOABLE', reason: `${done.verb} cannot be undone`, cure: 'Nothing undoes it: tell the user.' };
  if (ended?.result !== 'verified' || ended.status === undefined || ended.status >= 300)
    return {
      code: 'NOT_UNDOABLE',
      reason:
        ended === undefined
          ? 'it has no outcome'
          : `its outcome is ${ended.result}: it was not this action that changed the target`,
      cure: 'Plan an action of its own.',
    };
  if (done.before.state !== undefined && done.verb === 'disable-user' && done.before.state !== 'ACTIVATED')
    return {
      code: 'NOT_UNDOABLE',
      reason: `the user was ${done.before.state} before`,
      cure: 'Change it in JumpCloud.',
    };
  return {
    verb: undoneBy,
    user: done.user.id,
    group: done.group?.id,
    requester,
    reason: `undo of ${done.actionId}`,
    ticket: done.ticket,
    actionId: `${done.actionId}-undo`,
    forceScheduled: false,
    notOurs: false,
    undoes: done.actionId,
  };
}

async function finish(actionId: string, ended: Outcome, deps: ResponseDependencies): Promise<Outcome> {
  const note = { type: 'outcome', actionId, outcome: ended } as const;
  await append(deps.journal, note);
  applyEntry(deps.actions, note);
  return ended;
}

function outcome(
  result: Outcome['result'],
  now: number,
  detail: string,
  more: Partial<Omit<Outcome, 'result' | 'at' | 'detail'>> = {},
): Outcome {
  const none = { status: undefined, code: undefined, refusal: undefined, requestId: undefined, reads: 0 };
  return { result, at: new Date(now).toISOString(), detail, ...none, ...more };
}

function refused({ code, reason, cure }: Refusal, now: number): Outcome {
  return outcome('refused', now, `${reason}. ${cure}`, { refusal: code });
}

function refusing(made: Plan, refusal: Refusal): Plan {
  return { ...made, refusals: [refusal, ...made.refusals] };
}

function isSameAction(one: Plan, other: Plan): boolean {
  return one.verb === other.verb && one.user.id === other.user.id && one.group?.id === other.group?.id;
}

function describeAction({ verb, user, group }: Plan): string {
  return `${verb} ${user.username}${group === undefined ? '' : ` ${group.name}`}`;
}
