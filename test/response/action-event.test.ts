import { describe, expect, it } from 'vitest';
import { actionEvents } from '../../collector/response/action-event.js';
import {
  type ActionEntry,
  type ActionRecord,
  type Asked,
  applyEntry,
  type Outcome,
} from '../../collector/response/action-journal.js';
import type { Refusal } from '../../collector/response/guards.js';
import { type Plan, planOf, type ResponseAsk } from '../../collector/response/plan.js';
import type { Target } from '../../collector/response/target.js';
import { type Verb, verbs } from '../../collector/response/verbs.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { ana, vpnUsers } from './targets.js';

const NOW = Date.UTC(2026, 10, 28, 9);
const AT = new Date(NOW).toISOString();
const names = Object.keys(verbs) as Verb[];
const context = {
  feed: 'acme',
  organization: '5f0000000000000000000001',
  host: 'soc-01',
  clientId: '00000000-0000-4000-8000-000000000001',
  accountName: 'Acme production',
};

const target = (verb: Verb): Target => ({
  user: {
    ...ana,
    state: verb === 'enable-user' ? 'SUSPENDED' : 'ACTIVATED',
    suspended: verb === 'enable-user',
  },
  group: verbs[verb].ofGroup ? vpnUsers : undefined,
  member: verbs[verb].ofGroup ? verb === 'remove-from-group' : undefined,
  groupsOfUser: [],
  administrators: [{ id: 'a1', email: 'ana.lima@example.test', suspended: false, roleName: 'Manager' }],
  scheduled: [],
});

function planned(verb: Verb, changes: Partial<ResponseAsk> = {}, allow: readonly Verb[] = names): Plan {
  const ask: ResponseAsk = {
    verb,
    user: 'ana.lima',
    group: verbs[verb].ofGroup ? 'vpn-users' : undefined,
    requester: 'j.doe',
    reason: 'INC-4711',
    ticket: '4711',
    actionId: `act_${verb}`,
    forceScheduled: false,
    notOurs: true,
    undoes: undefined,
    ...changes,
  };
  const policy = { allow, groups: ['vpn-users'], protectedUsers: [], protectedGroups: [] };
  return planOf(ask, target(verb), policy, { disabledByUs: false, undone: undefined }, NOW);
}

const outcome = (result: Outcome['result'], changes: Partial<Outcome> = {}): Outcome => ({
  result,
  at: AT,
  detail: 'suspended, and found so when read again',
  status: 200,
  code: undefined,
  refusal: undefined,
  requestId: 'r-1',
  reads: 1,
  ...changes,
});

/** The events of a journal, each as an object. */
function eventsOf(entries: readonly ActionEntry[]) {
  const actions = new Map<string, ActionRecord>();
  return entries.flatMap((entry, index) => {
    applyEntry(actions, entry);
    const stored = { entry: JSON.parse(JSON.stringify(entry)), position: { hash: `hash of line ${index + 1}` } };
    return actionEvents(stored, actions, context).map(({ text }) => JSON.parse(text));
  });
}

const approval = (actionId: string, hash: string): ActionEntry => ({
  type: 'approved',
  actionId,
  approval: { by: 'm.roe', at: AT, hash },
});
const intent = (actionId: string, hash: string): ActionEntry => ({ type: 'intent', actionId, at: AT, hash });
const ended = (actionId: string, of: Outcome): ActionEntry => ({ type: 'outcome', actionId, outcome: of });

/** Every step of every verb, with each outcome. */
function everything(): ActionEntry[] {
  const outcomes = [
    outcome('verified'),
    outcome('no_change', { status: undefined, requestId: undefined }),
    outcome('failed', { status: 403, code: 'ROLE_TOO_NARROW' as Outcome['code'] }),
    outcome('failed', { status: undefined, reads: 0 }),
    outcome('unknown', { status: undefined, code: 'TIMED_OUT' }),
    outcome('refused', { status: undefined, refusal: 'RATE', reads: 0 }),
  ];
  return names.flatMap((verb) =>
    outcomes.flatMap((of, index): ActionEntry[] => {
      const plan = planned(verb, { actionId: `act_${verb}_${index}`, undoes: index === 0 ? 'act_before' : undefined });
      const { actionId, hash } = plan;
      const refusal = {
        code: 'NOT_APPROVED',
        reason: 'j.doe requested this action',
        cure: 'Somebody else has to.',
      } as const;
      return [
        { type: 'planned', plan },
        { type: 'denied', actionId, at: AT, by: 'j.doe', attempt: 'approve', refusal },
        approval(actionId, hash),
        intent(actionId, hash),
        ended(actionId, of),
      ];
    }),
  );
}

const denied = (actionId: string, refusal: Refusal, asked: Asked): ActionEntry => ({
  ...{ type: 'denied', actionId, at: AT, by: 'j.doe', attempt: 'plan', refusal, asked },
});
const unknownTarget = () =>
  denied(
    'act_unknown',
    { code: 'TARGET_UNKNOWN', reason: 'There is no user anna.lima', cure: 'Give the id.' },
    {
      verb: 'disable-user',
      user: 'anna.lima',
      group: undefined,
      reason: 'INC-4711',
      ticket: undefined,
      undoes: undefined,
    },
  );
/** An ask under the id of the first action of `everything`. */
const idTaken = () =>
  denied(
    'act_disable-user_0',
    { code: 'ACTION_ID_TAKEN', reason: 'it is the id of another action', cure: 'Give another --action-id.' },
    { verb: 'add-to-group', user: ana.id, group: 'vpn-users', reason: 'INC-4712', ticket: '4712', undoes: undefined },
  );

describe('the events of response', () => {
  it('are each valid, with a uid of their own, for every verb, step and outcome', () => {
    const refused = planned('disable-user', { actionId: 'act_refused' }, []);
    const events = eventsOf([...everything(), { type: 'planned', plan: refused }, unknownTarget(), idTaken()]);
    expect(new Set(events.map(({ metadata }) => metadata.uid)).size).toBe(events.length);
    expect(new Set(events.map(({ class_uid }) => class_uid))).toEqual(new Set([7001, 3001, 3006]));
    if (!hasValidator()) return;
    const found = validate(
      events.map((event) => JSON.stringify(event)),
      NOW,
    );
    expect([found.events, found.total.errors, found.total.warnings, found.first]).toEqual([events.length, 0, 0, []]);
  });

  it('say a success of a change only where it was found when the target was read again', () => {
    const events = eventsOf(everything()).filter(({ class_uid }) => class_uid !== 7001);
    const said = events.map(({ class_uid, activity_id, status_id, status }) => [
      class_uid,
      activity_id,
      status_id,
      status,
    ]);
    const each = (classUid: number, activity: number) => [
      [classUid, activity, 1, 'Success'],
      [classUid, activity, 2, 'Failure'],
      [classUid, activity, 99, 'Unknown outcome'],
    ];
    expect(said).toEqual([...each(3001, 5), ...each(3001, 2), ...each(3006, 3), ...each(3006, 4), ...each(3001, 4)]);
  });

  it('name who asked, who approved, why, what was before and after, and what stays usable', () => {
    const plan = planned('disable-user');
    const { actionId, hash } = plan;
    const events = eventsOf([
      { type: 'planned', plan },
      approval(actionId, hash),
      intent(actionId, hash),
      ended(actionId, outcome('verified')),
    ]);
    expect(events.map(({ metadata, status }) => [metadata.event_code, status])).toEqual([
      ['step.proposed', 'Proposed'],
      ['step.approved', 'Approved'],
      ['step.sending', 'Sending'],
      ['step.verified', 'Success'],
      ['disable-user', 'Success'],
    ]);
    const change = events.at(-1);
    expect(change.actor).toMatchObject({
      user: { name: 'j.doe' },
      authorizations: [{ decision: 'approved by m.roe' }],
    });
    expect([change.user.account.is_disabled, change.user_result.account.is_disabled]).toEqual([false, true]);
    expect(change.unmapped).toMatchObject({
      reason: 'INC-4711',
      ticket: '4711',
      requested_by: 'j.doe',
      approved_by: ['m.roe'],
      residual_access: [expect.stringContaining('ana.lima@example.test')],
      verified: true,
    });
    expect(events.every(({ metadata }) => metadata.correlation_uid === actionId)).toBe(true);
  });

  it('of an ask that became no plan say what was asked, as it was named, and nothing of another action', () => {
    const events = eventsOf([...everything(), unknownTarget(), idTaken()]).slice(-2);
    expect(events.map(({ status_code, message }) => [status_code, message])).toEqual([
      ['TARGET_UNKNOWN', 'disable-user anna.lima: refused'],
      ['ACTION_ID_TAKEN', `add-to-group ${ana.id} vpn-users: refused`],
    ]);
    const [unknown, taken] = events.map(({ unmapped }) => unmapped);
    expect(unknown).toMatchObject({ target: { name: 'anna.lima' }, requested_by: 'j.doe', reason: 'INC-4711' });
    expect(taken).toMatchObject({ target: { uid: ana.id }, group: { name: 'vpn-users' }, ticket: '4712' });
    expect(taken).not.toHaveProperty('approved_by');
    expect(taken).not.toHaveProperty('plan_hash');
  });

  it('of a refusal say its reason and what lifts it, and that nothing changed', () => {
    const plan = planned('disable-user', {}, []);
    const [refused, ...more] = eventsOf([{ type: 'planned', plan }]);
    expect(more).toEqual([]);
    expect(refused).toMatchObject({ class_uid: 7001, status: 'Failure', status_code: 'VERB_NOT_ALLOWED' });
    expect(refused.status_detail).toContain('respond.allow');
  });
});
