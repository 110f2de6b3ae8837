import { describe, expect, it } from 'vitest';
import { isBehind, judge, type ResponsePolicy } from '../../collector/response/guards.js';
import type { ResponseAsk } from '../../collector/response/plan.js';
import type { Administrator, Target, UserState } from '../../collector/response/target.js';
import { type Verb, verbs } from '../../collector/response/verbs.js';
import { ana, vpnUsers as group } from './targets.js';

const NOW = Date.UTC(2026, 10, 3, 12);
const allVerbs = Object.keys(verbs) as Verb[];
const user: UserState = { ...ana, email: 'Ana.Lima@example.test' };
const policy: ResponsePolicy = {
  allow: allVerbs,
  groups: ['vpn-users'],
  protectedUsers: [],
  protectedGroups: [],
};
const billing = (id: string, changes: Partial<Administrator> = {}): Administrator => ({
  id,
  email: `${id}@example.test`,
  suspended: false,
  roleName: 'Administrator With Billing',
  ...changes,
});

function judged(
  verb: Verb,
  target: Partial<Target> = {},
  allowed: Partial<ResponsePolicy> = {},
  asked: Partial<ResponseAsk> = {},
) {
  const { ofGroup } = verbs[verb];
  const ask: ResponseAsk = {
    verb,
    user: user.id,
    group: ofGroup ? group.id : undefined,
    requester: 'j.doe',
    reason: 'INC-1',
    ticket: undefined,
    actionId: undefined,
    forceScheduled: false,
    notOurs: false,
    undoes: undefined,
    ...asked,
  };
  const whole: Target = {
    user,
    group: ofGroup ? group : undefined,
    member: ofGroup ? verb === 'remove-from-group' : undefined,
    groupsOfUser: [],
    administrators: [],
    scheduled: [],
    ...target,
  };
  return judge(ask, whole, { ...policy, ...allowed }, { disabledByUs: false, undone: undefined }, NOW);
}
const codes = (...given: Parameters<typeof judged>) => judged(...given).refusals.map(({ code }) => code);

describe('the guards', () => {
  it.each(allVerbs.filter((verb) => verb !== 'enable-user'))('let an ordinary %s pass', (verb) => {
    expect(judged(verb)).toMatchObject({ refusals: [], approval: [], residualAccess: [] });
  });

  it.each(allVerbs)('refuse %s where the configuration does not allow it', (verb) => {
    expect(codes(verb, {}, { allow: [] })).toContain('VERB_NOT_ALLOWED');
  });

  it('refuse a group that the configuration does not name', () => {
    expect(codes('add-to-group', {}, { groups: [] })).toEqual(['GROUP_NOT_ALLOWED']);
    expect(codes('remove-from-group', {}, { groups: [group.id] })).toEqual([]);
  });

  it.each([
    ['its id', user.id],
    ['its username', 'ana.lima'],
    ['its username in capitals', 'ANA.LIMA'],
    ['its e-mail address in another case', 'ana.lima@EXAMPLE.test'],
  ])('refuse a protected user named by %s', (_name, named) => {
    for (const verb of allVerbs) expect(codes(verb, {}, { protectedUsers: [named] })).toContain('PROTECTED');
  });

  it('A10: refuse a member of a protected group', () => {
    const target = { groupsOfUser: ['66a0c0ffee0000000000c0bb'] };
    expect(codes('disable-user', target, { protectedGroups: ['66a0c0ffee0000000000c0bb'] })).toEqual(['PROTECTED']);
  });

  it.each([
    'ana.lima@example.TEST',
    'Ana.Lima',
    'CORP\\ana.lima',
    // An alias of hers: her user name in another domain.
    'ana.lima@alias.example.test',
    user.id,
  ])('refuse the requester as the target: %s', (requester) => {
    expect(codes('disable-user', {}, {}, { requester })).toEqual(['OWN_ACCOUNT']);
  });

  it.each(['ana', 'ana.lima2', 'lima', 'ben@example.test', ''])('let somebody else ask: %s', (requester) => {
    expect(codes('disable-user', {}, {}, { requester })).toEqual([]);
  });

  it.each([
    ['ana.lima', 'ANA.LIMA@example.test', true],
    ['CORP\\ana.lima', 'ana.lima', true],
    ['ana.lima@example.test', 'ana.lima@example.org', false],
    ['ana.lima', 'ana.roe', false],
  ])('take %s and %s for one person: %s', (requester, name, isOne) => {
    expect(isBehind(name, { requester })).toBe(isOne);
  });

  it('A11: refuse the user of the last active Administrator With Billing, and ask for approval of the second-to-last', () => {
    const linked = { user: { ...user, administrator: 'a1' } };
    const suspended = billing('a2', { suspended: true });
    expect(codes('disable-user', { ...linked, administrators: [billing('a1'), suspended] })).toEqual([
      'LAST_ADMINISTRATOR',
    ]);
    const two = judged('disable-user', { ...linked, administrators: [billing('a1'), billing('a2')] });
    expect(two.refusals).toEqual([]);
    expect(two.approval).toEqual([expect.stringContaining('a1@example.test')]);
  });

  it('refuse where a linked administrator is not among those that can be read, and none with billing is left', () => {
    expect(
      codes('disable-user', { user: { ...user, administrator: 'gone' }, administrators: [billing('a2')] }),
    ).toEqual(['LAST_ADMINISTRATOR']);
  });

  it('A12: name an unlinked administrator of the same e-mail address as access that stays', () => {
    const administrators = [billing('a9', { email: 'ana.lima@example.test' }), billing('a2')];
    const found = judged('disable-user', { administrators });
    expect(found.refusals).toEqual([]);
    expect(found.residualAccess).toEqual([expect.stringContaining('ana.lima@example.test')]);
    expect(judged('expire-password', { administrators }).residualAccess).toEqual([]);
  });

  it('A13: refuse a dynamic group', () => {
    const dynamic = { ...group, membershipMethod: 'DYNAMIC_AUTOMATED' };
    expect(codes('add-to-group', { group: dynamic })).toEqual(['DYNAMIC_GROUP']);
    expect(codes('remove-from-group', { group: dynamic })).toEqual(['DYNAMIC_GROUP']);
  });

  it('ask for approval before a group that gives sudo is granted, not before it is revoked', () => {
    const sudo = { group: { ...group, sudo: true } };
    expect(judged('add-to-group', sudo).approval).toEqual(['vpn-users gives sudo']);
    expect(judged('remove-from-group', sudo).approval).toEqual([]);
  });

  it('A13: refuse to expire a password that is managed elsewhere or never expires', () => {
    expect(codes('expire-password', { user: { ...user, passwordElsewhere: true } })).toEqual(['NO_EFFECT']);
    expect(codes('expire-password', { user: { ...user, passwordNeverExpires: true } })).toEqual(['NO_EFFECT']);
  });

  it('A25: refuse to disable a user whom JumpCloud is about to activate, unless asked to override', () => {
    const scheduled = [{ state: 'ACTIVATED', at: '2026-11-04T00:00:00Z' }];
    expect(codes('disable-user', { scheduled })).toEqual(['SCHEDULED']);
    const forced = judged('disable-user', { scheduled }, {}, { forceScheduled: true });
    expect(forced.refusals).toEqual([]);
    expect(forced.warnings).toContainEqual(expect.stringContaining('2026-11-04T00:00:00Z'));
    expect(codes('disable-user', { scheduled: [{ state: 'SUSPENDED', at: '2026-11-04T00:00:00Z' }] })).toEqual([]);
  });

  it('refuse to enable a user whom somebody else disabled, unless asked to override', () => {
    const target = { user: { ...user, state: 'SUSPENDED', suspended: true } };
    expect(codes('enable-user', target)).toEqual(['NOT_OURS']);
    expect(codes('enable-user', target, {}, { notOurs: true })).toEqual([]);
  });

  it('say of expire-password that it does not contain and cannot be undone', () => {
    expect(judged('expire-password').warnings.join(' ')).toMatch(/does not contain.*cannot be undone/);
  });
});
