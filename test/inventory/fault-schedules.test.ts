import { expect, it } from 'vitest';
import type { Life } from '../../fixtures/tenant/directory/timed.js';
import type { Fault } from '../../fixtures/tenant/faults.js';
import { draw } from '../../fixtures/tenant/random.js';
import { deliveredKeys, type InventoryUnderTest, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

/** More of them by `GENERATIONS`, other schedules by `SEED`. */
const GENERATIONS = Number(process.env.GENERATIONS ?? 100);
/** A busy machine takes a second or more for each. */
const PATIENCE_MS = 15 * 60_000;
const LISTS = [
  'systemusers\\?',
  'systemusers\\?.*skip=100',
  'usergroups\\?',
  '/api/users\\?',
  'roles\\?',
  'applications\\?',
  '/members\\?',
  'associations\\?',
];

/** What a fault does to a list for one generation. */
const EFFECTS: readonly Fault['effect'][] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 404, body: { code: 404, message: 'Not Found' } },
  { kind: 'status', status: 403, body: { message: 'Forbidden' } },
  { kind: 'html', status: 404 },
  { kind: 'html', status: 200 },
  { kind: 'body', form: 'truncated' },
  { kind: 'reset', at: 'mid_body' },
  { kind: 'status', status: 200, body: { results: [], totalCount: 0 } },
  { kind: 'status', status: 200, body: [] },
  { kind: 'status', status: 429, headers: { 'Retry-After': '7' } },
];

/** A stream of drawn numbers. */
function drawing(seed: number): (below: number) => number {
  let at = 0;
  return (below) => draw(seed, at++, 900) % below;
}

/** Changes the directory at random, within what no rule holds back. */
function mutate({ directory }: InventoryUnderTest, drawn: (below: number) => number): void {
  const users = directory.ids('users');
  const groups = directory.ids('groups');
  const user = users[drawn(users.length)] as string;
  const group = groups[drawn(groups.length)] as string;
  switch (drawn(8)) {
    case 0:
      directory.create('users', { username: `new.${drawn(1e6)}` });
      break;
    case 1:
      if (users.length > 105) directory.remove('users', user);
      break;
    case 2:
      directory.change('users', user, { department: `D${drawn(5)}` });
      break;
    case 3:
      directory.addMember(group, user);
      break;
    case 4:
      for (const member of directory.members(group)) {
        directory.removeMember(group, member);
        break;
      }
      break;
    case 5:
      if (groups.length > 3) directory.remove('groups', group);
      break;
    case 6:
      directory.create('groups', { name: `group ${drawn(1e6)}`, membershipMethod: 'STATIC' });
      break;
    default: {
      const applications = directory.ids('applications');
      const application = applications[drawn(applications.length)] as string;
      directory.setAssigned(application, { type: 'user_group', id: group }, drawn(2) === 0);
    }
  }
}

function arm(under: InventoryUnderTest, drawn: (below: number) => number, armed: Set<unknown>): void {
  const { tenant } = under;
  tenant.clearScript();
  Object.assign(tenant.directoryQuirks, {
    totalCount: drawn(8) > 0,
    unstableOrder: drawn(4) === 0,
    membersOfDeleted: drawn(10) === 0,
  });
  tenant.directoryQuirks.nullMembers =
    drawn(8) === 0 ? { every: 2 + drawn(4), form: drawn(2) === 0 ? 'null' : 'left_out' } : undefined;
  for (let i = drawn(5); i > 0; i--) {
    const path = LISTS[drawn(LISTS.length)] as string;
    const effect = EFFECTS[drawn(EFFECTS.length)] as Fault['effect'];
    // Once: it is retried. For ever: the stage is incomplete.
    const times = drawn(2) === 0 ? { times: 1 } : {};
    tenant.script([{ when: { route: 'console', path, ...times }, effect }]);
    armed.add(path).add(effect);
  }
  if (drawn(3) === 0) {
    const path = LISTS[drawn(LISTS.length)] as string;
    tenant.script([
      { when: { route: 'console', path, times: 1 }, effect: { kind: 'run', action: () => mutate(under, drawn) } },
    ]);
  }
  if (drawn(10) === 0)
    tenant.script([
      { when: { route: 'console', path: '/systemusers/[0-9a-f]+\\?' }, effect: { kind: 'status', status: 500 } },
    ]);
}

/** When the thing of an entity was there, and its ends; undefined for what follows from others. */
function livesOf({ directory }: InventoryUnderTest, type: string, key: string): Life[][] | undefined {
  const [, first = '', second = '', third = ''] = key.split('/');
  switch (type) {
    case 'user':
      return [directory.lives('users', first)];
    case 'group':
      return [directory.lives('groups', first)];
    case 'administrator':
      return [directory.lives('administrators', first)];
    case 'membership':
      return [
        directory.lives('groups', first),
        directory.lives('users', second),
        directory.membershipLives(first, second),
      ];
    case 'assignment': {
      const target = { type: second === 'user' ? 'user' : 'user_group', id: third } as const;
      const ofTarget = directory.lives(second === 'user' ? 'users' : 'groups', third);
      return [ofTarget, directory.assignmentLives(first, target)];
    }
    default:
      return undefined;
  }
}

it(
  'removes nothing that was there throughout, whatever goes wrong in many generations, and everything that is gone (D13)',
  async () => {
    const drawn = drawing(Number(process.env.SEED ?? 20261128));
    const under = await inventoryUnderTest({
      // A page of users, and a part of one that is too small to be held back when it is missing.
      tenant: { directory: { users: 115, groups: 5, memberships: 60, administrators: 4, applications: 3 } },
      client: { retry: { attempts: 2 } },
    });
    const { sink, directory } = under;
    const starts: number[] = [];
    const armed = new Set<unknown>();
    await under.run();
    for (let generation = 0; generation < GENERATIONS; generation++) {
      for (let i = drawn(4); i > 0; i--) mutate(under, drawn);
      arm(under, drawn, armed);
      starts.push(under.time.world());
      const from = sink.entities.length;
      await under.run();
      const since = starts.at(-3) ?? 0;
      for (const { type, key, value } of sink.entities.slice(from)) {
        if (value !== undefined) continue;
        const throughout = (lives: Life[]) => lives.some((life) => life.from < since && life.to === undefined);
        const wasThere = livesOf(under, type, key)?.every(throughout) ?? false;
        expect(wasThere, `generation ${generation + 2} removed ${type} ${key}, which was there throughout`).toBe(false);
      }
    }
    for (const one of [...LISTS, ...EFFECTS]) expect(armed).toContain(one);
    expect(sink.entities.filter(({ value }) => value === undefined).length).toBeGreaterThan(100);
    under.tenant.clearScript();
    Object.assign(under.tenant.directoryQuirks, {
      totalCount: true,
      unstableOrder: false,
      membersOfDeleted: false,
      nullMembers: undefined,
    });
    let marker = await under.generation();
    for (let i = 0; i < 2; i++) marker = await under.generation();
    expect(marker.incomplete).toEqual([]);
    expect(marker.removals_held).toBe(0);
    expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(directory));
  },
  PATIENCE_MS,
);
