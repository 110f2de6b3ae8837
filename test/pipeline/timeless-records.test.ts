import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBackfill } from '../../collector/backfill/plan.js';
import { runBackfill } from '../../collector/backfill/run.js';
import { CollectorError } from '../../collector/errors.js';
import type { Page, Search, Source } from '../../collector/jumpcloud/insights/source.js';
import { emptyBatch } from '../../collector/pipeline/batch-builder.js';
import { collect } from '../../collector/pipeline/collect.js';
import type { FeedDependencies } from '../../collector/pipeline/dependencies.js';
import { Lane } from '../../collector/pipeline/lane.js';
import { processMemory } from '../../collector/pipeline/process-memory.js';
import { identitiesBefore } from '../../collector/pipeline/timeless-records.js';
import { type Cursor, firstCursor } from '../../collector/position/cursor.js';
import { Identities } from '../../collector/position/record-identity.js';
import { reconcileRange } from '../../collector/reconcile/range-report.js';
import { reread } from '../../collector/reconcile/reread.js';
import { formatSecond } from '../../mappings/instant.js';
import type { ReceivedRecord } from '../../mappings/record.js';
import {
  compare,
  feedFor,
  HOUR,
  MINUTE,
  noon,
  observerFor,
  settingsFor,
  tenantFor,
  usualReconcile,
} from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

const namelessKinds = ['number', 'string', 'null', 'empty_object'] as const;

describe('what has neither id nor time is delivered once', () => {
  it.each([0, 1, 14, 15, 29, 30, 31, 45, 58, 59])(
    'when the feed starts %d minutes past the hour, by polls, rereads, a range report and its repair',
    async (minute) => {
      const time = virtualTime(noon + minute * MINUTE + 17_000);
      const tenant = await tenantFor(time, {
        seed: 23 + minute,
        records: 300,
        from: time.world() - 14 * HOUR,
        quirks: { endTimeInclusive: minute % 2 === 1 },
        trouble: { malformed: { share: 0.2, kinds: namelessKinds } },
      });
      const sink = new MemorySink();
      const feed = feedFor(tenant, sink, time, { reconcile: usualReconcile, start: (now) => now - 16 * 3600 });
      await feed.once();
      expect(feed.told.failures).toEqual([]);
      expect(feed.told.reconciled[0]!.reread).toBeGreaterThan(0);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ equal: true, delivered: 300 });

      const now = Math.floor(time.world() / 1000);
      const range = { from: now - 13 * 3600, to: now - 1800 };
      const options = { repair: true, signal: new AbortController().signal };
      const report = await reconcileRange(range, feed.settings, feed.parts, options);
      expect(report.hours.filter(({ missing }) => missing > 0)).toEqual([]);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ equal: true, delivered: 300 });
    },
  );
});

/** An element as JumpCloud sorts it: at an instant that it need not show. */
interface Element {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
  /** Whether JumpCloud shows it only after it was first searched for. */
  readonly late: boolean;
}

/** Long after all of them. */
const now = noon + 48 * HOUR;

/** A source over a fixed list, in pages of so many, that shows what is late only when it is told to. */
function sourceOf({ elements, pageSize, endInclusive }: Story): Source & { showLate(): void } {
  let isLate = false;
  const received = elements.map(({ text, ...element }) => ({ ...element, record: receivedOf(text) }));
  const shown = ({ start, end }: Search) =>
    received.filter(
      ({ at, late }) =>
        (isLate || !late) &&
        at >= start * 1000 &&
        (end === undefined || at < end * 1000 || (endInclusive && at === end * 1000)),
    );
  return {
    showLate: () => {
      isLate = true;
    },
    async *pages(search): AsyncGenerator<Page, void, void> {
      const found = shown(search);
      for (let from = 0, number = 1; ; from += pageSize, number += 1) {
        const records = found.slice(from, from + pageSize).map(({ record }) => record);
        const last = records.length < pageSize;
        yield { records, number, last, serverTime: now, fetchedAt: now, requestId: undefined, bytes: 0 };
        if (last) return;
      }
    },
    count: async (search) => shown(search).length,
  };
}

function receivedOf(text: string): ReceivedRecord {
  return { text, value: JSON.parse(text), depth: 1 };
}

const HOUR_EDGE = noon;
const kinds = ['timed', 'idless', 'timeless', '{}', 'null', '"text"', '7'] as const;

function textOf(kind: (typeof kinds)[number], at: number, number: number): string {
  const timestamp = new Date(at).toISOString();
  switch (kind) {
    case 'timed':
      return JSON.stringify({ id: `id ${number}`, service: 'sso', event_type: 'sso_auth', timestamp });
    case 'idless':
      return JSON.stringify({ service: 'sso', event_type: 'sso_auth', timestamp });
    case 'timeless':
      return JSON.stringify({ id: `id ${number}`, service: 'sso', event_type: 'sso_auth' });
    default:
      return kind;
  }
}

/** Milliseconds to the element before: none, few, or up to the next edge of a second, a minute or an hour, and just past it. */
const gaps = fc.oneof(
  fc.constantFrom(0, 0, 1, 400),
  fc
    .tuple(fc.constantFrom(1000, MINUTE, HOUR), fc.constantFrom(-1, 0, 0, 1))
    .map(([edge, beyond]) => ({ edge, beyond })),
);

/** @param isLate whether some records with a time come late: not so many that none of a record's neighbours was there before */
function historiesOf(isLate: boolean): fc.Arbitrary<readonly Element[]> {
  const element = fc.record({ gap: gaps, kind: fc.constantFrom(...kinds, ...kinds.slice(3)), late: fc.boolean() });
  return fc.array(element, { minLength: 1, maxLength: 25 }).map((made) => {
    let at = HOUR_EDGE - 2 * MINUTE;
    let left = isLate ? 3 : 0;
    // Before late records there have been others.
    const first = isLate ? Array.from({ length: 4 }, () => ({ gap: 1, kind: 'timed' as const, late: false })) : [];
    return [...first, ...made].map(({ gap, kind, late }, number): Element => {
      at = typeof gap === 'number' ? at + gap : Math.max(at, Math.ceil((at + 1) / gap.edge) * gap.edge + gap.beyond);
      const comesLate = late && kind === 'timed' && left > 0;
      if (comesLate) left -= 1;
      return { at, text: textOf(kind, at, number), late: comesLate };
    });
  });
}

interface Story {
  readonly elements: readonly Element[];
  readonly pageSize: number;
  readonly endInclusive: boolean;
  /** Where the live lane begins, and where its windows end. */
  readonly origin: number;
  readonly cuts: readonly number[];
  readonly rereads: readonly (readonly [from: number, to: number])[];
}

function storiesOf(isLate: boolean): fc.Arbitrary<Story> {
  return historiesOf(isLate).chain((elements) => {
    // Windows begin and end at whole seconds: just before, on and just after an element, and on the edge of an hour.
    const seconds = elements.flatMap(({ at }) => [
      Math.floor(at / 1000),
      Math.ceil(at / 1000),
      Math.ceil(at / 1000) + 1,
    ]);
    const second = fc.constantFrom(...seconds, HOUR_EDGE / 1000);
    return fc.record({
      elements: fc.constant(elements),
      pageSize: fc.integer({ min: 1, max: 6 }),
      endInclusive: fc.boolean(),
      origin: second,
      cuts: fc.array(second, { maxLength: 6 }),
      rereads: fc.array(fc.tuple(second, second), { minLength: 1, maxLength: 4 }),
    });
  });
}

/** A live lane that goes through its windows, a backfill of what lies before it, then rereads. */
async function delivered(story: Story): Promise<string[]> {
  const { elements, origin, cuts, rereads } = story;
  const source = sourceOf(story);
  const sink = new MemorySink();
  const time = virtualTime(now);
  const settings = settingsFor({ baseUrl: 'http://127.0.0.1:1' }, { start: () => origin, batchSize: 2 });
  const parts: FeedDependencies = {
    source,
    sink,
    clock: time,
    clocks: () => ({ local: time.now(), server: time.world(), confirmed: true, apart: false }),
    random: time.random,
    observer: observerFor(
      { failures: [], notes: [], refused: [], reconciled: [], lateness: [], unasked: [], polls: 0 },
      () => undefined,
    ),
    extensions: [],
    idleTasks: [],
    credentialChanged: async () => undefined,
    memory: processMemory,
  };
  const { signal } = new AbortController();
  const { services } = settings;
  const first = firstCursor({
    feed: settings.name,
    lane: 'live',
    organization: undefined,
    baseUrl: settings.baseUrl,
    start: origin,
    services,
    now: time.now(),
  });
  const open = () => Lane.open('live', sink, time, parts.observer, (stored): Cursor => stored ?? first);

  let lane = await open();
  const ends = [...new Set(cuts)].filter((cut) => cut > origin).sort((a, b) => a - b);
  for (const [index, end] of [...ends, undefined].entries()) {
    const start = ends[index - 1] ?? origin;
    const scope = {
      ownedFrom: () => origin,
      ownedTo: () => undefined,
      dedupeFrom: () => start,
      lateBefore: undefined,
      known: (names: readonly string[], from: bigint, to: bigint) => lane.findDelivered(names, from, to),
    };
    const advance = () => ({});
    await collect(lane, { search: { services, start, end }, scope, advance }, settings, parts, signal);
    await lane.commit(emptyBatch, { read: { services, watermark: end ?? start } });
    lane.forget();
  }
  await lane.close();

  const { ranges } = await planBackfill({ from: Math.floor(elements[0]!.at / 1000) - 1, to: origin }, settings, parts);
  const limits = { searches: 2, bytes: 1024, largestSearch: 2 };
  for (const range of ranges) await runBackfill(range, settings, parts, signal, () => undefined, limits);

  // Only the sink remembers what is read again.
  sink.tamper('live', (cursor) => ({ ...cursor, settled: formatSecond(noon / 1000 + 24 * 3600) }));
  lane = await open();
  lane.forget();
  source.showLate();
  const everything = [origin, Math.ceil(elements.at(-1)!.at / 1000) + 1] as const;
  for (const [a, b] of [...rereads, everything]) {
    const [start, end] = [Math.max(origin, Math.min(a, b)), Math.max(a, b)];
    if (start >= end) continue;
    const span = { services, start, end, ownedFrom: () => origin, ownedTo: () => end };
    await reread(lane, span, settings, parts, signal, () => ({}));
  }
  await lane.close();
  return [...sink.texts()].sort();
}

describe('a search that opens with what has no time', () => {
  const day = 86_400;
  const at = noon / 1000;
  const { signal } = new AbortController();

  /** Timed records so many days before noon, `{}` at noon, and the starts of the searches that are asked. */
  function quietTenant(...days: readonly number[]) {
    const timed = days.toSorted((a, b) => b - a).map((ago, index) => ({ at: noon - ago * day * 1000, index }));
    const elements = [
      ...timed.map(({ at, index }) => ({ at, text: textOf('timed', at, index), late: false })),
      { at: noon + 2 * MINUTE, text: '{}', late: false },
    ];
    const source = sourceOf({ elements, pageSize: 50, endInclusive: false, origin: 0, cuts: [], rereads: [] });
    const starts: number[] = [];
    const pages: Source['pages'] = (search, own) => {
      starts.push(search.start);
      return source.pages(search, own);
    };
    return { pages, starts };
  }

  function namesAfter(preceding: Identities) {
    const identities = new Identities();
    identities.follow(preceding);
    return identities.next([receivedOf('{}'), receivedOf('{}')]);
  }

  it('looks back a week before it looks back a month', async () => {
    const source = quietTenant(2, 3, 4, 5, 20);
    const found = await identitiesBefore(source, { services: ['all'], start: at }, signal);
    expect(found.isAnchored).toBe(true);
    expect(Math.min(...source.starts)).toBe(at - 7 * day);
  });

  it('keeps what it found for the next poll, which looks back to the last one alone and gives the same names', async () => {
    const source = quietTenant(10, 20);
    const lookedBack = {};
    await identitiesBefore(source, { services: ['all'], start: at }, signal, lookedBack);
    expect(Math.min(...source.starts)).toBe(at - 31 * day);
    for (const start of [at + 60, at + 120]) {
      source.starts.length = 0;
      const kept = await identitiesBefore(source, { services: ['all'], start }, signal, lookedBack);
      expect(source.starts.toSorted()).toEqual([start - 60, start]);
      const fresh = await identitiesBefore(source, { services: ['all'], start }, signal);
      expect(namesAfter(kept)).toEqual(namesAfter(fresh));
    }
  });
});

/** Equal pages in a row are taken for one that is shown over and over. */
async function unlessRepeating(story: Promise<string[]>): Promise<string[]> {
  return story.catch((error: unknown) => {
    fc.pre(!(error instanceof CollectorError && error.code === 'PAGE_CURSOR_REPEATED'));
    throw error;
  });
}

describe('every record is delivered once', { timeout: 300_000 }, () => {
  it('wherever windows and pages begin and end', async () => {
    await fc.assert(
      fc.asyncProperty(storiesOf(false), async (story) => {
        const expected = story.elements.map(({ text }) => text);
        expect(await unlessRepeating(delivered(story))).toEqual(expected.sort());
      }),
      { seed: 20_261_103, numRuns: 300 },
    );
  });

  it('though records that come late change its neighbours', async () => {
    await fc.assert(
      fc.asyncProperty(storiesOf(true), async (story) => {
        const expected = story.elements.filter(({ at, late }) => !late || at >= story.origin * 1000);
        expect(await unlessRepeating(delivered(story))).toEqual(expected.map(({ text }) => text).sort());
      }),
      { seed: 20_261_104, numRuns: 300 },
    );
  });
});
