import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, Committed, LaneSink, Sink } from '../../collector/sinks/sink.js';
import {
  batchesOf,
  hashesOf,
  noSizes,
  sampleBatch,
  sampleCursor,
  sampleEntities,
  sampleEvent,
  sampleUid,
} from './sample-batch.js';

/** What the destination holds, as its readers see it: uids, repeats included; of entities the newest state by key, null for a tombstone. */
export interface Delivered {
  readonly events: readonly string[];
  readonly deadLetters: readonly string[];
  readonly raw: readonly string[];
  readonly entities: Readonly<Record<string, unknown>>;
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

/** What a sink can do besides delivering. */
export type Capability =
  | 'exactly_once'
  | 'entities'
  | 'find'
  | 'holder'
  | 'check'
  | 'unresolvedDeadLetters'
  | 'resetPosition'
  | 'rewritable';

/** For each capability: true, or why the sink does without it. */
export type Claims = Readonly<Record<Capability, true | string>>;

/** What a case works with. Everything that it opens is closed after it. */
interface Bench {
  readonly claims: Claims;
  readonly under: SinkUnderTest;
  connect(): Promise<Sink>;
  connectFailing(): Promise<Sink>;
  /** A lane of a sink of its own, open. */
  open(lane?: string): Promise<LaneSink>;
  /** Closes the live lane and opens it again, as a new process would. */
  reopen(lane: LaneSink): Promise<{ again: LaneSink; committed: Committed | undefined }>;
}

interface Case {
  readonly title: string;
  /** Only for sinks that claim it. */
  readonly needs?: Capability;
  /** Only for sinks that do not. */
  readonly lacks?: Capability;
  readonly run: (bench: Bench) => Promise<void>;
}

const sizes = { events: 30, letters: 2, raw: 3 };
const backfill = 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z';

/** Only what never becomes readable is to fail. */
const BECOMES_READABLE = { timeout: 60_000 };

/** Every case of the contract. */
const sinkCases: readonly Case[] = [
  {
    title: 'declares a kind, a guarantee, a target and a batch size',
    async run({ claims, connect }) {
      const sink = await connect();
      expect(sink.guarantee).toBe(claims.exactly_once === true ? 'exactly_once' : 'at_least_once');
      expect(sink.kind).not.toBe('');
      expect(sink.target).not.toBe('');
      expect(sink.batchSize).toBeGreaterThan(0);
    },
  },
  {
    title: 'has the capabilities that it claims and no other',
    async run({ claims, connect }) {
      const sink = await connect();
      const { exactly_once: _, entities, ...optional } = claims;
      expect(sink.carriesEntities).toBe(entities === true);
      for (const [name, claim] of Object.entries(optional))
        expect(typeof sink[name as keyof Sink], name).toBe(claim === true ? 'function' : 'undefined');
    },
  },
  {
    title: 'has nothing to return when a lane is opened for the first time',
    async run({ connect }) {
      const sink = await connect();
      expect(await sink.lane('live').open()).toBeUndefined();
      expect(await sink.peek('live')).toBeUndefined();
      expect(await sink.lanes()).toEqual([]);
    },
  },
  {
    title: 'returns the cursor and every identity of the last commit when a lane is opened again',
    async run({ open, reopen }) {
      const lane = await open();
      const batches = [0, 1, 2].map((index) => sampleBatch('live', index, sizes));
      for (const batch of batches) await lane.commit(batch);
      const { committed } = await reopen(lane);
      expect(committed?.cursor).toEqual(batches[2]?.cursor);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(batches.flatMap((batch) => batch.dedupeAdditions)));
    },
  },
  {
    title: 'shows its readers exactly what was committed',
    async run({ open, under }) {
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.commit(sampleBatch('live', 1, sizes));
      await lane.close();
      expect(sorted(await under.read())).toEqual(expected(2));
    },
  },
  {
    title: 'moves only the cursor when a batch holds no records',
    async run({ open, reopen, under }) {
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.commit(sampleBatch('live', 1, noSizes));
      const { committed } = await reopen(lane);
      expect(batchesOf(committed?.cursor)).toBe(2);
      expect(hashesOf(committed?.dedupe ?? [])).toHaveLength(sizes.events);
      expect(sorted(await under.read())).toEqual(expected(1));
    },
  },
  {
    title: 'starts with an empty batch as well as with a full one',
    async run({ open, reopen }) {
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, noSizes));
      const { committed } = await reopen(lane);
      expect(batchesOf(committed?.cursor)).toBe(1);
      expect(committed?.dedupe).toEqual([]);
    },
  },
  {
    title: 'keeps lanes apart: each has its own cursor and identities',
    async run({ connect, under }) {
      const sink = await connect();
      const lanes = [sink.lane('live'), sink.lane(backfill)] as const;
      for (const lane of lanes) await lane.open();
      await lanes[0].commit(sampleBatch('live', 0, sizes));
      await lanes[1].commit(sampleBatch(backfill, 5, sizes));
      for (const lane of lanes) await lane.close();
      const again = await connect();
      const committed = await again.lane(backfill).open();
      expect(committed?.cursor).toEqual(sampleCursor(backfill, 6));
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(sampleBatch(backfill, 5, sizes).dedupeAdditions));
      expect(batchesOf((await again.lane('live').open())?.cursor)).toBe(1);
      expect((await under.read()).events).toHaveLength(2 * sizes.events);
    },
  },
  {
    title: 'names its lanes and shows their cursors without their locks',
    async run({ connect }) {
      const sink = await connect();
      for (const name of [backfill, 'live']) {
        const lane = sink.lane(name);
        await lane.open();
        await lane.commit(sampleBatch(name, 0, sizes));
      }
      const onlooker = await connect();
      // Kafka acknowledges a commit before its markers make it readable without the lane's lock.
      await expect.poll(() => onlooker.lanes(), BECOMES_READABLE).toEqual(['live', backfill]);
      await expect.poll(() => onlooker.peek(backfill), BECOMES_READABLE).toEqual(sampleCursor(backfill, 1));
      expect(await onlooker.peek('backfill/never')).toBeUndefined();
    },
  },
  {
    title: 'refuses a lane that is open already, and gives it to the next one when it is closed',
    async run({ connect, open }) {
      const first = await open();
      const second = (await connect()).lane('live');
      await expect(second.open()).rejects.toMatchObject({ code: 'LANE_IN_USE', exitCode: 73 });
      await second.close();
      await first.commit(sampleBatch('live', 0, sizes));
      await first.close();
      expect(batchesOf((await second.open())?.cursor)).toBe(1);
    },
  },
  {
    title: 'gives a lock to one at a time, and stores no position for it',
    async run({ connect }) {
      const [one, other] = [await connect(), await connect()];
      const lock = await one.lock('backfill-plan');
      await expect(other.lock('backfill-plan')).rejects.toMatchObject({ code: 'LANE_IN_USE' });
      await expect(other.lane('backfill-plan').open(), 'as an older version takes it').rejects.toMatchObject({
        code: 'LANE_IN_USE',
      });
      await lock.release();
      await lock.release();
      await other.lock('backfill-plan');
      await lock.release();
      await expect(one.lock('backfill-plan')).rejects.toMatchObject({ code: 'LANE_IN_USE' });
      await other.close();
      await (await one.lock('backfill-plan')).release();
      expect(await one.lanes()).toEqual([]);
    },
  },
  {
    title: 'forgets identities that are out of reach',
    async run({ open, reopen }) {
      const lane = await open();
      const [early, late] = [0, 9].map((index) => sampleBatch('live', index, sizes)) as [Batch, Batch];
      const firstMinute = Math.min(...late.dedupeAdditions.map(({ minute }) => minute));
      await lane.commit(early);
      await lane.commit({ ...late, evictBefore: firstMinute });
      const { again, committed } = await reopen(lane);
      expect(hashesOf(committed?.dedupe ?? []).filter((hash) => Number(hash.split(':')[0]) >= firstMinute)).toEqual(
        hashesOf(late.dedupeAdditions),
      );
      await again.commit({ ...sampleBatch('live', 10, noSizes), evictBefore: firstMinute + 60 });
      const { committed: last } = await reopen(again);
      expect(last?.dedupe).toEqual([]);
    },
  },
  {
    title: 'keeps the identities of many commits, each once',
    async run({ open, reopen }) {
      const lane = await open();
      const batches = Array.from({ length: 70 }, (_, index) => sampleBatch('live', index, { ...noSizes, events: 2 }));
      for (const batch of batches) await lane.commit(batch);
      const { committed } = await reopen(lane);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(batches.flatMap((batch) => batch.dedupeAdditions)));
    },
  },
  {
    title: 'keeps a large set of identities',
    async run({ open, reopen }) {
      const lane = await open();
      const hashes = BigUint64Array.from({ length: 100_000 }, (_, n) => 2n ** 64n - 1n - BigInt(n));
      const chunk = { minute: 29_888_888, hashes };
      await lane.commit({ ...sampleBatch('live', 0, { ...noSizes, events: 1 }), dedupeAdditions: [chunk] });
      const { committed } = await reopen(lane);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf([chunk]));
    },
  },
  {
    title: 'leaves the position where it was when a commit fails, and goes on from there',
    async run({ claims, open, connectFailing, reopen, under }) {
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await lane.close();
      const failing = (await connectFailing()).lane('live');
      expect(batchesOf((await failing.open())?.cursor)).toBe(1);
      await expect(failing.commit(sampleBatch('live', 1, sizes))).rejects.toThrow();
      await expect(failing.commit(sampleBatch('live', 1, sizes)), 'a lane that failed is closed').rejects.toThrow();
      const { again, committed } = await reopen(failing);
      expect(committed?.cursor).toEqual(sampleCursor('live', 1));
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(sampleBatch('live', 0, sizes).dedupeAdditions));
      if (claims.exactly_once === true) expect(sorted(await under.read())).toEqual(expected(1));
      await again.commit(sampleBatch('live', 1, sizes));
      await again.close();
      const read = sorted(await under.read());
      if (claims.exactly_once === true) expect(read).toEqual(expected(2));
      else expect(new Set(read.events)).toEqual(new Set(expected(2).events));
    },
  },
  {
    title: 'closes twice without complaint',
    async run({ connect }) {
      const sink = await connect();
      const lane = sink.lane('live');
      await lane.open();
      await lane.close();
      await lane.close();
      await sink.close();
      await sink.close();
    },
  },
  {
    title: 'commits entities with the rest of a batch: the newest state by key, a tombstone for what is gone',
    needs: 'entities',
    async run({ open, connectFailing, reopen, under }) {
      const lane = await open();
      await lane.commit({ ...sampleBatch('live', 0, sizes), entities: sampleEntities(0) });
      const { again, committed } = await reopen(lane);
      expect(batchesOf(committed?.cursor)).toBe(1);
      expect(sorted(await under.read())).toEqual({
        ...expected(1),
        entities: { 'user|u1': { name: 'Zoë', size: 1 }, 'user|u2': { name: 'two' }, 'user_group|u1': ['a', 1.5] },
      });
      await again.commit({ ...sampleBatch('live', 1, noSizes), entities: sampleEntities(1) });
      await again.close();
      const after = { 'user|u1': { name: 'Zoë', size: 2 }, 'user|u2': null, 'user_group|u1': ['a', 1.5] };
      expect((await under.read()).entities).toEqual(after);
      const failing = (await connectFailing()).lane('live');
      await failing.open();
      await expect(
        failing.commit({ ...sampleBatch('live', 2, noSizes), entities: sampleEntities(0) }),
      ).rejects.toThrow();
      const { committed: last } = await reopen(failing);
      expect(batchesOf(last?.cursor)).toBe(2);
    },
  },
  {
    title: 'shows nothing of entities whose commit failed',
    needs: 'exactly_once',
    async run({ claims, connectFailing, under }) {
      if (claims.entities !== true) return;
      const failing = (await connectFailing()).lane('live');
      await failing.open();
      await expect(
        failing.commit({ ...sampleBatch('live', 0, noSizes), entities: sampleEntities(0) }),
      ).rejects.toThrow();
      await failing.close();
      expect((await under.read()).entities).toEqual({});
    },
  },
  {
    title: 'refuses a batch with entities before anything of it is written',
    lacks: 'entities',
    async run({ open, reopen, under }) {
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await expect(
        lane.commit({ ...sampleBatch('live', 1, sizes), entities: sampleEntities(0) }),
      ).rejects.toMatchObject({ code: 'SINK_REFUSED' });
      const { committed } = await reopen(lane);
      expect(batchesOf(committed?.cursor)).toBe(1);
      expect(sorted(await under.read())).toEqual(expected(1));
    },
  },
  {
    title: 'finds which uids it holds of a time range',
    needs: 'find',
    async run({ connect }) {
      const sink = await connect();
      const at = (number: number) => BigInt(sampleEvent(number).time) * 1_000_000n;
      const uids = [sampleUid('event', 3), sampleUid('event', 29), sampleUid('event', 30)];
      expect(await sink.find?.(uids, at(0), at(1000)), 'before anything was delivered').toEqual(new Set());
      const lane = sink.lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, sizes));
      expect(await sink.find?.(uids, at(0), at(1000))).toEqual(new Set(uids.slice(0, 2)));
      expect(await sink.find?.(uids, at(10), at(1000))).toEqual(new Set(uids.slice(1, 2)));
      expect(await sink.find?.(uids, at(1000), at(2000))).toEqual(new Set());
      expect(await sink.find?.([], at(0), at(1000))).toEqual(new Set());
      expect(await (await connect()).find?.(uids, at(0), at(1000)), 'beside an open lane').toEqual(
        new Set(uids.slice(0, 2)),
      );
    },
  },
  {
    title: 'tells who holds a lane while it is open, and nobody afterwards',
    needs: 'holder',
    async run({ connect, open }) {
      const sink = await connect();
      expect(await sink.holder?.('live')).toBeUndefined();
      const lane = await open();
      await expect.poll(() => sink.holder?.('live'), { timeout: 30_000 }).toContain(String(process.pid));
      await lane.close();
      await expect.poll(() => sink.holder?.('live'), { timeout: 30_000 }).toBeUndefined();
    },
  },
  {
    title: 'checks what it needs, and leaves nothing behind',
    needs: 'check',
    async run({ connect }) {
      const sink = await connect();
      const findings = (await sink.check?.()) ?? [];
      expect(findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
      expect(findings.length).toBeGreaterThan(0);
      expect(await sink.lanes()).toEqual([]);
    },
  },
  {
    title: 'lists its dead letters but for those that the replay lane has delivered',
    needs: 'unresolvedDeadLetters',
    async run({ connect }) {
      const sink = await connect();
      const [live, replay] = [sink.lane('live'), sink.lane('replay')];
      await live.open();
      const batch = sampleBatch('live', 0, sizes);
      await live.commit(batch);
      const letters = async () => {
        const found = [];
        for await (const letter of sink.unresolvedDeadLetters?.() ?? []) found.push(letter);
        return found.sort((a, b) => (a.uid < b.uid ? -1 : 1));
      };
      const sent = batch.deadLetters.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
      expect(await letters()).toEqual(sent);
      const [resolved, left] = sent;
      await replay.open();
      const hashes = BigUint64Array.of(BigInt(`0x${resolved?.uid.slice(0, 16)}`));
      const text = JSON.stringify({ id: 1 });
      await replay.commit({
        ...sampleBatch('replay', 0, noSizes),
        raw: [{ uid: resolved?.uid ?? '', classUid: 6003, eventCode: 'x', service: 'y', time: 1, text }],
        dedupeAdditions: [{ minute: 0, hashes }],
      });
      expect(await letters()).toEqual([left]);
    },
  },
  {
    title: 'replaces a position under the lock of its lane, and keeps the identities',
    needs: 'resetPosition',
    async run({ connect, open }) {
      const sink = await connect();
      const lane = await open();
      const batch = sampleBatch('live', 0, sizes);
      await lane.commit(batch);
      const next = () => sampleCursor('live', 7);
      await expect(sink.resetPosition?.('live', next)).rejects.toMatchObject({ code: 'LANE_IN_USE' });
      await lane.close();
      let stored: unknown;
      await sink.resetPosition?.('live', (cursor) => {
        stored = cursor;
        return next();
      });
      expect(stored).toEqual(batch.cursor);
      const committed = await (await connect()).lane('live').open();
      expect(committed?.cursor).toEqual(next());
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashesOf(batch.dedupeAdditions));
    },
  },
  {
    title: 'rewrites events at one commit point, under the lock of their lane',
    needs: 'rewritable',
    async run({ connect, open, under }) {
      const sink = await connect();
      const lane = await open();
      await lane.commit(sampleBatch('live', 0, sizes));
      await expect(sink.rewritable?.('live').open()).rejects.toMatchObject({ code: 'LANE_IN_USE' });
      await lane.close();
      const replacement = sampleEvent(1000);
      const rewriting = {
        wanted: () => true,
        decide: ({ uid }: { uid: string }) => (uid === sampleUid('event', 0) ? replacement : undefined),
        examined: () => {},
      };
      const rewritable = sink.rewritable?.('live');
      await rewritable?.open();
      await rewritable?.rewrite(rewriting, async () => false);
      await rewritable?.close();
      expect(sorted(await under.read())).toEqual(expected(1));
      const again = sink.rewritable?.('live');
      await again?.open();
      await again?.rewrite(rewriting, async () => true);
      await again?.close();
      const events = [...expected(1).events.filter((uid) => uid !== sampleUid('event', 0)), replacement.uid].sort();
      expect(sorted(await under.read()).events).toEqual(events);
    },
  },
];

/** Holds a sink to the cases that its claims call for. `create` makes a fresh destination for each. */
export function sinkContract(name: string, claims: Claims, create: () => Promise<SinkUnderTest>): void {
  describe(`${name} keeps the contract of a sink`, () => {
    let under: SinkUnderTest;
    let connected: Sink[];
    const kept = (sink: Sink): Sink => {
      connected.push(sink);
      return sink;
    };
    const connect = async () => kept(await under.connect());
    const open = async (name = 'live') => {
      const lane = (await connect()).lane(name);
      await lane.open();
      return lane;
    };
    const reopen = async (lane: LaneSink) => {
      await lane.close();
      const again = (await connect()).lane('live');
      return { again, committed: await again.open() };
    };

    beforeEach(async () => {
      connected = [];
      under = await create();
    });
    afterEach(async () => {
      for (const sink of connected) await sink.close();
      await under.dispose();
    });

    for (const { title, needs, lacks, run } of sinkCases) {
      if (needs !== undefined && claims[needs] !== true) continue;
      if (lacks !== undefined && claims[lacks] === true) continue;
      it(title, () =>
        run({ claims, under, connect, connectFailing: async () => kept(await under.connectFailing()), open, reopen }),
      );
    }
  });
}

function sorted({ events, deadLetters, raw, entities }: Delivered): Delivered {
  return { events: events.toSorted(), deadLetters: deadLetters.toSorted(), raw: raw.toSorted(), entities };
}

function expected(batches: number): Delivered {
  const uids = (kind: 'event' | 'letter' | 'raw', count: number) =>
    Array.from({ length: batches * count }, (_, number) => sampleUid(kind, number)).sort();
  return {
    events: uids('event', sizes.events),
    deadLetters: uids('letter', sizes.letters),
    raw: uids('raw', sizes.raw),
    entities: {},
  };
}

/** The newest state by `type|key` of entities in the order in which they were delivered. */
export function newestStates(
  entities: Iterable<{ readonly type: string; readonly key: string; readonly value: unknown }>,
): Record<string, unknown> {
  const states: Record<string, unknown> = {};
  for (const { type, key, value } of entities) states[`${type}|${key}`] = value;
  return states;
}
