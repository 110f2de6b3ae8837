import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WARNING_DAYS } from '../../collector/key-expiry/lifetime.js';
import { KeyExpiryMonitor } from '../../collector/key-expiry/monitor.js';
import { openTables } from '../../collector/query/open-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { userAgent } from '../../collector/version.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import type { JsonObject } from '../../mappings/json.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';
import { DAY, declared, liveThrough, moveTo, noon, runOnce, tenantAt } from './monitored-feed.js';

type Warning = JsonObject & { metadata: { uid: string; event_code: string }; unmapped: { days?: number } };

const findings = (sink: MemorySink): Warning[] =>
  sink.events.filter(({ eventCode }) => eventCode.startsWith('api_')).map(({ text }) => JSON.parse(text) as Warning);

it('F-13: in memory each warning is given once across restarts, in log and stream, and the last after the key is refused', async () => {
  const sink = new MemorySink();
  const { days, refusals } = await liveThrough(() => sink, virtualTime(noon), {}, 'full');
  expect(days).toEqual([...WARNING_DAYS]);
  expect(refusals).toBe(4);
  const told = findings(sink);
  expect(told.map(({ unmapped }) => unmapped.days)).toEqual([...WARNING_DAYS]);
  expect(new Set(told.map(({ metadata }) => metadata.uid)).size).toBe(WARNING_DAYS.length);
  expect(told.map(({ activity_id }) => activity_id)).toEqual([1, 2, 2, 2, 2, 2, 2]);
  expect(told.at(-1)).toMatchObject({ severity_id: 5, metadata: { event_code: 'api_key_expired' } });
  if (hasValidator()) {
    const { events, total } = validate(told.map((event) => JSON.stringify(event)));
    expect({ events, errors: total.errors }).toEqual({ events: WARNING_DAYS.length, errors: 0 });
  }
});

it('with tables each warning is given once across restarts, from the declared day where the console says nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'key-tables-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const time = virtualTime(noon);
  const open = () => createTablesSink({ directory, feed: 'acme', clock: time });
  const { days } = await liveThrough(open, time, declared, 'refused');
  expect(days).toEqual([...WARNING_DAYS]);
  const tables = await openTables(directory);
  try {
    const { rows } = await tables.query(
      'SELECT count(*), count(DISTINCT metadata.uid) FROM events WHERE class_uid = 2004',
    );
    for await (const row of rows) expect(row.map(Number)).toEqual([WARNING_DAYS.length, WARNING_DAYS.length]);
  } finally {
    await tables.close();
  }
});

it('a key declared created 77 days ago warns once, for 14 days, and status, metric and event agree to the day', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  });
  const env = { JUMPCLOUD_KEY_CREATED: new Date(noon - 77 * DAY).toISOString() };
  const first = await runOnce(tenant, sink, time, env);
  const second = await runOnce(tenant, sink, time, env);
  expect([first.warnings, second.warnings]).toEqual([[{ kind: 'expires', threshold: 14 }], []]);
  const expiresAt = new Date(noon + 13 * DAY).toISOString();
  expect(second.status.key).toMatchObject({
    daysLeft: 13,
    expiresAt,
    description: 'expires in 13 days, on 2026-12-04',
  });
  expect(await second.metrics.text()).toContain(String((noon + 13 * DAY) / 1000));
  expect(findings(sink)).toMatchObject([
    { message: expect.stringContaining('expires in 13 days, on 2026-12-04'), unmapped: { expires_at: expiresAt } },
  ]);
});

describe('with the clock of this machine 200 days ahead at a start', () => {
  const withoutConsole = {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  } as const;

  it('no warning is given too early, and each on its day', async () => {
    const time = virtualTime(noon);
    const sink = new MemorySink();
    const tenant = await tenantAt(time, withoutConsole);
    const env = { JUMPCLOUD_KEY_CREATED: new Date(noon - 50 * DAY).toISOString() };
    time.step(200 * DAY);
    expect((await runOnce(tenant, sink, time, env)).warnings).toEqual([]);
    time.step(-200 * DAY);
    time.pass(12 * DAY);
    expect((await runOnce(tenant, sink, time, env)).warnings).toEqual([{ kind: 'expires', threshold: 30 }]);
  });

  it('a key is first used when JumpCloud says, and its end follows from that', async () => {
    const time = virtualTime(noon);
    const sink = new MemorySink();
    const tenant = await tenantAt(time, withoutConsole);
    time.step(200 * DAY);
    await runOnce(tenant, sink, time);
    time.step(-200 * DAY);
    time.pass(77 * DAY);
    const { status } = await runOnce(tenant, sink, time);
    expect(status.key).toMatchObject({ daysLeft: 13 });
  });
});

it('a first day of use stays where it is while the clock of this machine is 200 days behind', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  });
  await runOnce(tenant, sink, time);
  time.step(-200 * DAY);
  time.pass(DAY);
  expect((await runOnce(tenant, sink, time)).warnings).toEqual([]);
  expect((await runOnce(tenant, sink, time, { JUMPCLOUD_API_KEY: tenant.issueKey().key })).warnings).toEqual([]);
  time.step(200 * DAY);
  const { status, warnings } = await runOnce(tenant, sink, time, { JUMPCLOUD_API_KEY: tenant.keys.at(-1)!.key });
  expect([status.key, warnings]).toMatchObject([{ daysLeft: 90 }, []]);
});

it('a warning and a first use that a wrong clock left behind hold back none on its day', async () => {
  const now = noon;
  const warned: number[] = [];
  const monitor = new KeyExpiryMonitor({
    key: () => ({ kind: 'key', fingerprint: 'sha256:a', lastFour: 'abcd', refused: false }),
    declared: { created: undefined, expires: undefined, lifetime: 20 * DAY },
    clocks: () => ({ local: now, server: now, confirmed: true, apart: false }),
    event: (_, { trigger }) => trigger as never,
    onWarning: (_, trigger) => warned.push(trigger.kind === 'expires' ? trigger.threshold : Number.NaN),
  });
  const firstSeen = new Date(noon + 300 * DAY).toISOString();
  monitor.restore({ 'sha256:a': { firstSeen, lastFour: 'abcd', warned: 0, warnedOf: noon + 20 * DAY } });
  const { state } = monitor.beforeCommit({ events: [], after: {} as never });
  expect(warned).toEqual([30]);
  expect(state).toMatchObject({ 'sha256:a': { firstSeen: new Date(noon).toISOString(), warned: 30 } });
});

it('an end that was declared too early and is corrected is warned of again as it comes near', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  });
  const told: (number | undefined)[] = [];
  for (const [day, end] of [
    [0, 2],
    [1, 40],
    [12, 40],
    [38, 40],
    [38, 40],
  ] as const) {
    moveTo(time, noon + day * DAY);
    const env = { JUMPCLOUD_KEY_EXPIRES: new Date(noon + end * DAY).toISOString() };
    const { warnings } = await runOnce(tenant, sink, time, env);
    told.push(...warnings.map((trigger) => (trigger.kind === 'expires' ? trigger.threshold : undefined)));
  }
  expect(told).toEqual([2, 30, 2]);
  expect(new Set(findings(sink).map(({ metadata }) => metadata.uid)).size).toBe(3);
});

it('a warning whose commit fails is said once in the log and delivered by the next commit', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {});
  const env = { JUMPCLOUD_KEY_EXPIRES: new Date(noon + 5 * DAY).toISOString() };
  tenant.quirks.console.self = 'refused';
  tenant.quirks.console.users = 'refused';
  sink.fate = ({ events }) => (events.some(({ classUid }) => classUid === 2004) ? 'lost' : 'kept');
  const failed = await runOnce(tenant, sink, time, env);
  expect(failed.failure?.code).toBe('SINK_UNAVAILABLE');
  expect(failed.warnings).toHaveLength(1);
  expect(findings(sink)).toEqual([]);
  sink.fate = () => 'kept';
  await runOnce(tenant, sink, time, env);
  await runOnce(tenant, sink, time, env);
  expect(findings(sink)).toHaveLength(1);
});

it('a new key starts with a memory of its own, and the day declared for the key before is not its own', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  });
  const env = { JUMPCLOUD_KEY_CREATED: new Date(noon - 80 * DAY).toISOString() };
  expect((await runOnce(tenant, sink, time, env)).warnings).toEqual([{ kind: 'expires', threshold: 14 }]);
  moveTo(time, noon + DAY);
  const { key } = tenant.issueKey();
  const rotated = await runOnce(tenant, sink, time, { ...env, JUMPCLOUD_API_KEY: key });
  expect(rotated.warnings).toEqual([]);
  expect(rotated.made.guard.status()).toMatchObject({
    daysLeft: 90,
    declaredOfAnother: true,
    life: { basis: 'first_seen', certain: false },
  });
  const declaredAnew = { JUMPCLOUD_KEY_CREATED: new Date(noon + DAY).toISOString(), JUMPCLOUD_API_KEY: key };
  const set = await runOnce(tenant, sink, time, declaredAnew);
  expect(set.made.guard.status()).toMatchObject({ declaredOfAnother: false, life: { basis: 'declared' } });
  moveTo(time, noon + 75 * DAY);
  expect((await runOnce(tenant, sink, time, declaredAnew)).warnings).toEqual([{ kind: 'expires', threshold: 30 }]);
});

it('a slip in place of the first key does not use up the declared day', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    quirks: { console: { self: 'refused', users: 'refused', serviceAccounts: 'refused' } },
  });
  const slip = { ...declared, JUMPCLOUD_API_KEY: 'jca_00000000000000000000000000000000slip' };
  expect((await runOnce(tenant, sink, time, slip)).failure?.code).toBe('CREDENTIAL_REFUSED');
  const right = await runOnce(tenant, sink, time, declared);
  expect(right.made.guard.status()).toMatchObject({ daysLeft: 40, declaredOfAnother: false });
});

it('a revoked key is an event of the stream once, and again only after it was taken in between', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {});
  await runOnce(tenant, sink, time);
  const key = tenant.keys[0]!;
  for (let round = 1; round <= 2; round += 1) {
    key.state = 'revoked';
    for (let times = 0; times < 2; times += 1) {
      const { failure, warnings } = await runOnce(tenant, sink, time);
      expect({ code: failure?.code, warnings }).toEqual({ code: 'CREDENTIAL_REFUSED', warnings: [] });
    }
    expect(findings(sink).map(({ metadata }) => metadata.event_code)).toEqual(Array(round).fill('api_key_refused'));
    key.state = 'active';
    time.pass(DAY);
    await runOnce(tenant, sink, time);
  }
  expect(new Set(findings(sink).map(({ metadata }) => metadata.uid)).size).toBe(2);
});

it('the end of a service account’s secret is read from its expiresAt, and called what it is', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await tenantAt(time, {
    serviceAccounts: [{ expiresAt: new Date(noon + 6 * DAY).toISOString() }],
  });
  const { clientId, clientSecret } = tenant.serviceAccounts[0]!;
  const { warnings, made, failure } = await runOnce(tenant, sink, time, {
    JUMPCLOUD_AUTHORIZATION: 'service-account',
    JUMPCLOUD_CLIENT_ID: clientId,
    JUMPCLOUD_CLIENT_SECRET: clientSecret,
    JUMPCLOUD_ORG_ID: tenant.organization,
  });
  expect(failure).toBeUndefined();
  expect(warnings).toEqual([{ kind: 'expires', threshold: 7 }]);
  expect(made.guard.status()).toMatchObject({ kind: 'client_secret', life: { basis: 'jumpcloud' }, daysLeft: 6 });
  expect(findings(sink)[0]?.message).toContain(`client secret …${clientSecret.slice(-4)}`);
});

describe('the use of a revoked key by a collector', () => {
  /** As JumpCloud records it. */
  const attempt = (at: number, agent: unknown, id: string): JsonObject => ({
    id,
    service: 'directory',
    event_type: 'admin_old_api_key_attempt',
    timestamp: new Date(at).toISOString(),
    organization: '',
    initiated_by: { type: 'admin', email: 'collector@example.test' },
    client_ip: '192.0.2.77',
    useragent: agent as JsonObject,
    success: false,
  });

  it('raises an alarm in the same commit as the record, once before and once after the present key’s first use', async () => {
    const time = virtualTime(noon);
    const sink = new MemorySink();
    const tenant = await tenantAt(time, {});
    const add = (at: number, agent: unknown, id: string) =>
      tenant.add({ ...attempt(at, agent, id), organization: tenant.organization });
    add(noon - 3_600_000, { name: 'curl', version: '8.5.0' }, 'other-program');
    add(noon - 3_500_000, userAgent, 'own-before');
    const first = await runOnce(tenant, sink, time);
    expect(first.warnings).toMatchObject([{ kind: 'old_key', when: 'before', ip: '192.0.2.77' }]);
    time.pass(DAY / 24);
    add(time.world() - 60_000, { name: 'jumpcloud-ocsf', version: '0.1.0' }, 'own-after');
    add(time.world() - 50_000, userAgent, 'own-after-again');
    time.pass(60_000);
    const second = await runOnce(tenant, sink, time);
    expect(second.warnings).toMatchObject([{ kind: 'old_key', when: 'after' }]);
    expect((await runOnce(tenant, sink, time)).warnings).toEqual([]);
    const told = findings(sink);
    expect(told.map(({ severity }) => severity)).toEqual(['Low', 'High']);
    expect(told.every(({ metadata }) => metadata.event_code === 'api_old_key_used')).toBe(true);
    if (hasValidator()) expect(validate(told.map((event) => JSON.stringify(event))).total.errors).toBe(0);
  });
});

it('what is stored of keys and cannot be read is left aside', async () => {
  const time = virtualTime(noon);
  const sink = new MemorySink();
  const tenant = await startTenant({ seed: 5, records: 5, now: time.world });
  onTestFinished(() => tenant.close());
  await runOnce(tenant, sink, time);
  for (const keys of [null, [], 'x', { a: null }, { a: { firstSeen: 'yesterday', lastFour: 'abcd' } }]) {
    sink.tamper('live', (cursor) => ({ ...cursor, memory: { ...cursor.memory, keys } }));
    expect((await runOnce(tenant, sink, time)).failure).toBeUndefined();
  }
});
