import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { DedupeLog } from '../../../../collector/sinks/kafka/state/dedupe-log.js';
import { foldState, laneKeys, noLaneState } from '../../../../collector/sinks/kafka/state/lane-state.js';
import { isFree, newLease } from '../../../../collector/sinks/kafka/state/lease.js';
import { isDead, type ProcessIdentity, thisProcess } from '../../../../collector/sinks/kafka/state/process-identity.js';

const elsewhere: ProcessIdentity = { host: 'elsewhere', pid: 1 };

it('a lane is free when its lease is nobody’s, released, one’s own or lapsed by either clock', () => {
  const now = Date.UTC(2026, 10, 1);
  const held = (more: object = {}) => ({
    ...noLaneState,
    lease: { ...newLease('first', elsewhere, 30, now), ...more },
  });
  const free = (state: Parameters<typeof isFree>[0], instance = 'second', at = now, watchedMs = 0) =>
    isFree(state, instance, elsewhere, at, watchedMs);
  expect(free(noLaneState)).toBe(true);
  expect(free(held())).toBe(false);
  expect(free(held(), 'first')).toBe(true);
  expect(free(held({ released: true }))).toBe(true);
  expect(free(held(), 'second', now + 29_000)).toBe(false);
  expect(free(held(), 'second', now + 31_000)).toBe(true);
  // The holder's clock is a day ahead: watching it for the lease's length tells the same.
  expect(free(held({ renewedAt: new Date(now + 86_400_000).toISOString() }))).toBe(false);
  expect(free(held({ renewedAt: new Date(now + 86_400_000).toISOString() }), 'second', now, 31_000)).toBe(true);
});

it.runIf(process.platform === 'linux')(
  'a holder on this machine is dead when its process is, or another has its number',
  async () => {
    const self = thisProcess();
    expect(isDead(self)).toBe(false);
    expect(isDead({ ...self, started: '1' })).toBe(true);
    expect(isDead({ ...self, started: '1', namespace: 'pid:[1]' })).toBe(false);
    expect(isDead({ ...self, started: '1', boot: 'another' })).toBe(false);
    expect(isDead(elsewhere)).toBe(false);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect(isDead({ ...self, pid: child.pid ?? 0 })).toBe(true);
  },
);

const keys = laneKeys('feed', 'live');
const chunk = (minute: number, ...hashes: number[]) => ({ minute, hashes: BigUint64Array.from(hashes.map(BigInt)) });

/** What a topic holds, written by the plans of a chunk log. */
class Log {
  readonly records: { key: string; value: Buffer | null; offset: bigint }[] = [];
  readonly chunks = new DedupeLog(keys, noLaneState, 0n, 0);
  readFrom = 0n;
  chunkCount = 0;

  commit(remember: ReturnType<typeof chunk>[], evictBefore: number, cursorBytes = 0): number {
    const plan = this.chunks.plan({ dedupeAdditions: remember, evictBefore });
    const first = BigInt(this.records.length);
    for (const { key, value } of plan.records) this.records.push({ key, value, offset: BigInt(this.records.length) });
    plan.done(first);
    // The position's own record.
    this.records.push({ key: keys.cursor, value: null, offset: BigInt(this.records.length) });
    this.chunks.wrote(BigInt(this.records.length - 1), cursorBytes);
    this.readFrom = plan.readFrom;
    this.chunkCount = plan.chunks;
    return plan.hashes;
  }

  read(): string[] {
    const from = this.records.filter(({ offset }) => offset >= this.readFrom);
    const { chunks } = foldState(
      from.map(({ key, value, offset }) => ({
        partition: 0,
        offset,
        timestamp: 0,
        key,
        headers: {},
        value: value ?? undefined,
      })),
      keys,
    );
    expect(chunks).toHaveLength(this.chunkCount);
    return chunks.flatMap(({ minute, hashes }) => [...hashes].map((hash) => `${minute}:${hash}`)).sort();
  }
}

it('what is remembered is found from readFrom on; what is out of reach leaves a tombstone and nothing else', () => {
  const log = new Log();
  expect(log.commit([chunk(1, 1, 2), chunk(2, 3)], 0)).toBe(3);
  expect(log.commit([chunk(2, 4)], 2)).toBe(2);
  expect(log.read()).toEqual(['2:3', '2:4']);
  expect(log.commit([chunk(1, 9)], 2)).toBe(2);
  expect(log.commit([], 3)).toBe(0);
  expect(log.read()).toEqual([]);
  const newest = new Map(log.records.map(({ key, value }) => [key, value]));
  expect([...newest.values()].every((value) => value === null)).toBe(true);
});

it('a chunk that stays in reach for ever does not hold back the place to read from', () => {
  const log = new Log();
  log.commit([chunk(53_000_000, 7)], 0);
  for (let minute = 0; minute < 6_000; minute++) log.commit([chunk(minute, minute + 1_000)], minute - 2);
  expect(log.read()).toEqual(['53000000:7', '5997:6997', '5998:6998', '5999:6999'].sort());
  expect(BigInt(log.records.length) - log.readFrom).toBeLessThan(4_100n);
});

it('positions that remember much do not hold it back either: bytes count as well as records', () => {
  const log = new Log();
  log.commit([chunk(53_000_000, 7)], 0);
  for (let minute = 0; minute < 3_000; minute++) log.commit([chunk(minute, minute + 1_000)], minute - 2, 20_000);
  expect(log.read()).toHaveLength(4);
  const behind = log.records.filter(({ key, offset }) => key === keys.cursor && offset >= log.readFrom).length;
  expect(behind * 20_000).toBeLessThan(4_100_000);
});

it('no record holds more than 4,096 identities', () => {
  const log = new Log();
  log.commit([{ minute: 1, hashes: BigUint64Array.from({ length: 10_000 }, (_, n) => BigInt(n)) }], 0);
  const sizes = log.records.map(({ value }) => value?.length ?? 0);
  expect(Math.max(...sizes)).toBe(32_768);
  expect(log.read()).toHaveLength(10_000);
});
