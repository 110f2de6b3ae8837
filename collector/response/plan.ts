import { createHash } from 'node:crypto';
import type { JsonObject } from '../../mappings/json.js';
import { CollectorError } from '../errors.js';
import { type Judgement, judge, type ResponsePolicy } from './guards.js';
import { type Before, beforeOf, isAsWanted, type Target } from './target.js';
import type { Verb } from './verbs.js';

/** What somebody asks for. */
export interface ResponseAsk {
  readonly verb: Verb;
  /** Id, username or e-mail address. */
  readonly user: string;
  /** Id or name; of the verbs of groups. */
  readonly group: string | undefined;
  /** Who asks: the operating system's user, or the name of a token. */
  readonly requester: string;
  /** The persons who may be behind a requester that is a token. Absent: the requester is the person. */
  readonly persons?: readonly string[];
  readonly reason: string;
  readonly ticket: string | undefined;
  /** Names the action: the same id again gives the recorded outcome and sends nothing. */
  readonly actionId: string | undefined;
  /** Acts though JumpCloud has a state change scheduled. */
  readonly forceScheduled: boolean;
  /** Enables a user whom the journal does not know as disabled by response. */
  readonly notOurs: boolean;
  /** The action that this one undoes. */
  readonly undoes: string | undefined;
}

/** One action as it would be done: what is journaled before anything is sent. */
export interface Plan extends Judgement {
  readonly actionId: string;
  readonly verb: Verb;
  /** RFC 3339 */
  readonly plannedAt: string;
  readonly requester: string;
  /** As in the ask: none of them approves it. */
  readonly persons?: readonly string[];
  readonly reason: string;
  readonly ticket: string | undefined;
  readonly undoes: string | undefined;
  readonly forceScheduled: boolean;
  readonly notOurs: boolean;
  readonly user: { readonly id: string; readonly username: string; readonly email: string };
  readonly group: { readonly id: string; readonly name: string } | undefined;
  readonly before: Before;
  /** The target is as wanted already: nothing would be sent. */
  readonly noChange: boolean;
  /** Of everything that decides what is done to whom: what an approval is bound to. */
  readonly hash: string;
}

/** What the journal says about a target. */
export interface History {
  /** A verified `disable-user` of this user that nothing has undone. */
  readonly disabledByUs: boolean;
  /** The action that this one undoes; undefined: it undoes none. */
  readonly undone: Plan | undefined;
}

/** Makes a plan of what was read. Pure. `now` epoch milliseconds. */
export function planOf(ask: ResponseAsk, target: Target, policy: ResponsePolicy, history: History, now: number): Plan {
  const { id, username, email } = target.user;
  const group = target.group && { id: target.group.id, name: target.group.name };
  const before = beforeOf(ask.verb, target);
  const actionId = actionIdOf(ask, id, group?.id, now);
  return {
    ...judge(ask, target, policy, history, now),
    actionId,
    verb: ask.verb,
    plannedAt: new Date(now).toISOString(),
    requester: ask.requester,
    ...(ask.persons === undefined ? {} : { persons: ask.persons }),
    reason: ask.reason,
    ticket: ask.ticket,
    undoes: ask.undoes,
    forceScheduled: ask.forceScheduled,
    notOurs: ask.notOurs,
    user: { id, username, email },
    group,
    before,
    noChange: isAsWanted(ask.verb, target, now),
    hash: digest([
      actionId,
      ask.verb,
      id,
      group?.id ?? '',
      JSON.stringify(before),
      ask.requester,
      ask.reason,
      ask.undoes ?? '',
      String(ask.forceScheduled),
      String(ask.notOurs),
    ]),
  };
}

/** The id that was given, or one of what is asked, of whom and when. `now` epoch milliseconds. */
export function actionIdOf(ask: ResponseAsk, user: string, group: string | undefined, now: number): string {
  const day = new Date(now).toISOString().slice(0, 10);
  const parts = [ask.verb, user, group ?? '', ask.ticket ?? ask.reason, ask.undoes ?? '', day];
  return ask.actionId ?? `act_${digest(parts).slice(0, 24)}`;
}

/** A plan as the journal stores it. */
export function encodePlan(plan: Plan): JsonObject {
  return JSON.parse(JSON.stringify(plan)) as JsonObject;
}

/** @throws CollectorError STATE_CORRUPT */
export function decodePlan(stored: unknown): Plan {
  const plan = stored as Plan;
  const whole =
    typeof plan === 'object' &&
    plan !== null &&
    [plan.actionId, plan.verb, plan.plannedAt, plan.requester, plan.hash, plan.user?.id].every(
      (value) => typeof value === 'string',
    ) &&
    typeof plan.before === 'object';
  if (whole) return plan;
  throw new CollectorError('STATE_CORRUPT', 'A plan in the journal of response is not as this version writes it.', {
    cure: 'Keep the journal as evidence: move its directory away. Begin with a new plan.',
  });
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
