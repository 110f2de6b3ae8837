import { describe, expect, it, vi } from 'vitest';
import { runFeed } from '../../collector/pipeline/feed.js';
import type { IdleTask } from '../../collector/pipeline/idle-task.js';
import { PollRequests } from '../../collector/pipeline/poll-requests.js';
import { floorToMillisecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, namedServices, noon, tenantFor } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

// A record without an id that is shown twice cannot be told from two: not both at once.
const twice = { repeated: { share: 0.05 } };
const idless = { malformed: { share: 0.02 } };
const equal = { missing: 0, repeated: 0, unknown: 0 };

describe('one poll', () => {
  it('delivers everything that JumpCloud shows, once', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 2_500, from: noon - 20 * HOUR, to: noon });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time).once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2_500, ...equal });
    const { counts } = sink.commits.at(-1)!;
    expect(counts.records).toBe(
      counts.events + counts.deadLetters + counts.duplicates + counts.notSelected + counts.raw,
    );
  });

  // More than a search remembers of what it was shown last, and of the records that it has read.
  it('25,500 records on one instant come through across pages and a restart, none lost and none twice', async () => {
    const time = virtualTime(noon);
    const at = noon - 10 * MINUTE;
    const tenant = await tenantFor(time, {
      records: 26_000,
      from: noon - HOUR,
      to: noon,
      trouble: { bursts: [{ count: 25_500, at }] },
      script: [{ when: { page: 8, times: 1 }, effect: { kind: 'status', status: 404 } }],
    });
    const sink = new MemorySink();
    await expect(feedFor(tenant, sink, time).once()).rejects.toMatchObject({ code: 'BASE_URL_WRONG' });
    const halfway = sink.events.length + sink.deadLetters.length;
    expect(halfway).toBeGreaterThan(5_000);
    expect(halfway).toBeLessThan(25_500);
    await feedFor(tenant, sink, time).once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 26_000, ...equal });
  });

  it('catches up after days by closed slices, wider where they bring few records, then leaves the end open', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 2_000, from: noon - 7 * 24 * HOUR, to: noon });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time);
    const hours: (number | undefined)[] = [];
    feed.watch((event) => {
      if (event.type !== 'searching') return;
      const { start, end } = event.search;
      hours.push(end === undefined ? undefined : Math.round((end - start) / 3600));
    });
    await feed.once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2_000, ...equal });
    expect(hours.slice(0, 3)).toEqual([6, 12, 24]);
    expect(hours.indexOf(undefined)).toBe(hours.length - 1);
    expect(Math.max(...hours.map((one) => one ?? 0))).toBe(24);
  });
});

describe('polling on', () => {
  it('overlap, replay and every quirk of the API leave no trace', { timeout: 120_000 }, async () => {
    for (const endTimeInclusive of [false, true]) {
      for (const sortPrecision of ['ms', 'ns'] as const) {
        const time = virtualTime(noon);
        const tenant = await tenantFor(time, {
          seed: 3,
          records: 1_200,
          from: noon - 24 * HOUR,
          to: noon + HOUR,
          quirks: { endTimeInclusive, sortPrecision, futureEndTimeAccepted: !endTimeInclusive },
          trouble: { ties: 0.2, unknown: { share: 0.01 }, ...(endTimeInclusive ? idless : twice) },
        });
        const sink = new MemorySink();
        const changes = { start: (now: number) => now - 26 * 3600, interval: 3 * MINUTE };
        const feed = feedFor(tenant, sink, time, changes, { pageSize: 100 });
        await feed.until(noon + HOUR + 5 * MINUTE);
        expect(tenant.requests.some(({ page }) => page > 2)).toBe(true);
        expect(feed.told.failures).toEqual([]);
        expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_200, ...equal });
      }
    }
  });

  it('records late by up to the overlap are delivered once, counted and timed', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 1_000,
      from: noon - 2 * HOUR,
      to: noon + 2 * HOUR,
      trouble: { late: { share: 0.2, minDelay: 1_000, maxDelay: 29 * MINUTE } },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 3 * 3600 });
    await feed.until(noon + 3 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
    expect(sink.commits.at(-1)!.counts.late).toBe(feed.told.lateness.length);
    expect(feed.told.lateness.length).toBeGreaterThan(50);
    expect(Math.max(...feed.told.lateness)).toBeGreaterThan(20 * 60);
  });

  it('future-dated records are delivered once and never drag the position', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 500,
      from: noon - HOUR,
      to: noon + HOUR,
      trouble: { future: { share: 0.04 } },
    });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time).until(noon + 2 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 500, ...equal });
    for (const { position, committedAt } of sink.commits) {
      expect(position.watermark * 1000).toBeLessThanOrEqual(committedAt);
      expect(floorToMillisecond(position.maxEventTime)).toBeLessThanOrEqual(committedAt + 1000);
    }
  });

  it('a commit whose outcome is unknown is resolved by opening the lane again', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_000, from: noon - 2 * HOUR, to: noon + HOUR });
    const sink = new MemorySink();
    sink.fate = (_batch, number) => (number % 5 === 2 ? 'lost' : number % 5 === 4 ? 'in_doubt' : 'kept');
    const feed = feedFor(tenant, sink, time);
    await feed.until(noon + HOUR + 10 * MINUTE);
    expect(feed.told.failures.length).toBeGreaterThan(5);
    expect(new Set(feed.told.failures.map(({ code }) => code))).toEqual(new Set(['SINK_UNAVAILABLE']));
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
  });

  it('a source that fails in the middle of a search keeps whole pages, and none of the broken one', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 2_000,
      from: noon - 5 * HOUR,
      to: noon,
      script: [{ when: { page: 5, times: 1 }, effect: { kind: 'status', status: 400 } }],
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, {}, { pageSize: 250 });
    await expect(feed.once()).rejects.toMatchObject({ code: 'QUERY_REFUSED' });
    expect(sink.events.length + sink.deadLetters.length).toBe(1_000);
    await feed.once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2_000, ...equal });
  });
});

describe('services', () => {
  it('a newly selected service is collected from its own start, without repeating the others', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_500, from: noon - 6 * HOUR, to: noon + HOUR });
    const sink = new MemorySink();
    const start = (now: number) => now - 5 * 3600;
    await feedFor(tenant, sink, time, { services: ['directory', 'sso'], start }).once();
    time.pass(40 * MINUTE);
    const feed = feedFor(tenant, sink, time, { services: ['directory', 'sso', 'radius'], start });
    await feed.once();
    expect(feed.told.notes.join()).toContain('newly selected service radius');
    time.pass(30 * MINUTE);
    await feed.once();
    const first = noon - 5 * HOUR;
    const radiusFirst = noon + 40 * MINUTE - 5 * HOUR;
    const expects = ({ service, createdAt }: { service: string; createdAt: number }) =>
      service === 'radius' ? createdAt >= radiusFirst : ['directory', 'sso'].includes(service) && createdAt >= first;
    expect(await compare(tenant.ledger, sink.texts(), { expects })).toMatchObject({ ...equal, others: 0 });
    expect(sink.commits.at(-1)!.position.services).toEqual(['directory', 'sso', 'radius']);
  });

  it('a refused service is set aside, the others go on, and it is caught up when it is taken again', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_500, from: noon - 3 * HOUR, to: noon + 30 * HOUR });
    const sink = new MemorySink();
    tenant.quirks.services = tenant.quirks.services.filter((service) => service !== 'radius');
    const feed = feedFor(tenant, sink, time, {
      services: ['directory', 'radius', 'ldap', 'sso'],
      interval: 20 * MINUTE,
    });
    await feed.until(noon + 10 * HOUR);
    expect(feed.told.refused).toEqual(['radius']);
    const others = ({ service }: { service: string }) => ['directory', 'ldap', 'sso'].includes(service);
    expect(await compare(tenant.ledger, sink.texts(), { expects: others })).toMatchObject({ ...equal, others: 0 });
    tenant.quirks.services = [...tenant.quirks.services, 'radius'];
    await feed.until(noon + 31 * HOUR);
    const all = (entry: { service: string }) => others(entry) || entry.service === 'radius';
    expect(await compare(tenant.ledger, sink.texts(), { expects: all })).toMatchObject({ ...equal, others: 0 });
  });

  it('every named service together finds what the tenant holds of them', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 2_000, from: noon - 3 * HOUR, to: noon });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time, { services: namedServices }).once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2_000, ...equal });
  });
});

describe('whose records they are', () => {
  it("another organization's records stop the feed with nothing of them delivered", async () => {
    const time = virtualTime(noon);
    const other = '5f1e00000000000000000099';
    const tenant = await tenantFor(time, {
      records: 500,
      from: noon - HOUR,
      to: noon + HOUR,
      organizations: [{ organization: other, records: 300, from: noon - HOUR, to: noon + HOUR }],
      keys: [{}, { email: 'other@example.test', organizations: [other] }],
    });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time, {}, { orgId: tenant.organization }).once();
    const before = sink.events.length;
    time.pass(10 * MINUTE);
    const secret = { value: tenant.keys[1]!.key, where: 'JUMPCLOUD_API_KEY' };
    const swapped = feedFor(tenant, sink, time, {}, { secret, orgId: other });
    await expect(swapped.once()).rejects.toMatchObject({ code: 'ORGANIZATION_CHANGED' });
    expect(sink.events.length).toBe(before);
  });

  it.each([MINUTE, Number.POSITIVE_INFINITY])(
    'idle tasks run although polls are requested without end, at an interval of %s',
    async (interval) => {
      const time = virtualTime(noon);
      const tenant = await tenantFor(time, { seed: 5, records: 5, from: noon - HOUR });
      const feed = feedFor(tenant, new MemorySink(), time, { interval, start: (now) => now - 3600 });
      const pollRequests = new PollRequests();
      pollRequests.ask();
      const stop = new AbortController();
      let [polls, worked] = [0, 0];
      const task: IdleTask = {
        name: 'work that waits',
        queue: {
          get isPending() {
            return worked === 0;
          },
          arrival: () => new Promise(() => undefined),
        },
        run: async () => {
          worked += 1;
          stop.abort();
        },
      };
      feed.watch((event) => {
        if (event.type !== 'searched') return;
        pollRequests.ask();
        polls += 1;
        if (polls === 20) stop.abort();
      });
      const parts = { ...feed.parts, idleTasks: [task], pollRequests };
      await runFeed(feed.settings, parts, { once: false, signal: stop.signal });
      expect({ polls, worked }).toEqual({ polls: 1, worked: 1 });
    },
  );

  it('a configuration that names another organization or address is refused before anything is asked', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 100, from: noon - HOUR, to: noon });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time).once();
    const asked = tenant.count('events');
    const foreign = feedFor(tenant, sink, time, { organization: '5f1e00000000000000000099' });
    await expect(foreign.once()).rejects.toMatchObject({ code: 'ORGANIZATION_CHANGED' });
    const moved = feedFor(tenant, sink, time, { baseUrl: 'https://api.eu.example.test' });
    await expect(moved.once()).rejects.toMatchObject({ code: 'ORGANIZATION_CHANGED' });
    expect(tenant.count('events')).toBe(asked);
  });
});
