import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { redactedText } from '../../fixtures/tenant/control.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { startReader } from './counting-reader.js';
import { runAndKill } from './run-and-kill.js';

/** Enough pages for all kills: a commit has some fifteen steps, and a kill falls on one of the first thirty-three. */
const RECORDS = 5_000;
const KILLS = Number(process.env.KILLS ?? 25);
/** Between the first file of a commit and its commit point. */
const INSIDE = new Set(['commit:file', 'commit:seen', 'commit:state']);

async function rows(directory: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const tables = await openTables(directory);
  try {
    const all: (readonly unknown[])[] = [];
    for await (const row of (await tables.query(sql)).rows) all.push(row);
    return all;
  } finally {
    await tables.close();
  }
}

it(`F-1: killed ${KILLS} times while it collects into tables, every record is there once, and no reader ever failed or saw a count fall`, {
  timeout: 15 * 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kill-tables-'));
  const tenant = await startTenant({
    seed: 11,
    records: RECORDS,
    latency: [2, 20],
    trouble: { ties: 0.1, repeated: { share: 0.02 }, malformed: { share: 0.001 } },
  });
  const order = { baseUrl: tenant.baseUrl, apiKey: tenant.apiKey, pageSize: 200, tables: { directory, restMs: 2 } };
  const histogram = new Map<string, number>();
  const stopReader = startReader(directory);
  try {
    let seed = 1;
    for (let kills = 0; kills < KILLS; kills += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const where = await runAndKill(order, 4 + (seed % 30));
      expect(where, 'the collector finished before it was killed often enough').not.toBe('finished');
      histogram.set(where, (histogram.get(where) ?? 0) + 1);
    }
    expect(await runAndKill(order, Number.POSITIVE_INFINITY)).toBe('finished');
    console.log(`where ${KILLS} kills fell: ${JSON.stringify(Object.fromEntries([...histogram].sort()))}`);

    const inside = [...histogram].filter(([step]) => INSIDE.has(step)).reduce((sum, [, count]) => sum + count, 0);
    expect(inside).toBeGreaterThanOrEqual(Math.min(10, Math.floor(KILLS / 5)));
    const [[events, uids]] = (await rows(
      directory,
      'SELECT count(*), count(DISTINCT uid) FROM (SELECT metadata.uid AS uid FROM events UNION ALL SELECT uid FROM dead_letters)',
    )) as [[bigint, bigint]];
    expect(uids).toBe(events);
    const kept = await rows(directory, 'SELECT raw_data FROM events UNION ALL SELECT raw FROM dead_letters');
    const compared = await tenant.ledger.compare(
      kept.map(([text]) => String(text)),
      { kept: redactedText },
    );
    expect(compared).toMatchObject({ missing: 0, repeated: 0, unknown: 0, equal: true });
    expect(Number(events)).toBe(tenant.ledger.size);
    await stopReader();
  } finally {
    await stopReader().catch(() => undefined);
    await tenant.close();
    await rm(directory, { recursive: true, force: true });
  }
});
