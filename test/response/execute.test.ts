import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CollectorError, type ErrorCode } from '../../collector/errors.js';
import type { Journal, JournalEntry } from '../../collector/files/hash-chained-journal.js';
import type { WriteResult } from '../../collector/jumpcloud/directory/write-once.js';
import { type ActionRecord, readActions } from '../../collector/response/action-journal.js';
import type { ResponseDirectory } from '../../collector/response/directory.js';
import {
  approve,
  execute,
  plan,
  type ResponseDependencies,
  settleAll,
  undoOf,
  usualLimits,
} from '../../collector/response/execute.js';
import type { ResponsePolicy } from '../../collector/response/guards.js';
import type { ResponseAsk } from '../../collector/response/plan.js';
import { isAsWanted, type Target } from '../../collector/response/target.js';
import { type Verb, verbs } from '../../collector/response/verbs.js';
import { ana, vpnUsers as vpn } from './targets.js';

const NOW = Date.UTC(2026, 10, 3, 12);

const allowAll: ResponsePolicy = {
  allow: Object.keys(verbs) as Verb[],
  groups: [vpn.id],
  protectedUsers: [],
  protectedGroups: [],
};

/** What happens to a request on its way. */
type Fault = 'none' | 'lost_before' | 'lost_after' | 'refused' | 'limited' | 'conflict' | 'late';
class Killed extends Error {}

/** A directory that keeps a ledger of executed writes, and a journal on paper; both outlive a killed process. */
function world() {
  const paper: JournalEntry[] = [];
  const state = { user: ana, member: false };
  const ledger: { readonly actionId: string; readonly at: number }[] = [];
  const requests: Fault[] = [];
  let time = NOW;
  /** The user as a reader sees it: changes show after so many milliseconds. */
  let shown = { at: 0, before: { ...state } };
  const clock = {
    now: () => time,
    monotonic: () => time - NOW,
    sleep: async (ms: number) => {
      time += ms;
    },
  };
  const faults: Fault[] = [];
  let killAt: 'intent' | 'sent' | undefined;
  let killedNow = false;
  const visible = () => (time >= shown.at ? state : shown.before);

  const apply = (verb: Verb, actionId: string, lag: number) => {
    shown = { at: time + lag, before: { ...state } };
    if (verb === 'disable-user') state.user = { ...state.user, state: 'SUSPENDED', suspended: true };
    if (verb === 'enable-user') state.user = { ...state.user, state: 'ACTIVATED', suspended: false };
    if (verb === 'expire-password') state.user = { ...state.user, passwordExpired: true };
    if (verb === 'add-to-group') state.member = true;
    if (verb === 'remove-from-group') state.member = false;
    ledger.push({ actionId, at: time });
  };
  const targetOf = (verb: Verb): Target => ({
    user: visible().user,
    group: verbs[verb].ofGroup ? vpn : undefined,
    member: verbs[verb].ofGroup ? visible().member : undefined,
    groupsOfUser: [],
    administrators: [],
    scheduled: [],
  });
  const directory: ResponseDirectory = {
    read: async ({ verb }) => targetOf(verb),
    readAgain: async ({ verb }) => targetOf(verb),
    send: async ({ verb, actionId }): Promise<WriteResult> => {
      const fault = faults.shift() ?? 'none';
      requests.push(fault);
      const answered = (status: number, retryAfterMs?: number): WriteResult => ({
        kind: 'answered',
        status,
        requestId: 'r-1',
        retryAfterMs,
        code: status < 300 ? undefined : 'QUERY_REFUSED',
      });
      if (fault === 'lost_before') return { kind: 'lost', code: 'TIMED_OUT' };
      if (fault === 'refused') return answered(403);
      if (fault === 'limited') return answered(429, 2_000);
      if (fault === 'conflict') return answered(409);
      apply(verb, actionId, fault === 'late' ? 5_000 : 0);
      if (killAt === 'sent') throw new Killed();
      return fault === 'lost_after' ? { kind: 'lost', code: 'TIMED_OUT' } : answered(200);
    },
  };
  const journal: Journal = {
    recovered: 0,
    append: async (entry) => {
      if (killedNow) throw new Killed();
      paper.push(JSON.parse(JSON.stringify(entry)) as JournalEntry);
      if (entry.type === 'intent' && killAt === 'intent') throw new Killed();
      return paper.length;
    },
    close: async () => undefined,
  };
  return {
    paper,
    state,
    ledger,
    requests,
    faults,
    clock,
    kill: (at: typeof killAt) => {
      killAt = at;
      killedNow = false;
    },
    /** A process: what it knows comes from the journal. */
    async process(policy: ResponsePolicy = allowAll, stopped = false): Promise<ResponseDependencies> {
      const lines = paper.map((entry, index) => ({ number: index + 1, entry }));
      const actions: Map<string, ActionRecord> = await readActions(
        (async function* () {
          yield* lines;
        })(),
      );
      return { directory, journal, actions, policy, limits: usualLimits, clock, stopped: async () => stopped };
    },
  };
}

const ask = (verb: Verb, changes: Partial<ResponseAsk> = {}): ResponseAsk => ({
  verb,
  user: ana.id,
  group: verbs[verb].ofGroup ? vpn.id : undefined,
  requester: 'j.doe',
  reason: 'INC-1',
  ticket: undefined,
  actionId: undefined,
  forceScheduled: false,
  notOurs: true,
  undoes: undefined,
  ...changes,
});

describe('an action', () => {
  it('A3: is sent once, read again, and recorded; its id again sends nothing', async () => {
    const here = world();
    const deps = await here.process();
    const made = await plan(ask('disable-user'), deps);
    expect(made).toMatchObject({ refusals: [], noChange: false, before: { state: 'ACTIVATED', suspended: false } });
    expect(here.ledger).toHaveLength(0);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'verified', status: 200, reads: 1 });
    const later = await here.process();
    await plan(ask('disable-user'), later);
    expect(await execute(made.actionId, later)).toMatchObject({ result: 'verified', status: 200, reads: 1 });
    expect(here.ledger).toHaveLength(1);
    expect(here.paper.map(({ type }) => type)).toEqual(['planned', 'intent', 'outcome']);
  });

  it('A4: whose answer is lost after it was executed is found by reading, and sent once', async () => {
    const here = world();
    here.faults.push('lost_after');
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    expect(await execute(actionId, deps)).toMatchObject({ result: 'verified', status: undefined, code: 'TIMED_OUT' });
    expect(here.ledger).toHaveLength(1);
  });

  it('A5: whose answer is lost and that was not executed is unknown after a minute, and never tried again', async () => {
    const here = world();
    here.faults.push('lost_before');
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    const ended = await execute(actionId, deps);
    expect(ended).toMatchObject({ result: 'unknown', detail: expect.stringContaining('no answer came') });
    expect(ended.reads).toBeGreaterThanOrEqual(5);
    expect(here.clock.monotonic()).toBeLessThanOrEqual(60_000);
    expect(here.requests).toEqual(['lost_before']);
  });

  it('A21: that JumpCloud answers with 429 alone is sent again, and executed once', async () => {
    const here = world();
    here.faults.push('limited', 'none');
    const deps = await here.process();
    const { actionId } = await plan(ask('add-to-group'), deps);
    expect(await execute(actionId, deps)).toMatchObject({ result: 'verified' });
    expect(here.requests).toEqual(['limited', 'none']);
    expect(here.ledger).toHaveLength(1);
  });

  it('A15: that waits to be sent again is not sent once the kill switch is on', async () => {
    const here = world();
    here.faults.push('limited', 'none');
    const deps = await here.process();
    const { actionId } = await plan(ask('add-to-group'), deps);
    const stopped = async () => here.requests.length > 0;
    expect(await execute(actionId, { ...deps, stopped })).toMatchObject({ result: 'failed', status: 429 });
    expect(here.requests).toEqual(['limited']);
  });

  it('is not taken for done because the clock has passed the day on which a password expires anyway', async () => {
    const here = world();
    here.state.user = { ...ana, passwordExpiresAt: new Date(NOW - 1_000).toISOString() };
    here.faults.push('lost_before');
    const deps = await here.process();
    const made = await plan(ask('expire-password'), deps);
    expect(made.noChange).toBe(false);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'unknown' });
    const moved = { ...ana, passwordExpiresAt: new Date(NOW).toISOString() };
    expect(isAsWanted('expire-password', { user: moved, member: undefined }, NOW, made.before)).toBe(true);
  });

  it('A22: that the role may not do fails at once and names the scope', async () => {
    const here = world();
    here.faults.push('refused');
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    expect(await execute(actionId, deps)).toMatchObject({
      result: 'failed',
      status: 403,
      detail: expect.stringContaining('users.state.suspend'),
    });
    expect(here.requests).toHaveLength(1);
  });

  it('is no longer executed an hour after its plan, until it is planned again', async () => {
    const here = world();
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    await here.clock.sleep(3_600_001);
    expect(await execute(actionId, deps)).toMatchObject({ result: 'refused', refusal: 'PLAN_EXPIRED' });
    expect(here.requests).toEqual([]);
    await plan(ask('disable-user'), deps);
    expect(await execute(actionId, deps)).toMatchObject({ result: 'verified' });
  });

  it('that the end of the process interrupts has no outcome, and is settled by reading at the next start', async () => {
    const here = world();
    here.faults.push('late');
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    await expect(execute(actionId, deps, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(here.paper.map(({ type }) => type)).toEqual(['planned', 'intent']);
    const next = await here.process();
    expect(await settleAll(next)).toEqual([actionId]);
    expect(next.actions.get(actionId)?.outcome).toMatchObject({ result: 'verified' });
    expect(here.ledger).toHaveLength(1);
  });

  it('A8: that JumpCloud answers with 409 though the list does not show the member is unknown', async () => {
    const here = world();
    here.faults.push('conflict');
    const deps = await here.process();
    const { actionId } = await plan(ask('add-to-group'), deps);
    expect(await execute(actionId, deps)).toMatchObject({ result: 'unknown', status: 409 });
    expect(here.ledger).toHaveLength(0);
  });

  it('A18: that shows after five seconds is verified by reading again, not by sending again', async () => {
    const here = world();
    here.faults.push('late');
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    const ended = await execute(actionId, deps);
    expect(ended.result).toBe('verified');
    expect(ended.reads).toBeGreaterThanOrEqual(3);
    expect(here.ledger).toHaveLength(1);
  });

  it('A19: that cannot be journaled is not sent', async () => {
    const here = world();
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    const full: Journal = { ...deps.journal, append: () => Promise.reject(new Error('no space left on device')) };
    await expect(execute(actionId, { ...deps, journal: full })).rejects.toThrow('no space left');
    expect(here.requests).toHaveLength(0);
  });

  it('A15: under the kill switch is refused, and may be executed once it is off', async () => {
    const here = world();
    const stopped = await here.process(allowAll, true);
    const { actionId } = await plan(ask('disable-user'), stopped);
    expect(await execute(actionId, stopped)).toMatchObject({ result: 'refused', refusal: 'STOPPED' });
    expect(await execute(actionId, await here.process())).toMatchObject({ result: 'verified' });
  });

  it('A15: of the eleventh in an hour is refused', async () => {
    const here = world();
    for (let number = 0; number < 11; number += 1) {
      const deps = await here.process();
      const verb = number % 2 === 0 ? 'add-to-group' : 'remove-from-group';
      const { actionId } = await plan(ask(verb, { actionId: `act-${number}` }), deps);
      const ended = await execute(actionId, deps);
      expect(ended).toMatchObject(number < 10 ? { result: 'verified' } : { result: 'refused', refusal: 'RATE' });
      await here.clock.sleep(61_000);
    }
    expect(here.ledger).toHaveLength(10);
  });

  it('A7: whose target cannot be told, or cannot be read, is refused in the journal as it was asked, and sends nothing', async () => {
    const here = world();
    const deps = await here.process();
    const failing = (code: ErrorCode) => ({
      ...deps,
      directory: {
        ...deps.directory,
        read: () => Promise.reject(new CollectorError(code, 'There is no user eva.', { cure: 'Give the id.' })),
      },
    });
    const asked = ask('disable-user', { user: 'eva' });
    await expect(plan(asked, failing('USAGE'))).rejects.toMatchObject({ code: 'USAGE' });
    await expect(plan(asked, failing('TIMED_OUT'))).rejects.toMatchObject({ code: 'TIMED_OUT' });
    const refusal = { reason: 'There is no user eva', cure: 'Give the id.' };
    const line = { type: 'denied', attempt: 'plan', by: 'j.doe', asked: { verb: 'disable-user', user: 'eva' } };
    expect(here.paper).toMatchObject([
      { ...line, refusal: { code: 'TARGET_UNKNOWN', ...refusal } },
      { ...line, refusal: { code: 'TARGET_UNREADABLE', ...refusal } },
    ]);
    const { actionId } = await plan(ask('disable-user'), deps);
    expect(await execute(actionId, failing('TIMED_OUT'))).toMatchObject({ refusal: 'TARGET_UNREADABLE' });
    expect(here.requests).toEqual([]);
    expect(await execute(actionId, await here.process())).toMatchObject({ result: 'verified' });
  });

  it('with the id of another action is refused', async () => {
    const here = world();
    const deps = await here.process();
    await plan(ask('disable-user', { actionId: 'act-1' }), deps);
    expect(await plan(ask('expire-password', { actionId: 'act-1' }), deps)).toMatchObject({
      refusals: [{ code: 'ACTION_ID_TAKEN' }],
    });
  });
});

it('an outcome of before is no answer about a target that somebody has changed since: without an id of its own the action is a new one', async () => {
  const here = world();
  const deps = await here.process();
  const first = await plan(ask('disable-user'), deps);
  await execute(first.actionId, deps);
  here.state.user = { ...here.state.user, state: 'ACTIVATED', suspended: false };
  const again = await plan(ask('disable-user'), await here.process());
  expect(again.actionId).toBe(`${first.actionId}-2`);
  expect(await execute(again.actionId, await here.process())).toMatchObject({ result: 'verified' });
  expect(here.ledger).toHaveLength(2);
  const named = await plan(ask('disable-user', { actionId: first.actionId }), await here.process());
  expect(named.actionId).toBe(first.actionId);
});

it('an outcome that is not known is the answer to the same wish: nothing is sent again without an id of its own', async () => {
  const here = world();
  const again = async (changes: Partial<ResponseAsk> = {}) => {
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user', changes), deps);
    return { actionId, ended: await execute(actionId, deps) };
  };
  here.faults.push('lost_before');
  const first = await again();
  expect(first.ended).toMatchObject({ result: 'unknown' });
  expect(await again()).toEqual(first);
  expect(here.requests).toEqual(['lost_before']);
  expect((await again({ actionId: 'act-2' })).ended).toMatchObject({ result: 'verified' });
  expect(here.ledger).toHaveLength(1);
});

it('a wish that comes again is planned under one id until it is sent, and is the answer while its outcome is not known', async () => {
  const here = world();
  const planned = async () => plan(ask('disable-user'), await here.process());
  const change = () => {
    here.state.user = { ...here.state.user, state: 'ACTIVATED', suspended: false };
  };
  const first = await planned();
  await execute(first.actionId, await here.process());
  change();
  const ids = [(await planned()).actionId, (await planned()).actionId];
  expect(ids).toEqual([`${first.actionId}-2`, `${first.actionId}-2`]);
  here.faults.push('lost_before');
  expect(await execute(ids[0]!, await here.process())).toMatchObject({ result: 'unknown' });
  expect((await planned()).actionId).toBe(`${first.actionId}-2`);
  expect(here.ledger).toHaveLength(1);
});

describe('an approval', () => {
  const linked = { ...ana, administrator: '5f00000000000000000000a1' };
  const needing = async () => {
    const here = world();
    here.state.user = linked;
    const deps = await here.process();
    const made = await plan(ask('expire-password'), deps);
    return { here, deps, made };
  };

  it('A11: is asked for where the user is linked to an administrator, and lets the action pass', async () => {
    const { here, deps, made } = await needing();
    expect(made.approval).toEqual([expect.stringContaining('is linked to the administrator')]);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'refused', refusal: 'NOT_APPROVED' });
    expect(await approve(deps.actions.get(made.actionId)!, made.hash, 'm.roe', deps)).toBeUndefined();
    expect(await execute(made.actionId, await here.process())).toMatchObject({ result: 'verified' });
  });

  it('A14: by the requester, by the target, of another hash, or older than fifteen minutes counts for nothing', async () => {
    const { here, deps, made } = await needing();
    const record = () => deps.actions.get(made.actionId)!;
    expect(await approve(record(), made.hash, 'J.Doe', deps)).toMatchObject({ code: 'NOT_APPROVED' });
    const { id, username, email } = record().plan.user;
    for (const target of [id, username.toUpperCase(), email])
      expect(await approve(record(), made.hash, target, deps)).toMatchObject({ code: 'NOT_APPROVED' });
    expect(await approve(record(), 'f00', 'm.roe', deps)).toMatchObject({ code: 'NOT_APPROVED' });
    expect(await approve(record(), made.hash, 'm.roe', deps)).toBeUndefined();
    await here.clock.sleep(15 * 60_000 + 1);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'refused', refusal: 'NOT_APPROVED' });
    expect(here.ledger).toHaveLength(0);
  });

  it('does not cover a flag that lifts a guard, and none is given for a plan that is refused', async () => {
    const { deps, made } = await needing();
    const flagged = await plan(ask('expire-password', { notOurs: false }), deps);
    expect(flagged.actionId).toBe(made.actionId);
    expect(flagged.hash).not.toBe(made.hash);
    const refusedPlan = await plan(ask('expire-password', { actionId: 'act-9' }), {
      ...deps,
      policy: { ...allowAll, allow: [] },
    });
    expect(await approve(deps.actions.get('act-9')!, refusedPlan.hash, 'm.roe', deps)).toMatchObject({
      code: 'NOT_APPROVED',
    });
  });

  it('A14: does not cover a target that changed after it', async () => {
    const { here, deps, made } = await needing();
    await approve(deps.actions.get(made.actionId)!, made.hash, 'm.roe', deps);
    here.state.user = { ...linked, passwordExpiresAt: '2027-01-01T00:00:00Z' };
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'refused', refusal: 'TARGET_CHANGED' });
    expect(here.ledger).toHaveLength(0);
  });
});

describe('undo', () => {
  const disabled = async () => {
    const here = world();
    const deps = await here.process();
    const { actionId } = await plan(ask('disable-user'), deps);
    await execute(actionId, deps);
    return { here, actionId };
  };
  it('A17: restores what was before', async () => {
    const { here, actionId } = await disabled();
    const deps = await here.process();
    const undo = undoOf(deps.actions.get(actionId)!, 'm.roe') as ResponseAsk;
    const made = await plan(undo, deps);
    expect(made.refusals).toEqual([]);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'verified' });
    expect(here.state.user).toMatchObject({ state: 'ACTIVATED', suspended: false });
  });

  it('A17: is refused where somebody else has changed the user since', async () => {
    const { here, actionId } = await disabled();
    here.state.user = { ...here.state.user, state: 'ACTIVATED', suspended: false };
    const deps = await here.process();
    const made = await plan(undoOf(deps.actions.get(actionId)!, 'm.roe') as ResponseAsk, deps);
    expect(made.refusals).toMatchObject([{ code: 'TARGET_CHANGED' }]);
    expect(await execute(made.actionId, deps)).toMatchObject({ result: 'refused' });
    expect(here.ledger).toHaveLength(1);
  });

  it('of an expired password does not exist', async () => {
    const here = world();
    const deps = await here.process();
    const { actionId } = await plan(ask('expire-password'), deps);
    await execute(actionId, deps);
    expect(undoOf(deps.actions.get(actionId)!, 'm.roe')).toMatchObject({ code: 'NOT_UNDOABLE' });
  });
});

it('A6: no schedule of faults, crashes and repeats sends two writes for one action id, claims what the ledger denies, or changes a protected account', async () => {
  const step = fc.record({
    verb: fc.constantFrom<Verb>('disable-user', 'enable-user', 'add-to-group', 'remove-from-group', 'expire-password'),
    id: fc.constantFrom('act-1', 'act-2', undefined),
    faults: fc.array(
      fc.constantFrom<Fault>('none', 'lost_before', 'lost_after', 'refused', 'limited', 'conflict', 'late'),
      { maxLength: 3 },
    ),
    kill: fc.constantFrom('intent', 'sent', undefined, undefined),
    /** The verb and id of the step before, once more. */
    repeats: fc.boolean(),
    /** Whether what a crash left is settled before the next step. */
    settles: fc.boolean(),
    /** Whether the configuration protects the user once the plan is made. */
    isProtected: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const here = world();
      const sentOf = (action: string) => here.ledger.filter(({ actionId }) => actionId === action).length;
      /** How many writes were sent of each action that a crash cut. */
      const cut = new Map<string, number>();
      let [verb, id] = [steps[0]!.verb, steps[0]!.id];
      for (const { faults, kill, repeats, settles, isProtected, ...own } of steps) {
        if (!repeats) [verb, id] = [own.verb, own.id];
        let planned: string | undefined;
        const deps = await here.process();
        here.kill(kill as 'intent' | 'sent' | undefined);
        here.faults.splice(0, here.faults.length, ...faults);
        const before = here.ledger.length;
        try {
          const made = await plan(ask(verb, { actionId: id }), deps);
          if (made.refusals.length > 0) continue;
          planned = made.actionId;
          const policy = isProtected ? { ...deps.policy, protectedUsers: [here.state.user.id] } : deps.policy;
          const ended = await execute(made.actionId, { ...deps, policy });
          if (isProtected) expect(here.ledger.length, 'a protected account is not changed').toBe(before);
          const wanted = isAsWanted(made.verb, { user: here.state.user, member: here.state.member }, here.clock.now());
          if (ended.result === 'failed') expect(here.ledger.length).toBe(before);
          if (ended.result === 'verified' && here.ledger.length > before) expect(wanted).toBe(true);
          if (ended.result === 'verified')
            expect(here.ledger.some(({ actionId }) => actionId === made.actionId) || wanted).toBe(true);
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          here.kill(undefined);
          if (isProtected) expect(here.ledger.length, 'a protected account is not changed').toBe(before);
          if (planned !== undefined) cut.set(planned, sentOf(planned));
          if (!settles) continue;
          const after = await here.process();
          const known = here.ledger.length;
          await settleAll(after);
          expect(here.ledger.length, 'what was begun is read, never sent').toBe(known);
        }
      }
      const perAction = new Map<string, number>();
      for (const { actionId } of here.ledger) perAction.set(actionId, (perAction.get(actionId) ?? 0) + 1);
      expect([...perAction.values()].filter((times) => times > 1)).toEqual([]);
      for (const [action, sent] of cut) expect(sentOf(action), 'what was begun is never sent later').toBe(sent);
    }),
    { numRuns: 300, seed: 17 },
  );
});
