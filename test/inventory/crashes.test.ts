import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asCollectorError } from '../../collector/errors.js';
import type { Entity } from '../../collector/sinks/sink.js';
import { deliveredKeys, type InventoryUnderTest, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

/** Changes of every kind between two generations. */
function change({ directory }: InventoryUnderTest): void {
  const [user = '', other = ''] = directory.ids('users').slice(60);
  const [group = ''] = directory.ids('groups').slice(4);
  directory.remove('users', user);
  directory.change('users', other, { department: 'Elsewhere' });
  directory.create('users', { username: 'new.comer', email: 'new.comer@example.test' });
  directory.remove('groups', group);
  const [member = ''] = directory.members(directory.ids('groups')[9] as string);
  directory.removeMember(directory.ids('groups')[9] as string, member);
}

/** What readers of a compacted topic see of a list of entities. */
function state(entities: readonly Entity[]): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const { type, key, value } of entities) {
    if (type !== 'snapshot')
      found.set(`${type} ${key}`, value?.replace(/"(last_confirmed|generation|snapshot)":[^,}]*/g, ''));
  }
  for (const [key, value] of found) if (value === undefined) found.delete(key);
  return found;
}

/** The newest of each entity that is there. */
function current(entities: readonly Entity[]): Iterable<Entity> {
  const found = new Map(entities.map((entity) => [`${entity.type} ${entity.key}`, entity]));
  return [...found.values()].filter(({ value }) => value !== undefined);
}

describe('a generation that is interrupted', () => {
  const directory = { users: 80, groups: 11, administrators: 4, applications: 2 };

  it.each(['lost', 'in_doubt'] as const)(
    'at any commit (%s) is delivered to its end by the next run, nothing twice and nothing missing (E1)',
    async (fate) => {
      const under = await inventoryUnderTest({ tenant: { directory } });
      const { sink } = under;
      let commits = 0;
      let failed = 0;
      // Every second commit fails, until each of them has.
      sink.fate = () => (commits++ % 2 === 0 && failed++ < 40 ? fate : 'kept');
      const untilDone = async () => {
        for (let tries = 0; tries < 60; tries++) {
          const marker = await under.run().catch((error: unknown) => asCollectorError(error).code);
          if (typeof marker !== 'string') return;
          expect(marker).toBe('SINK_UNAVAILABLE');
        }
        throw new Error('the inventory never came to its end');
      };
      await untilDone();
      change(under);
      for (let i = 0; i < 3; i++) await untilDone();
      expect(failed).toBeGreaterThan(10);
      const uids = sink.events.map(({ uid }) => uid);
      expect(new Set(uids).size).toBe(uids.length);
      expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(under.directory));
      const calm = await inventoryUnderTest({ tenant: { directory } });
      await calm.generation();
      change(calm);
      for (let i = 0; i < 3; i++) await calm.generation();
      expect([...state(sink.entities).keys()].sort()).toEqual([...state(calm.sink.entities).keys()].sort());
    },
  );

  it('and whose files are lost is read again, and ends where the directory is (E2)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    change(under);
    await under.generation();
    let commits = 0;
    under.sink.fate = () => (++commits === 2 ? 'in_doubt' : 'kept');
    await expect(under.run()).rejects.toThrow();
    for (const name of ['generation-3']) rmSync(join(under.settings.directory, name), { recursive: true });
    for (let i = 0; i < 2; i++) await under.generation();
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(under.directory));
  });

  it.each(['generation-3', '.'])(
    'between a group that is gone and its members, whose files (%s) are lost, ends where the directory is',
    async (lost) => {
      const under = await inventoryUnderTest({ tenant: { directory } });
      const { sink } = under;
      Object.assign(sink, { currentEntities: () => [...current(sink.entities)] });
      const group = under.directory.ids('groups').find((id) => [...under.directory.members(id)].length > 0) as string;
      await under.generation();
      under.directory.remove('groups', group);
      await under.generation();
      sink.fate = ({ entities }) => (entities.some(({ type }) => type === 'membership') ? 'lost' : 'kept');
      await expect(under.run()).rejects.toThrow();
      sink.fate = () => 'kept';
      rmSync(join(under.settings.directory, lost), { recursive: true });
      for (let i = 0; i < 2; i++) await under.generation();
      expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(under.directory));
    },
  );
});

describe('what an inventory knows', () => {
  it('is read back from the sink where the local files are lost, and nothing is delivered again (E3)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    change(under);
    for (let i = 0; i < 2; i++) await under.generation();
    rmSync(under.settings.directory, { recursive: true });
    const before = [under.sink.entities.length, under.sink.events.length];
    await under.generation();
    expect(under.told.some(({ type }) => type === 'rebuilt')).toBe(true);
    expect([under.sink.entities.length, under.sink.events.length]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  });

  it('is read back as a whole or not at all: what a failure cuts short is begun again', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    const { directory } = under.settings;
    const name = readdirSync(directory).find((file) => file.startsWith('memberships.'))!;
    rmSync(directory, { recursive: true });
    // The file of one stage cannot be written.
    mkdirSync(join(directory, name, 'in the way'), { recursive: true });
    const before = under.sink.entities.length;
    await expect(under.run()).rejects.toThrow();
    expect(readdirSync(directory)).not.toContain('known.json');
    rmSync(join(directory, name), { recursive: true });
    await under.generation();
    expect(under.told.filter(({ type }) => type === 'rebuilt')).toHaveLength(1);
    expect(under.sink.entities.length).toBe(before + 1);
  });

  it('is refused where it is newer than what the sink holds', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    const empty = await inventoryUnderTest();
    const error = asCollectorError(await under.run({}, empty.sink).catch((reason: unknown) => reason));
    expect([error.code, empty.sink.entities.length]).toEqual(['STATE_CORRUPT', 0]);
  });

  it('has one writer: a second instance on the feed is refused (E5)', async () => {
    const under = await inventoryUnderTest();
    const [first, second] = await Promise.allSettled([under.run(), under.run()]);
    const refused = [first, second].filter((one) => one?.status === 'rejected');
    expect(refused.map((one) => asCollectorError((one as PromiseRejectedResult).reason).code)).toEqual(['LANE_IN_USE']);
  });
});

describe('the directory API', () => {
  it('is asked again after a reset and after a body that was cut, with the result of a run without (F1)', async () => {
    const under = await inventoryUnderTest();
    under.tenant.script([
      { when: { route: 'console', every: 7, times: 5 }, effect: { kind: 'reset', at: 'mid_body' } },
      { when: { route: 'console', every: 11, times: 5 }, effect: { kind: 'body', form: 'truncated' } },
    ]);
    expect((await under.generation()).incomplete).toEqual([]);
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(under.directory));
  });

  it('is given the time that it asks for with a 429, and is asked half as often afterwards (F3)', async () => {
    const under = await inventoryUnderTest({ client: { directoryRequestsPerSecond: 4 } });
    under.tenant.script([
      {
        when: { route: 'console', requests: [10] },
        effect: { kind: 'status', status: 429, headers: { 'Retry-After': '7' } },
      },
    ]);
    expect((await under.generation()).incomplete).toEqual([]);
    const at = under.tenant.requests.map((request) => request.at);
    expect((at[10] ?? 0) - (at[9] ?? 0)).toBeGreaterThanOrEqual(7_000);
    expect((at[20] ?? 0) - (at[19] ?? 0)).toBeGreaterThanOrEqual(500);
    expect((at[8] ?? 0) - (at[7] ?? 0)).toBeLessThan(400);
  });

  it('is asked no more once it refuses the key: a 401 ends the snapshot (F5)', async () => {
    const under = await inventoryUnderTest();
    under.tenant.script([{ when: { route: 'console', path: 'systemusers' }, effect: { kind: 'status', status: 401 } }]);
    const { refused } = await under.run();
    expect(refused?.code).toBe('CREDENTIAL_REFUSED');
    const paths = under.tenant.requests.map(({ path }) => path);
    expect(paths.indexOf('/api/systemusers')).toBe(paths.length - 1);
  });

  it('takes the token of a service account, which is renewed in the middle of a list (F6)', async () => {
    const account = { clientId: 'c0ffee', clientSecret: 'a-secret-of-the-account', tokenLifetime: 3_600 };
    const organization = '5f2e00000000000000000001';
    // A service account names its organization.
    const named = await inventoryUnderTest({
      tenant: { organization, serviceAccounts: [account] },
      client: {
        orgId: organization,
        authorization: 'service-account',
        clientId: account.clientId,
        secret: { value: account.clientSecret, where: 'JUMPCLOUD_CLIENT_SECRET' },
      },
    });
    named.tenant.script([
      { when: { route: 'console', path: 'skip=100', times: 1 }, effect: { kind: 'status', status: 401 } },
    ]);
    expect((await named.generation()).incomplete).toEqual([]);
    expect(named.tenant.count('token')).toBe(2);
    expect(deliveredKeys(named.sink.entities)).toEqual(ledgerKeys(named.directory));
  });

  it('is not followed to another host, and the key stays here (F7)', async () => {
    const under = await inventoryUnderTest();
    const elsewhere = await inventoryUnderTest();
    under.tenant.script([
      {
        when: { route: 'console', path: 'systemusers' },
        effect: { kind: 'redirect', location: `${elsewhere.tenant.consoleUrl}/api/systemusers` },
      },
    ]);
    expect((await under.run()).marker.incomplete).toEqual(['users']);
    expect(elsewhere.tenant.requests).toEqual([]);
  });
});
