import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import type { BoundParameter } from '../../collector/query/parameters.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { sampleBatch, sampleEvent, sampleLetter } from '../contract/sample-batch.js';

const DAY = 86_400_000;
const first = Date.parse('2026-11-01T12:00:00Z');

describe('a statement about a range of time', () => {
  let directory: string;

  // Five days with an event each; the file of the third is gone, so that whoever opens it says so.
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-prune-'));
    const sink = createTablesSink({ directory, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    const events = [0, 1, 2, 3, 4].map((day) => sampleEvent(day, first + day * DAY));
    await lane.commit({ ...sampleBatch('live', 0, { events: 0, letters: 1, raw: 0 }), events });
    await sink.close();
    const names = await readdir(join(directory, 'authentication'), { recursive: true });
    await rm(join(directory, 'authentication', names.find((name) => /11-03.*parquet/.test(name))!));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function rows(sql: string, parameters: readonly BoundParameter[] = []): Promise<unknown[]> {
    const tables = await openTables(directory);
    try {
      const found: unknown[] = [];
      for await (const row of (await tables.query(sql, parameters)).rows) found.push(Number(row[0]));
      return found;
    } finally {
      await tables.close();
    }
  }

  it('about a view of the inventory opens every file: its rows are made of all observations', async () => {
    const own = await mkdtemp(join(tmpdir(), 'tables-prune-inventory-'));
    const sink = createTablesSink({ directory: own, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    const none = { events: 0, letters: 0, raw: 0 };
    const key = '5f0000000000000000000001/66a0c0ffee0000000000b001';
    for (const [index, observedAt] of [first, first + 4 * DAY].entries()) {
      const value = index === 0 ? JSON.stringify({ attributes: { username: 'ana' } }) : undefined;
      await lane.commit({ ...sampleBatch('live', index, none), entities: [{ type: 'user', key, value, observedAt }] });
    }
    await sink.close();
    const tables = await openTables(own);
    const found: unknown[] = [];
    const sql =
      "SELECT valid_to IS NULL, valid_from AS time_dt FROM users_history WHERE time_dt < TIMESTAMPTZ '2026-11-02'";
    for await (const row of (await tables.query(sql)).rows) found.push(row[0]);
    await tables.close();
    await rm(own, { recursive: true });
    expect(found).toEqual([false]);
  });

  it.each<[sql: string, expected: number, parameters?: readonly BoundParameter[]]>([
    ["SELECT count(*) FROM events WHERE time_dt >= TIMESTAMPTZ '2026-11-04'", 2],
    ["SELECT count(*) FROM authentication WHERE time_dt < '2026-11-03'", 2],
    ["SELECT count(*) FROM authentication a WHERE a.time_dt < DATE '2026-11-03' AND a.outcome = 'Failure'", 1],
    ["SELECT count(*) FROM authentication WHERE '2026-11-04' <= time_dt", 2],
    ["SELECT count(*) FROM authentication WHERE time_dt BETWEEN '2026-11-05' AND '2026-11-06'", 1],
    [`SELECT count(*) FROM authentication WHERE time >= ${first + 3 * DAY}`, 2],
    [`SELECT count(*) FROM authentication WHERE time = ${first}`, 1],
    ["SELECT count(*) FROM events WHERE time_dt > '2026-11-05'::TIMESTAMPTZ - INTERVAL 1 DAY", 2],
    [
      'SELECT count(*) FROM events WHERE time_dt >= $since',
      2,
      [{ name: 'since', type: 'instant', value: first + 2.5 * DAY }],
    ],
    [
      "WITH late AS (SELECT * FROM events WHERE time_dt > '2026-11-04') SELECT count(*) FROM late JOIN authentication a ON a.time = late.time WHERE a.time_dt > '2026-11-04'",
      2,
    ],
    [
      "SELECT count(*) FROM events WHERE time_dt > '2026-11-04' UNION ALL SELECT 7 FROM events WHERE time_dt < '2026-11-02'",
      2,
    ],
    ['SELECT count(*) FROM dead_letters', 1],
    ["SELECT count(*) FROM events WHERE time_dt > now() - INTERVAL '1 day' AND time_dt < '2000-01-01'", 0],
  ])('opens only the files that may hold rows of it: %s', async (sql, expected, parameters) => {
    expect((await rows(sql, parameters))[0]).toBe(expected);
  });

  it('means one instant by now() where it chooses files and where it reads them', async () => {
    const own = await mkdtemp(join(tmpdir(), 'tables-prune-now-'));
    const sink = createTablesSink({ directory: own, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    const days = Array.from({ length: 12 }, (_, day) => ({ ...sampleLetter(day), time: first + day * DAY }));
    await lane.commit({ ...sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 }), deadLetters: days });
    await sink.close();
    const tables = await openTables(own);
    for (let run = 0; run < 10; run++) {
      // With every 5 ms that pass the statement asks about one more day, in a file of its own.
      const passed = `floor((epoch_ms(now()) - ${Date.now()}) / 5)`;
      const sql = `SELECT count(*), least(12, greatest(0, ${passed} + 1)) FROM dead_letters WHERE time <= ${first} + ${passed} * ${DAY}`;
      for await (const [counted, expected] of (await tables.query(sql)).rows) expect(Number(counted)).toBe(expected);
    }
    await tables.close();
    await rm(own, { recursive: true });
  });

  it.each([
    'SELECT count(*) FROM events',
    "SELECT count(*) FROM events WHERE time_dt > '2026-11-04' OR outcome = 'Failure'",
    "SELECT count(*) FROM events WHERE NOT (time_dt > '2026-11-04')",
    "SELECT count(*) FROM (SELECT * FROM events) WHERE time_dt > '2026-11-04'",
    "SELECT count(*) FROM events WHERE time_dt > '2026-11-04' AND (SELECT count(*) FROM events) > 0",
    "SELECT count(*) FROM events a JOIN events b ON a.time = b.time WHERE a.time_dt > '2026-11-04'",
    "SELECT count(*) FROM events a ASOF JOIN events b ON a.time >= b.time WHERE a.time_dt > '2026-11-04' AND b.time_dt < '2026-11-02'",
    "SELECT count(*) FROM events a POSITIONAL JOIN events b WHERE a.time_dt > '2026-11-04' AND b.time_dt > '2026-11-04'",
    "SELECT count(*) FROM events WHERE time_dt + INTERVAL 1 DAY > '2026-11-04'",
    "SELECT count(*) FROM events e(time_dt) WHERE time_dt > '2026-11-04'",
    "SELECT count(*) FROM events TABLESAMPLE 50% WHERE time_dt > '2026-11-04'",
    'SELECT count(*) FROM events WHERE time > random() * 1e15',
  ])('opens every file where rows of any time may count: %s', async (sql) => {
    await expect(rows(sql)).rejects.toMatchObject({ message: expect.stringMatching(/is missing/) });
  });
});
