import { mkdtemp, readdir, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeCursor, encodeCursor } from '../../collector/position/cursor-codec.js';
import { movePosition } from '../../collector/position/reposition.js';
import { type HourFigures, reconcileRange } from '../../collector/reconcile/range-report.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import type { LoggedRequest } from '../../fixtures/tenant/faults.js';
import { compare, type FeedUnderTest, feedFor, HOUR, MINUTE, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const signal = new AbortController().signal;
const total = (
  hours: readonly HourFigures[],
  what: 'delivered' | 'deadLetters' | 'missing' | 'repaired' | 'explained',
) => hours.reduce((sum, hour) => sum + hour[what], 0);

function range(fromHours: number, toHours: number) {
  return { from: (noon + fromHours * HOUR) / 1000, to: (noon + toHours * HOUR) / 1000 };
}

const isAskedFor =
  (service: string) =>
  ({ body }: LoggedRequest) =>
    (body as { service?: string[] }).service?.includes(service) ?? false;

function ask(feed: FeedUnderTest, asked: { from: number; to: number }, repair = false) {
  return reconcileRange(asked, feed.settings, feed.parts, { repair, signal });
}

const story = { records: 1_000, from: noon - 6 * HOUR, to: noon, trouble: { malformed: { share: 0.01 }, ties: 0.1 } };
const start = (now: number) => now - 8 * 3600;

it('a range that was collected whole is equal, service by service and hour by hour', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start });
  await feed.once();
  const report = await ask(feed, range(-6, -1));
  expect(report).toMatchObject({ verdict: 'equal', notes: [] });
  expect(total(report.hours, 'delivered') + total(report.hours, 'deadLetters')).toBeGreaterThan(650);
  expect(new Set(report.hours.map(({ hour }) => hour)).size).toBe(5);
  const named = report.hours.filter(({ service }) => service !== '(none)');
  const counted = named.reduce((sum, { count }) => sum + count!, 0);
  expect(counted).toBe(total(report.hours, 'delivered') + total(report.hours, 'deadLetters'));
});

it('the newest overlap and what no lane has collected are left out, and said', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  const feed = feedFor(tenant, new MemorySink(), time, { start: (now) => now - 3 * 3600 });
  await feed.once();
  const report = await ask(feed, range(-6, 1));
  expect(report.verdict).toBe('equal');
  expect(report.notes).toHaveLength(2);
  expect(report.hours[0]!.hour).toBe('2026-11-03T09:00:00Z');
});

it('a service that the catalogue does not know is compared with the others of its kind, whatever its name', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0, quirks: { services: ['all', 'my service'] } });
  const timestamp = new Date(noon - 3 * HOUR).toISOString();
  tenant.add({ id: 'r1', service: 'my service', event_type: 'x', timestamp }, { at: noon - 3 * HOUR });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start });
  await feed.once();
  const { hours } = await ask(feed, range(-6, -1));
  expect(hours).toMatchObject([{ service: '(other)', hour: '2026-11-03T09:00:00Z', count: 1, delivered: 1 }]);
  sink.remove(0, Number.POSITIVE_INFINITY);
  expect(await ask(feed, range(-6, -1), true)).toMatchObject({
    hours: [{ missing: 1, repaired: 1 }],
    verdict: 'equal',
  });
});

it('a lane that reads again from an earlier position is left out until it has caught up, and that is said', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start });
  await feed.once();
  sink.tamper('live', (stored) =>
    encodeCursor(movePosition(decodeCursor(stored), noon / 1000 - 3600, time.now(), true).cursor),
  );
  const report = await ask(feed, range(-6, -2));
  expect(report).toMatchObject({ verdict: 'unknown', hours: [] });
  expect(report.notes.join()).toContain('once it has caught up');
  await feed.once();
  expect((await ask(feed, range(-6, -2))).verdict).toBe('equal');
});

it('a service that JumpCloud has refused is left out until it has caught up, and that is said', async () => {
  const time = virtualTime(noon);
  const refusal = { when: { match: isAskedFor('radius') }, effect: { kind: 'status', status: 402 } } as const;
  const tenant = await tenantFor(time, { records: 0, script: [refusal] });
  const at = noon - 3 * HOUR;
  const timestamp = new Date(at).toISOString();
  tenant.add({ id: 'r1', service: 'radius', event_type: 'radius_auth_attempt', success: true, timestamp }, { at });
  const feed = feedFor(tenant, new MemorySink(), time, { start, services: ['radius', 'sso'] });
  await feed.once();
  tenant.clearScript();
  const report = await ask(feed, range(-6, -1));
  expect(report.hours).toEqual([]);
  expect(report.notes).toEqual([expect.stringContaining('Of radius nothing is compared')]);
  time.pass(25 * HOUR);
  await feed.once();
  expect(await ask(feed, range(-6, -1))).toMatchObject({ verdict: 'equal', notes: [], hours: [{ delivered: 1 }] });
});

it('a record without a time is not missing where its service was selected only later', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0 });
  for (const hours of [3, 1.5]) {
    const record = { id: `r${hours}`, service: 'radius', event_type: 'radius_auth_attempt', success: true };
    tenant.add(record, { at: noon - hours * HOUR });
  }
  const sink = new MemorySink();
  await feedFor(tenant, sink, time, { start, services: ['sso'] }).once();
  const later = { start: (now: number) => now - 2 * 3600, services: ['sso', 'radius'] };
  const feed = feedFor(tenant, sink, time, later);
  await feed.once();
  const report = await ask(feed, range(-6, -1));
  expect(report.verdict).toBe('equal');
  expect([total(report.hours, 'deadLetters'), total(report.hours, 'missing')]).toEqual([1, 0]);
});

it('duplicates that JumpCloud counts are explained, not a difference', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { ...story, trouble: { repeated: { share: 0.1, shown: false } } });
  const feed = feedFor(tenant, new MemorySink(), time, { start });
  await feed.once();
  const report = await ask(feed, range(-6, -1));
  expect(report.verdict).toBe('explained');
  expect(total(report.hours, 'explained')).toBeGreaterThan(30);
  expect(total(report.hours, 'missing')).toBe(0);
});

describe('a planted gap', () => {
  it('is found, and repaired by its lane, with and without counts', async () => {
    for (const countRefused of [false, true]) {
      const time = virtualTime(noon);
      const tenant = await tenantFor(time, { ...story, quirks: { countRefused, endTimeInclusive: countRefused } });
      const sink = new MemorySink();
      const feed = feedFor(tenant, sink, time, { start });
      await feed.once();
      const gone = sink.remove(noon - 4 * HOUR, noon - 3 * HOUR + 20 * MINUTE);
      expect(gone).toBeGreaterThan(30);
      const found = await ask(feed, range(-6, -1));
      expect(found.verdict).toBe('different');
      expect(total(found.hours, 'missing')).toBe(gone);
      const repaired = await ask(feed, range(-6, -1), true);
      expect(total(repaired.hours, 'repaired')).toBe(gone);
      expect(repaired.verdict).toBe('equal');
      expect((await ask(feed, range(-6, -1))).verdict).toBe('equal');
      expect(repaired.notes.some((note) => note.includes('gives no counts'))).toBe(countRefused);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ missing: 0, repeated: 0, unknown: 0 });
    }
  });

  it('is not repaired beside a lane that is running', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    sink.remove(noon - 4 * HOUR, noon - 3 * HOUR);
    const running = sink.lane('live');
    await running.open();
    await expect(ask(feed, range(-6, -1), true)).rejects.toMatchObject({ code: 'LANE_IN_USE' });
    await running.close();
  });

  it('in real tables, files that were deleted, is found and repaired', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'reconcile-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = createTablesSink({ directory, feed: 'under-test', clock: time });
    onTestFinished(() => sink.close());
    const feed = feedFor(tenant, sink, time, { start, batchSize: 700 });
    await feed.once();
    const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.parquet'));
    const victims = files.filter((name) => /^authentication\/|^dead_letters\//.test(name)).slice(0, 2);
    for (const victim of victims) await unlink(join(directory, victim));
    const found = await ask(feed, range(-6, -3));
    expect(found.verdict).toBe('different');
    expect(total(found.hours, 'missing')).toBeGreaterThan(10);
    const repaired = await ask(feed, range(-6, -3), true);
    expect(total(repaired.hours, 'repaired')).toBe(total(found.hours, 'missing'));
    expect((await ask(feed, range(-6, -3))).verdict).toBe('equal');
  });
});

it('a sink that cannot tell what it holds is unknown, never equal', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  const feed = feedFor(tenant, new MemorySink(500, false), time, { start });
  await feed.once();
  expect((await ask(feed, range(-6, -1))).verdict).toBe('unknown');
});
