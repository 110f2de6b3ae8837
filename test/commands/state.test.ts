import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setState, showState } from '../../collector/commands/state.js';
import { noCounts } from '../../collector/position/cursor.js';
import { encodeCursor } from '../../collector/position/cursor-codec.js';
import type { LaneReport } from '../../collector/position/lane-report.js';
import { movePosition } from '../../collector/position/reposition.js';
import { createStdoutSink } from '../../collector/sinks/stdout/stdout-sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { sampleBatch, sampleCursor } from '../contract/sample-batch.js';
import { changeStored } from '../position/stored-cursor.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { collectOnce, tell } from './collecting.js';

const now = Date.parse('2026-11-01T23:00:00Z');
const second = (text: string) => Date.parse(text) / 1000;

describe('moving a position', () => {
  const cursor = { ...sampleCursor('live', 5), counts: { ...noCounts, records: 5 } };

  it('back makes the services read again, with the sink asked for what is no longer remembered', () => {
    const { cursor: moved, meaning } = movePosition(cursor, second('2026-11-01T12:00:00Z'), now, true);
    expect(moved.position.services).toEqual([]);
    expect(moved.position.perService).toEqual({
      directory: { watermark: second('2026-11-01T12:00:00Z'), dedupeFrom: cursor.position.watermark, active: true },
    });
    expect(moved.counts).toEqual(cursor.counts);
    expect(meaning.join(' ')).toContain('not delivered again');
  });

  it('ahead says that it leaves a gap', () => {
    const { cursor: moved, meaning } = movePosition(cursor, second('2026-11-01T22:30:00Z'), now, true);
    expect(encodeCursor(moved)).toMatchObject({ settled: '2026-11-01T22:30:00Z', services: ['directory'], behind: {} });
    expect(meaning.join(' ')).toContain('gap');
  });

  it('leaves services whose searches rest where they are', () => {
    const resting = { settled: '2026-11-01T20:00:00Z', rememberedFrom: '2026-11-01T20:00:00Z', active: false };
    const { cursor: moved } = movePosition(
      changeStored(cursor, { behind: { mdm: resting } }),
      second('2026-11-01T12:00:00Z'),
      now,
      true,
    );
    expect(encodeCursor(moved).behind.mdm).toEqual(resting);
  });

  it('back does not take for remembered what lay before the place of a service of its own', () => {
    const own = { settled: '2026-11-01T20:00:30Z', rememberedFrom: '2026-11-01T10:00:00Z', active: true };
    const { cursor: moved } = movePosition(
      changeStored(cursor, { behind: { mdm: own } }),
      second('2026-11-01T12:00:00Z'),
      now,
      true,
    );
    expect(encodeCursor(moved).behind.mdm).toEqual({
      ...own,
      settled: '2026-11-01T12:00:00Z',
      rememberedFrom: own.settled,
    });
  });

  it('is refused before the origin, in the future, and back in a backfill', () => {
    for (const target of ['2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z'])
      expect(() => movePosition(cursor, second(target), now, true)).toThrow(/lies/);
    const backfill = sampleCursor('backfill/20261101T000000Z_20261102T000000Z', 5);
    expect(() => movePosition(backfill, second('2026-11-01T12:00:00Z'), now, true)).toThrow(/cannot go back/);
  });
});

describe('the verb state', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'state-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const sinks = {
    tables: () => createTablesSink({ directory, feed: 'acme' }),
    stdout: () => createStdoutSink({ directory, feed: 'acme', output: process.stderr }),
  };
  const flagsOf = (sink: keyof typeof sinks) => ({
    name: 'acme',
    sink,
    'log-level': 'error',
    'tables-directory': directory,
    'state-directory': directory,
  });

  it.each(['tables', 'stdout'] as const)('shows and moves a lane of %s, but not while it runs', async (kind) => {
    const sink = sinks[kind]();
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 }));
    const target = '2026-11-01T12:00:00Z';
    const order = { ...flagsOf(kind), lane: 'live', settled: target, yes: true };
    await expect(tell(() => setState(order))).rejects.toMatchObject({ code: 'LANE_IN_USE', exitCode: 73 });
    await lane.close();
    await sink.close();

    await expect(tell(() => setState({ ...order, yes: false }))).rejects.toMatchObject({ code: 'USAGE' });
    expect((await tell(() => setState(order))).code).toBe(0);
    const { out } = await tell(() => showState({ ...flagsOf(kind), json: true }));
    const [report] = JSON.parse(out) as LaneReport[];
    expect(report).toMatchObject({ feed: 'acme', lane: 'live', settled: target, organization: 'org-1' });
    const text = await tell(() => showState({ ...flagsOf(kind), json: false }));
    expect(text.out).toContain(`settled      ${target}`);
  });

  it('says of a lane that never ran which lanes there are', async () => {
    const order = { ...flagsOf('tables'), lane: 'live', settled: '2026-11-01T12:00:00Z', yes: true };
    await expect(tell(() => setState(order))).rejects.toThrow(/never ran/);
  });

  it('moved back into the past, a feed reads it again and delivers nothing twice', { timeout: 60_000 }, async () => {
    const tenant = await startTenant({ seed: 5, records: 300, from: Date.now() - 86_400_000 });
    const flags = { ...flagsOf('tables'), 'poll-start': '2d', 'poll-requests-per-second': '1000' };
    try {
      await collectOnce(tenant, flags);
      const count = () => rowsOf(directory, 'SELECT count(*), count(DISTINCT metadata.uid) FROM events');
      const before = await count();
      const { out } = await tell(() => showState({ ...flags, json: true }));
      const [report] = JSON.parse(out) as LaneReport[];
      const settled = report!.origin;
      await tell(() => setState({ ...flags, lane: 'live', settled, yes: true }));
      await collectOnce(tenant, flags);
      expect(await count()).toEqual(before);
      const [again] = JSON.parse((await tell(() => showState({ ...flags, json: true }))).out) as LaneReport[];
      expect(again!.counts.duplicates).toBeGreaterThan(250);
      expect(again!.behind).toEqual({});
      expect(again!.services.length).toBeGreaterThan(0);
    } finally {
      await tenant.close();
    }
  });
});
