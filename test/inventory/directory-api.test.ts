import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { asCollectorError } from '../../collector/errors.js';
import type { InventoryOrder } from '../../collector/inventory/inventory.js';
import type { InventoryEvent } from '../../collector/inventory/observer.js';
import { ReadingSlots } from '../../collector/inventory/reading-slots.js';
import { runInventoryService } from '../../collector/inventory/service.js';
import { createClient } from '../../collector/jumpcloud/client.js';
import type { ClientObserver } from '../../collector/jumpcloud/http/observer.js';
import { createLog } from '../../collector/log/logger.js';
import { followInventory } from '../../collector/runtime/follow-inventory.js';
import { configOf } from '../monitoring/observe-feed.js';
import { virtualTime } from '../pipeline/virtual-time.js';
import { current, deliveredKeys, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

const DAY = 86_400_000;

describe('the directory API', () => {
  it('that does not answer is asked again six times at most, then the stage is incomplete and the others are read (F2)', async () => {
    const deadlines = { connectMs: 10_000, responseMs: 1_000, requestMs: 2_000 };
    const under = await inventoryUnderTest({ client: { deadlines } });
    under.tenant.script([{ when: { route: 'console', path: 'systemusers\\?' }, effect: { kind: 'hang' } }]);
    const { marker } = await under.run();
    expect(marker.incomplete).toContain('users');
    expect(marker.stages.find(({ stage }) => stage === 'groups')?.complete).toBe(true);
    expect(under.tenant.requests.filter(({ path }) => path === '/api/systemusers')).toHaveLength(6);
    expect(current(under.sink.entities, 'group').size).toBe(12);
  });

  it('that answers 429 and does not say for how long is given ever longer pauses, a minute at most (F4)', async () => {
    const under = await inventoryUnderTest();
    under.tenant.script([
      { when: { route: 'console', path: 'systemusers\\?', times: 5 }, effect: { kind: 'status', status: 429 } },
    ]);
    expect((await under.generation()).incomplete).toEqual([]);
    const at = under.tenant.requests.filter(({ path }) => path === '/api/systemusers').map((request) => request.at);
    const pauses = at.slice(1, 6).map((one, index) => one - (at[index] ?? 0));
    // Drawn from a range that doubles with each pause; the pace halves as well.
    for (const [index, pause] of pauses.entries()) expect(pause).toBeLessThanOrEqual(1_000 * 2 ** index + 1_000);
    expect(Math.max(...pauses)).toBeGreaterThan(2_000);
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(under.directory));
  });

  it('is read by a service account of its own where one is configured, and the key of the feed needs no scope for it', async () => {
    const organization = '5f2e00000000000000000001';
    const account = { clientId: 'c0ffee', clientSecret: 'a-secret-of-the-account', tokenLifetime: 3_600 };
    const tenant = { organization, serviceAccounts: [account], keys: [{ scopes: ['directoryinsights.readonly'] }] };
    const secret = { value: account.clientSecret, where: 'INVENTORY_CLIENT_SECRET' };
    const directoryAccount = { clientId: account.clientId, secret };
    const under = await inventoryUnderTest({ tenant, client: { orgId: organization, directoryAccount } });
    expect((await under.generation()).incomplete).toEqual([]);
    expect(under.tenant.count('token')).toBe(1);
    expect(under.client.credential.state.used).toBeUndefined();
    expect(JSON.stringify([under.told, under.sink.entities, under.sink.events])).not.toContain(account.clientSecret);
    const without = await inventoryUnderTest({ tenant, client: { orgId: organization } });
    expect((await without.run()).marker.incomplete).not.toEqual([]);
  });

  it('has an account whose secret may change: the new one is said to be in use and kept out of the log, an unreadable file is said', async () => {
    const account = { clientId: 'c0ffee', clientSecret: 'a-secret-of-the-account', tokenLifetime: 3_600 };
    const file = join(mkdtempSync(join(tmpdir(), 'directory-account-')), 'secret');
    onTestFinished(() => rmSync(dirname(file), { recursive: true, force: true }));
    writeFileSync(file, account.clientSecret);
    const said: string[] = [];
    const observer: ClientObserver = {
      onKeyChanged: ({ where }) => said.push(`${where} changed: ${client.secrets().includes('another-secret')}`),
      onKeyUnreadable: ({ where }) => said.push(`${where} is unreadable`),
    };
    const directoryAccount = { clientId: account.clientId, secret: { file, where: 'the file' }, observer };
    const { client } = await inventoryUnderTest({
      tenant: { serviceAccounts: [account] },
      client: { orgId: '5f2e00000000000000000001', directoryAccount },
    });
    const ask = () => client.directory?.('/api/systemusers?limit=1').catch(asCollectorError);
    await ask();
    writeFileSync(file, 'another-secret');
    await ask();
    rmSync(file);
    await ask();
    expect(said).toEqual(['the file changed: true', `${file} is unreadable`]);
  });

  it.each(['eu', 'in'])(
    'of the region %s is asked at its own hosts alone, for tokens, lists and activity (R1)',
    async (region) => {
      const asked = new Set<string>();
      const lookup: LookupFunction = (host, _options, answer) => {
        asked.add(host);
        answer(Object.assign(new Error('no network here'), { code: 'ENOTFOUND' }), '');
      };
      const options = { region, lookup, env: {}, retry: { attempts: 1 }, timing: virtualTime(0) };
      const secret = { value: 'a-secret-of-the-account', where: 'JUMPCLOUD_CLIENT_SECRET' };
      const account = createClient({ ...options, secret, clientId: 'c0ffee', authorization: 'service-account' });
      const key = createClient({ ...options, secret, authorization: 'x-api-key' });
      for (const client of [account, key]) {
        const directory = client.directory?.('/api/systemusers?limit=1').catch(asCollectorError);
        const activity = client.count({ services: ['sso'], start: 0 }).catch(asCollectorError);
        expect((await Promise.all([directory, activity])).every((one) => one instanceof Error)).toBe(true);
        client.close();
      }
      expect([...asked].sort()).toEqual(
        [
          `admin-oauth.id.${region}.jumpcloud.com`,
          `api.${region}.jumpcloud.com`,
          `console.${region}.jumpcloud.com`,
        ].sort(),
      );
    },
  );

  it('is read exactly where one group has all users, in a request per hundred (S3)', async () => {
    const size = { users: 1_250, groups: 1, everyone: true, administrators: 2, applications: 1 };
    const under = await inventoryUnderTest({ tenant: { directory: size }, settings: { accountEdges: false } });
    await under.generation();
    expect(deliveredKeys(under.sink.entities).membership).toEqual(ledgerKeys(under.directory).membership);
    expect(under.tenant.requests.filter(({ path }) => path.endsWith('/members'))).toHaveLength(13);
  });
});

it('An inventory that is DISABLED asks JumpCloud nothing for a day, and shows what inventory run delivers meanwhile (I15)', async () => {
  const under = await inventoryUnderTest();
  const stopping = new AbortController();
  const seen: InventoryEvent[] = [];
  const { tenant, sink, client, time } = under;
  const start = time.now();
  let ran = false;
  const timing = {
    ...time,
    async sleep(ms: number, signal?: AbortSignal) {
      await time.sleep(ms, signal);
      if (time.now() - start < DAY) return;
      if (ran) return stopping.abort();
      expect(tenant.requests).toEqual([]);
      ran = true;
      await under.generation();
    },
  };
  const log = createLog({ level: 'error', format: 'json' });
  const observer = (event: InventoryEvent) => void seen.push(event);
  await followInventory(configOf(), client, sink, log, timing, observer, stopping.signal);
  expect(ran).toBe(true);
  expect(seen.map((event) => (event.type === 'position' ? event.position.generation : event.type))).toEqual([1]);
});

it('Feeds of one process read their directories some at a time, in the order in which they ask: none waits longer than its share (S5)', async () => {
  const tenant = { directory: { users: 20, groups: 3, administrators: 2, applications: 1 } };
  const [feeds, most] = [await Promise.all(Array.from({ length: 7 }, () => inventoryUnderTest({ tenant }))), 2];
  const slots = new ReadingSlots(most);
  const stopping = new AbortController();
  const order: [type: string, feed: number][] = [];
  let finished = 0;
  const schedule = { interval: 60_000, membershipsInterval: 60_000, fullInterval: DAY };
  await Promise.all(
    feeds.map(({ sink, time, run, told: reported }, feed) => {
      reported.push = (...events) => {
        for (const { type } of events) {
          order.push([type, feed]);
          if (type === 'finished' && ++finished === 3 * feeds.length) stopping.abort();
        }
        return 0;
      };
      const parts = { clock: time, slots, observer: () => {} };
      const open = async () => ({ sink, run: (order: Partial<InventoryOrder>) => run(order), close: async () => {} });
      return runInventoryService(schedule, { ...parts, open }, stopping.signal);
    }),
  );
  const reading = new Set<number>();
  const begun: number[] = [];
  for (const [type, feed] of order) {
    if (type === 'started') begun.push(feed);
    if (type === 'started') reading.add(feed);
    if (type === 'finished') reading.delete(feed);
    expect(reading.size).toBeLessThanOrEqual(most);
  }
  // Between two readings of one feed all others have read, except those that read concurrently.
  for (const [at, feed] of begun.slice(0, -feeds.length - most).entries()) {
    const next = begun.indexOf(feed, at + 1);
    expect(Math.abs(next - at - feeds.length)).toBeLessThanOrEqual(most);
  }
  for (const { sink, directory } of feeds) expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(directory));
});

it('A feed that has waited hours for a slot reads what is due then, not what was due when it asked', async () => {
  const { sink, time, run, told: reported, generation } = await inventoryUnderTest();
  await generation();
  const [slots, stopping, HOUR] = [new ReadingSlots(1), new AbortController(), 3_600_000];
  const release = await slots.acquire(stopping.signal);
  const asked: (readonly string[] | undefined)[] = [];
  const open = async () => ({
    sink,
    run: async (order: Partial<InventoryOrder>) => {
      asked.push(order.stages);
      stopping.abort();
      return run(order);
    },
    close: async () => {},
  });
  const schedule = { interval: HOUR, membershipsInterval: 6 * HOUR, fullInterval: 10 * DAY };
  time.pass(2 * HOUR);
  const service = runInventoryService(schedule, { clock: time, slots, observer: () => {}, open }, stopping.signal);
  await new Promise((resolve) => setImmediate(resolve));
  time.pass(10 * HOUR);
  release();
  await service;
  expect(reported.length).toBeGreaterThan(0);
  expect(asked[0]).toContain('memberships');
});

it.each(['before', 'while'])(
  'A directory that was read with a clock a year ahead is read at its intervals once the clock is right, %s the service runs',
  async (when) => {
    const { sink, time, run, generation } = await inventoryUnderTest();
    const HOUR = 3_600_000;
    time.step(365 * DAY);
    await generation();
    if (when === 'before') time.step(-365 * DAY);
    const stopping = new AbortController();
    const asked: (readonly string[] | undefined)[] = [];
    const open = async () => ({
      sink,
      run: async (order: Partial<InventoryOrder>) => {
        asked.push(order.stages);
        if (asked.length === 8) stopping.abort();
        const report = await run(order);
        if (when === 'while' && asked.length === 1) time.step(-365 * DAY);
        return report;
      },
      close: async () => {},
    });
    const schedule = { interval: 2 * HOUR, membershipsInterval: 6 * HOUR, fullInterval: 10 * DAY };
    const parts = { clock: time, slots: new ReadingSlots(1), observer: () => {}, open };
    const began = time.world();
    await runInventoryService(schedule, parts, stopping.signal);
    expect(time.world() - began).toBeLessThan(DAY);
    const withMemberships = asked.map((stages) => stages?.includes('memberships'));
    expect(withMemberships.filter(Boolean).length).toBeGreaterThanOrEqual(2);
    expect(withMemberships.slice(-3)).toContain(false);
  },
);

it('A feed that is stopped while it waits for a slot waits no more, and takes no other feed’s slot', async () => {
  const slots = new ReadingSlots(1);
  const [stopping, running] = [new AbortController(), new AbortController().signal];
  const release = await slots.acquire(running);
  const [stopped, next] = [slots.acquire(stopping.signal), slots.acquire(running)];
  stopping.abort();
  await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
  release();
  release();
  (await next)();
  (await slots.acquire(running))();
});
