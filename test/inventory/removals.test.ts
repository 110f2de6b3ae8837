import { describe, expect, it } from 'vitest';
import { asCollectorError } from '../../collector/errors.js';
import type { StageName } from '../../collector/inventory/stages.js';
import type { Fault } from '../../fixtures/tenant/faults.js';
import { deliveredKeys, type InventoryUnderTest, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

/** A fault on the directory's requests whose path and query fit. */
function fault(path: string, effect: Fault['effect'], times?: number): Fault {
  return { when: { route: 'console', path, ...(times === undefined ? {} : { times }) }, effect };
}

function tombstones({ sink }: InventoryUnderTest): string[] {
  return sink.entities.filter(({ value }) => value === undefined).map(({ type }) => type);
}

function goneEvents({ sink }: InventoryUnderTest): number {
  return sink.events.filter(({ text }) => text.includes('"activity_name":"Gone"')).length;
}

const emptyUsers: Fault['effect'] = { kind: 'status', status: 200, body: { results: [], totalCount: 0 } };

describe('a removal', () => {
  it('needs two complete generations, and closes the edges of what is gone in the same one (D1)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const victim = directory.ids('users')[30] as string;
    const edges = directory.groupsOf(victim).length;
    await under.generation();
    directory.remove('users', victim);
    await under.generation();
    expect(tombstones(under).filter((type) => type === 'user')).toEqual([]);
    await under.generation();
    expect(tombstones(under).filter((type) => type === 'user')).toHaveLength(1);
    expect(tombstones(under).filter((type) => type === 'membership')).toHaveLength(edges);
    expect(goneEvents(under)).toBe(1);
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(directory));
    directory.restore('users', victim);
    await under.generation();
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(directory));
  });

  it.each<[string, string, Fault['effect'], string]>([
    ['JSON 404', 'usergroups\\?', { kind: 'status', status: 404, body: { code: 404, message: 'Not Found' } }, 'groups'],
    ['HTML 404', 'usergroups\\?', { kind: 'html', status: 404 }, 'groups'],
    ['a second page of 500', 'systemusers\\?.*skip=100', { kind: 'status', status: 500 }, 'users'],
    ['HTML 200', 'systemusers\\?', { kind: 'html', status: 200 }, 'users'],
    ['a refusal', '/api/users\\?', { kind: 'status', status: 403, body: { message: 'Forbidden' } }, 'administrators'],
    [
      'a body beyond the limit',
      'systemusers\\?',
      { kind: 'status', status: 200, body: { results: ['x'.repeat(17 * 1024 * 1024)], totalCount: 1 } },
      'users',
    ],
  ])(
    'never follows from %s: the stage is incomplete and the others are delivered (D2, D3, D8, D12, F8)',
    async (_name, path, effect, stage) => {
      const under = await inventoryUnderTest();
      await under.generation();
      under.tenant.script([fault(path, effect)]);
      for (let i = 0; i < 3; i++) {
        const { marker, refused } = await under.run();
        expect([marker.incomplete, refused]).toEqual([[stage], undefined]);
      }
      expect(tombstones(under)).toEqual([]);
      if (stage === 'administrators') expect(under.sink.entities.at(-1)?.value).toContain('administrators.readonly');
      under.tenant.clearScript();
      const changed = (await under.generation()).stages.reduce((total, one) => total + one.changed + one.gone, 0);
      expect(changed).toBe(0);
    },
  );

  it('does not follow from a directory that is empty once (D4)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    under.tenant.script([fault('systemusers\\?', emptyUsers, 1)]);
    await under.generation();
    const marker = await under.generation();
    expect([tombstones(under), marker.removals_held]).toEqual([[], 0]);
    expect(marker.stages.every(({ changed }) => changed === 0)).toBe(true);
  });

  it('of everything is held until an operator confirms it, and then read once more (D5)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    under.tenant.script([fault('systemusers\\?', emptyUsers)]);
    for (let i = 0; i < 4; i++) await under.generation();
    const held = await under.generation();
    expect(held.removals_held).toBe(250);
    expect(under.told.some((event) => event.type === 'held' && event.reason === 'nothing is left of 250')).toBe(true);
    expect(tombstones(under)).toEqual([]);
    const stages: StageName[] = ['users'];
    const confirmed = await under.generation({ stages, confirmed: new Set(stages) });
    expect(confirmed.stages.find(({ stage }) => stage === 'users')?.gone).toBe(250);
    expect(confirmed.removals_held).toBe(0);
    expect(deliveredKeys(under.sink.entities).membership?.size).toBe(0);
  });

  it('of a large share is held, and exactly these go after the release (D6)', async () => {
    const under = await inventoryUnderTest({ tenant: { directory: { users: 60, groups: 150, memberships: 300 } } });
    const { directory } = under;
    await under.generation();
    for (const group of directory.ids('groups').slice(0, 45)) directory.remove('groups', group);
    await under.generation();
    const held = await under.generation();
    expect(held.removals_held).toBe(45);
    expect(tombstones(under)).toEqual([]);
    const stages: StageName[] = ['groups'];
    await under.generation({ stages, confirmed: new Set(stages) });
    expect(tombstones(under).filter((type) => type === 'group')).toHaveLength(45);
    await under.generation();
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(directory));
  });

  it('of members that is held stays held while only users are read, of whom one is gone', async () => {
    const under = await inventoryUnderTest({ tenant: { directory: { users: 60, groups: 40, memberships: 300 } } });
    const { directory } = under;
    await under.generation();
    for (const group of directory.ids('groups'))
      for (const user of directory.members(group)) directory.removeMember(group, user);
    await under.generation();
    const held = await under.generation();
    expect(held.removals_held).toBeGreaterThan(100);
    directory.remove('users', directory.ids('users')[0] as string);
    const stages: StageName[] = ['users'];
    await under.generation({ stages });
    const later = await under.generation({ stages });
    expect(tombstones(under)).toContain('membership');
    const of = ({ stages }: typeof held) => stages.find(({ stage }) => stage === 'memberships');
    const { held: count, held_reason, complete } = of(held) ?? {};
    expect(of(later)).toMatchObject({ held: count, held_reason, complete, generation: held.generation });
    expect([later.removals_held, later.incomplete]).toEqual([held.removals_held, held.incomplete]);
  });

  it('is refused with everything else where the credential is of another organization (D7)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    const before = under.sink.entities.length;
    const other = { data: { results: [{ _id: 'a'.repeat(24), displayName: 'Other' }], totalCount: 1 } };
    under.tenant.script([fault('/api/organizations', { kind: 'status', status: 200, body: other.data })]);
    const error = asCollectorError(await under.run().catch((reason: unknown) => reason));
    expect([error.code, error.exitCode, under.sink.entities.length]).toEqual(['ORGANIZATION_CHANGED', 78, before]);
  });

  it('of members goes on in other groups while one group cannot be read (D9)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const [broken = '', sound = ''] = directory.ids('groups');
    await under.generation();
    const [a = ''] = directory.members(broken);
    const [b = ''] = directory.members(sound);
    directory.removeMember(broken, a);
    directory.removeMember(sound, b);
    under.tenant.script([fault(`${broken}/members`, { kind: 'status', status: 500 })]);
    for (let i = 0; i < 2; i++) expect((await under.run()).marker.incomplete).toEqual(['memberships']);
    const keys = deliveredKeys(under.sink.entities).membership;
    const org = directory.organization;
    expect([keys?.has(`${org}/${broken}/${a}`), keys?.has(`${org}/${sound}/${b}`)]).toEqual([true, false]);
  });

  it('is held back while a list has null rows that may stand for what is missing', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const [group = ''] = directory.ids('groups');
    await under.generation();
    const [member = ''] = directory.members(group);
    directory.removeMember(group, member);
    under.tenant.directoryQuirks.nullMembers = { every: 3, form: 'null' };
    for (let i = 0; i < 3; i++) await under.generation();
    expect(tombstones(under)).toEqual([]);
    under.tenant.directoryQuirks.nullMembers = undefined;
    await under.generation();
    await under.generation();
    expect(tombstones(under)).toEqual(['membership']);
  });

  it('does not happen to an object that a list lacks twice but that is there when it is asked for', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    const all = under.directory.ids('users').map((id) => under.directory.get('users', id));
    const lacking = all.slice(0, 99) as never;
    under.tenant.script([
      fault('systemusers\\?', { kind: 'status', status: 200, body: { results: lacking, totalCount: 99 } }),
    ]);
    await under.generation();
    const marker = await under.generation();
    expect(marker.removals_held).toBe(151);
    under.tenant.clearScript();
    const few = all.slice(0, 240) as never;
    const page = (skip: number) =>
      fault(`systemusers\\?.*skip=${skip}$`, {
        kind: 'status',
        status: 200,
        body: { results: (few as unknown[]).slice(skip, skip + 100) as never, totalCount: 240 },
      });
    await under.generation();
    under.tenant.script([page(0), page(100), page(200)]);
    await under.generation();
    await under.generation();
    expect(tombstones(under)).toEqual([]);
  });

  it('reads a list once more whose count fell while it was read, and is complete (D11)', async () => {
    const under = await inventoryUnderTest();
    const { directory, tenant } = under;
    await under.generation();
    const victims = directory.ids('users').slice(0, 5);
    const remove = () => {
      for (const victim of victims) directory.remove('users', victim);
    };
    tenant.script([fault('systemusers\\?.*skip=100', { kind: 'run', action: remove }, 1)]);
    expect((await under.generation()).incomplete).toEqual([]);
    await under.generation();
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(directory));
  });
});
