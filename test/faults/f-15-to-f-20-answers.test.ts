import { describe, expect, it, vi } from 'vitest';
import type { BrokenBody, Effect } from '../../fixtures/tenant/faults.js';
import { malformedKinds } from '../../fixtures/tenant/malformed.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
/** Every poll reads the overlap again: few records in small pages make as many requests as many in large ones. */
const story = { records: 150, from: noon - HOUR, to: noon + HOUR };
const start = (now: number) => now - 3600;
const interval = 4 * MINUTE;
/** Real time: the sockets are real. */
const deadlines = { connectMs: 2_000, responseMs: 150, requestMs: 300 };

/** Collects a story under a fault for three hours of polls, then looks at the ledger. */
async function collectUnder(effect: Effect, when = { rate: 0.15, times: 25 }) {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { ...story, script: [{ when, effect }] });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval }, { deadlines, pageSize: 10 });
  await feed.until(noon + 2.5 * HOUR);
  return { found: await compare(tenant.ledger, sink.texts()), feed, tenant, sink };
}

describe('F-15: the connection', () => {
  const effects: readonly (readonly [string, Effect])[] = [
    ['that breaks before an answer', { kind: 'reset', at: 'before_headers' }],
    ['that breaks after the headers', { kind: 'reset', at: 'after_headers' }],
    ['that breaks in the middle of a body', { kind: 'reset', at: 'mid_body' }],
    ['whose body trickles', { kind: 'slow', bytesPerSecond: 2_000 }],
    ['on which nothing ever comes', { kind: 'hang' }],
  ];
  it.each(effects)('%s costs no record and repeats none', async (_name, effect) => {
    const times = effect.kind === 'slow' || effect.kind === 'hang' ? 8 : 25;
    expect((await collectUnder(effect, { rate: 0.15, times })).found).toMatchObject({
      expected: story.records,
      ...equal,
    });
  });

  it('to a name that cannot be resolved is tried again, and the position waits', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    let failures = 20;
    const lookup = ((_host: string, options: { all?: boolean }, done: (...answer: unknown[]) => void) => {
      if (failures-- > 0) return done(Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }));
      return options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
    }) as never;
    const baseUrl = tenant.baseUrl.replace('127.0.0.1', 'localhost');
    const feed = feedFor(
      { ...tenant, baseUrl },
      sink,
      time,
      { start: () => noon / 1000 - 3600, interval, baseUrl },
      { lookup },
    );
    await feed.until(noon + 2 * HOUR);
    expect(feed.told.failures.some(({ code }) => code === 'UNREACHABLE')).toBe(true);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: story.records, ...equal });
  });
});

describe('F-16: a body that is no page', () => {
  const forms: readonly BrokenBody[] = [
    'truncated',
    'invalid_utf8',
    'nan',
    'null',
    'object',
    'string',
    'empty',
    'gzip_cut',
    'html',
  ];
  it.each(forms)('%s: nothing of it counts, and nothing is skipped', async (form) => {
    const { found } = await collectUnder({ kind: 'body', form });
    expect(found).toMatchObject({ expected: story.records, ...equal });
  });

  it('always: the position is held and each failure is reported', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, script: [{ effect: { kind: 'body', form: 'truncated' } }] });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.until(noon + HOUR);
    expect(sink.events).toHaveLength(0);
    expect(new Set(sink.commits.map(({ position }) => position.watermark)).size).toBe(1);
    expect(feed.told.failures.length).toBeGreaterThan(5);
    expect(new Set(feed.told.failures.map(({ code }) => code))).toEqual(new Set(['RESPONSE_INVALID']));
  });
});

it('F-17: a malformed record becomes a dead letter with its reason, and all others of its page pass', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 1_000,
    from: noon - HOUR,
    to: noon + HOUR,
    trouble: { malformed: { share: 0.06, kinds: malformedKinds } },
  });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval: 15 * MINUTE }, { maxBodyBytes: 600 * 1024 * 1024 });
  await feed.until(noon + 2 * HOUR);
  const found = await compare(tenant.ledger, sink.texts());
  expect(found).toMatchObject({ expected: 1_000, ...equal });
  expect(new Set(sink.deadLetters.map(({ reason }) => reason)).size).toBeGreaterThanOrEqual(6);
  const malformed = [...tenant.ledger.entries()].filter(({ kind }) => kind !== 'well_formed').length;
  expect(sink.deadLetters.length).toBeLessThanOrEqual(malformed);
  expect(sink.deadLetters.length).toBeGreaterThan(malformed / 2);
});

describe('F-18: what headers say of a page', () => {
  const effects: readonly (readonly [string, Effect])[] = [
    ['one record too few', { kind: 'result_count', value: 'less' }],
    ['one record too many', { kind: 'result_count', value: 'more' }],
    ['nothing', { kind: 'result_count', value: 'absent' }],
    ['a count of zero', { kind: 'result_count', value: 0 }],
    ['it in capitals', { kind: 'header_case', form: 'upper' }],
    ['it in small letters', { kind: 'header_case', form: 'lower' }],
  ];
  it.each(effects)('is not believed against the page itself: %s', async (_name, effect) => {
    const { found } = await collectUnder(effect, { rate: 1, times: 1_000_000 });
    expect(found).toMatchObject({ expected: story.records, ...equal });
  });

  it('a full page without a cursor is an error, and no end', async () => {
    const { found, feed } = await collectUnder({ kind: 'cursor', form: 'missing' }, { rate: 0.5, times: 6 });
    expect(found).toMatchObject({ expected: story.records, ...equal });
    expect(feed.told.failures.map(({ code }) => code)).toContain('PAGE_WITHOUT_CURSOR');
  });
});

describe('F-19: a cursor', () => {
  it.each(['repeated', 'malformed', 'not_json', 'empty'] as const)(
    'that is %s never spins and loses nothing',
    async (form) => {
      const { found, tenant } = await collectUnder({ kind: 'cursor', form }, { rate: 0.5, times: 12 });
      expect(found).toMatchObject({ expected: story.records, ...equal });
      expect(tenant.count('events')).toBeLessThan(1_000);
    },
  );
});

describe('F-20: the order of pages', () => {
  it('reversed within pages costs nothing', async () => {
    const { found } = await collectUnder({ kind: 'reversed' }, { rate: 0.5, times: 1_000_000 });
    expect(found).toMatchObject({ expected: story.records, ...equal });
  });

  it('a page in another page’s place is noticed, also while catching up by closed slices', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 1_200,
      from: noon - 48 * HOUR,
      to: noon,
      script: [{ when: { rate: 0.3, times: 10, match: ({ page }) => page > 1 }, effect: { kind: 'repeated_page' } }],
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 48 * 3600 }, { pageSize: 20 });
    await feed.until(noon + HOUR);
    expect(feed.told.failures.map(({ code }) => code)).toContain('PAGE_CURSOR_REPEATED');
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_200, ...equal });
  });

  it('records of one instant, and records that come to be during the read, arrive once', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 2_000,
      from: noon - HOUR,
      to: noon + HOUR,
      trouble: { ties: 0.6, bursts: [{ count: 750, at: noon + 10 * MINUTE }] },
      script: [{ when: { rate: 0.3, times: 30 }, effect: { kind: 'insert', count: 7 } }],
    });
    const sink = new MemorySink();
    await feedFor(tenant, sink, time, { start, interval }, { pageSize: 150 }).until(noon + 2 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2_210, ...equal });
  });
});
