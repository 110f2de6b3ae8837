import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CollectorError } from '../../collector/errors.js';
import type { Batch, Guarantee, LaneSink, Sink } from '../../collector/sinks/sink.js';
import { batchesOf, hashesOf, sampleBatch, sampleCursor, sampleEvent, sampleUid } from './sample-batch.js';

/** What the destination holds, as its readers see it: uids, repeats included. */
export interface Delivered {
  readonly events: readonly string[];
  readonly deadLetters: readonly string[];
  readonly raw: readonly string[];
}

/** A fresh destination, and how the suite gets at it. */
export interface SinkUnderTest {
  /** Another sink on the same destination, as another start of the program would make it. */
  connect(): Promise<Sink>;
  /** One whose commits fail after the records were written and before the commit point. */
  connectFailing(): Promise<Sink>;
  read(): Promise<Delivered>;
  dispose(): Promise<void>;
}

const sizes = { events: 30, letters: 2, raw: 3 };

/** What any sink must do. `create` makes a fresh destination for each test. */
export function sinkContract(name: string, guarantee: Guarantee, create: () => Promise<SinkUnderTest>): void {
  describe(`${name} keeps the contract of a sink`, () => {
    let under: SinkUnderTest;
    let open: Sink[];
    const connect = async () => {
      const sink = await under.connect();
      open.push(sink);
      return sink;
    };
    const connectFailing = async () => {
      const sink = await under.connectFailing();
      open.push(sink);
      return sink;
    };
    /** Closes a lane and opens it anew, as a new process would. */
    const reopened = async (lane: LaneSink) => {
      await lane.close();
      const again = (await connect()).lane('live');
      return { again, committed: await again.open() };
    };

    beforeEach(async () => {
      open = [];
      under = await create();
    });
    afterEach(async () => {
      for (const sink of open) await sink.close();
      await under.dispose();
    });

    it('declares its guarantee, its target and a batch size', async () => {
      const sink = await connect();
      expect(sink.guarantee).toBe(guarantee);
      expect(sink.target).not.toBe('');
      expect(sink.batchSize).toBeGreaterThan(0);
    });

    it('has nothing to return when a lane is opened for the first time', async () => {
      const sink = await connect();
      expect(await sink.lane('live').open()).toBeUndefined();
      expect(await sink.peek('live')).toBeUndefined();
      expect(await sink.lanes()).toEqual([]);
    });

    it('returns the cursor and every identity of the last commit when it is opened again', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      const batches = [0, 1, 2].map((index) => sampleBatch('live', index, sizes));
      for (const batch of batches) await lane.commit(batch);
      const { committed } = await reopened(lane);
      expect(committed?.cursor).toEqual(batches[2]?.cursor);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(
        hashesOf(batches.flatMap(({ dedupeAdditions }) => dedupeAdditions)),
      );
    });

    it('shows its readers exactly what was committed', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.commit(sampleBatch('live', 1, sizes));
      await lane.close();
      expect(sorted(await under.read())).toEqual(expected(2));
    });

    it('moves only the cursor when a batch holds no records', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.commit({ ...sampleBatch('live', 1, { events: 0, letters: 0, raw: 0 }) });
      const { committed } = await reopened(lane);
      expect(batchesOf(committed?.cursor)).toBe(2);
      expect(hashesOf(committed?.dedupe ?? [])).toHaveLength(sizes.events);
      expect(sorted(await under.read())).toEqual(expected(1));
    });

    it('starts with an empty batch as well as with a full one', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 }));
      const { committed } = await reopened(lane);
      expect(batchesOf(committed?.cursor)).toBe(1);
      expect(committed?.dedupe).toEqual([]);
    });

    it('keeps lanes apart: each has its own cursor and identities', async () => {
      const sink = await connect();
      const other = 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z';
      const live = sink.lane('live');
      const backfill = sink.lane(other);
      await live.open();
      await backfill.open();
      await live.commit(sampleBatch('live', 0, sizes));
      await backfill.commit(sampleBatch(other, 5, sizes));
      await live.close();
      await backfill.close();
      const again = await connect();
      const committed = await again.lane(other).open();
      expect(committed?.cursor).toEqual(sampleCursor(other, 6));
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(sampleBatch(other, 5, sizes).dedupeAdditions));
      expect(batchesOf((await again.lane('live').open())?.cursor)).toBe(1);
      expect((await under.read()).events).toHaveLength(2 * sizes.events);
    });

    it('names its lanes and shows their cursors without their locks', async () => {
      const sink = await connect();
      const other = 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z';
      for (const name of [other, 'live']) {
        const lane = sink.lane(name);
        await lane.open();
        await lane.commit(sampleBatch(name, 0, sizes));
      }
      const onlooker = await connect();
      expect(await onlooker.lanes()).toEqual(['live', other]);
      expect(await onlooker.peek(other)).toEqual(sampleCursor(other, 1));
      expect(await onlooker.peek('backfill/never')).toBeUndefined();
    });

    it('refuses a lane that is open already, and gives it to the next one when it is closed', async () => {
      const first = (await connect()).lane('live');
      await first.open();
      const second = (await connect()).lane('live');
      await expect(second.open()).rejects.toMatchObject({
        code: 'LANE_IN_USE',
        exitCode: 73,
      } satisfies Partial<CollectorError>);
      await second.close();
      await first.commit(sampleBatch('live', 0, sizes));
      await first.close();
      expect(batchesOf((await second.open())?.cursor)).toBe(1);
    });

    it('forgets identities that are out of reach', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      const [early, late] = [0, 9].map((index) => sampleBatch('live', index, sizes));
      const firstMinute = Math.min(...(late?.dedupeAdditions ?? []).map(({ minute }) => minute));
      await lane.commit(early as Batch);
      await lane.commit({ ...(late as Batch), evictBefore: firstMinute });
      const { again, committed } = await reopened(lane);
      expect(hashesOf(committed?.dedupe ?? []).filter((hash) => Number(hash.split(':')[0]) >= firstMinute)).toEqual(
        hashesOf(late?.dedupeAdditions ?? []),
      );
      const next = { ...sampleBatch('live', 10, { events: 0, letters: 0, raw: 0 }), evictBefore: firstMinute + 60 };
      await again.commit(next);
      const { committed: last } = await reopened(again);
      expect(last?.dedupe).toEqual([]);
    });

    it('keeps the identities of many commits, each once', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      const few = { events: 2, letters: 0, raw: 0 };
      const batches = Array.from({ length: 70 }, (_, index) => sampleBatch('live', index, few));
      for (const batch of batches) await lane.commit(batch);
      const { committed } = await reopened(lane);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(
        hashesOf(batches.flatMap(({ dedupeAdditions }) => dedupeAdditions)),
      );
    });

    it('keeps a large set of identities', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      const hashes = BigUint64Array.from({ length: 100_000 }, (_, n) => 2n ** 64n - 1n - BigInt(n));
      const piece = { minute: 29_888_888, hashes };
      await lane.commit({ ...sampleBatch('live', 0, { events: 1, letters: 0, raw: 0 }), dedupeAdditions: [piece] });
      const { committed } = await reopened(lane);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf([piece]));
    });

    it('leaves the position where it was when a commit fails, and goes on from there', async () => {
      const lane = (await connect()).lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.close();
      const failing = (await connectFailing()).lane('live');
      expect(batchesOf((await failing.open())?.cursor)).toBe(1);
      await expect(failing.commit(sampleBatch('live', 1, sizes))).rejects.toThrow();
      await expect(failing.commit(sampleBatch('live', 1, sizes)), 'a lane that failed is closed').rejects.toThrow();
      const { again, committed } = await reopened(failing);
      expect(committed?.cursor).toEqual(sampleCursor('live', 1));
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(sampleBatch('live', 0, sizes).dedupeAdditions));
      if (guarantee === 'exactly_once') expect(sorted(await under.read())).toEqual(expected(1));
      await again.commit(sampleBatch('live', 1, sizes));
      await again.close();
      const read = sorted(await under.read());
      if (guarantee === 'exactly_once') expect(read).toEqual(expected(2));
      else expect(new Set(read.events)).toEqual(new Set(expected(2).events));
    });

    it('closes twice without complaint', async () => {
      const sink = await connect();
      const lane = sink.lane('live');
      await lane.open();
      await lane.close();
      await lane.close();
      await sink.close();
      await sink.close();
    });

    it('tells which uids it holds of a time range, where it can tell', async () => {
      const sink = await connect();
      const lane = sink.lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, sizes));
      if (!sink.find) return;
      const uids = [sampleUid('event', 3), sampleUid('event', 29), sampleUid('event', 30)];
      const at = (number: number) => BigInt(sampleEvent(number).time) * 1_000_000n;
      expect(await sink.find(uids, at(0), at(1000))).toEqual(new Set(uids.slice(0, 2)));
      expect(await sink.find(uids, at(10), at(1000))).toEqual(new Set(uids.slice(1, 2)));
      expect(await sink.find(uids, at(1000), at(2000))).toEqual(new Set());
      expect(await sink.find([], at(0), at(1000))).toEqual(new Set());
    });
  });
}

function sorted({ events, deadLetters, raw }: Delivered): Delivered {
  return { events: events.toSorted(), deadLetters: deadLetters.toSorted(), raw: raw.toSorted() };
}

function expected(batches: number): Delivered {
  const uids = (kind: 'event' | 'letter' | 'raw', count: number) =>
    Array.from({ length: batches * count }, (_, number) => sampleUid(kind, number)).sort();
  return {
    events: uids('event', sizes.events),
    deadLetters: uids('letter', sizes.letters),
    raw: uids('raw', sizes.raw),
  };
}
