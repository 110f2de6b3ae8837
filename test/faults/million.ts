/**
 * F-27: a backfill beside a live feed, both as the command in processes of their own, the tenant in a third:
 *
 *     npm run build && node dist/test/faults/million.js [--records 1000000]
 *
 * Kills the backfill once in the middle. Prints peak memory (VmHWM), the live feed's longest lag and the ledger's verdict.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openTables } from '../../collector/query/open-tables.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';

const DAY = 86_400_000;
const INTERVAL_S = 15;
const { values } = parseArgs({ options: { records: { type: 'string', default: '1000000' } } });
const records = Number(values.records);

async function* texts(directory: string): AsyncGenerator<string> {
  const tables = await openTables(directory);
  try {
    const { rows } = await tables.query('SELECT raw_data FROM events UNION ALL SELECT raw FROM dead_letters');
    for await (const [text] of rows) yield String(text);
  } finally {
    await tables.close();
  }
}

/** Peak resident memory in MiB; 0 once the process has gone. */
function peak({ pid }: ChildProcess): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const directory = await mkdtemp(join(tmpdir(), 'million-'));
const now = Date.now();
const tenant = await spawnTenant({
  seed: 5,
  records,
  from: now - 89 * DAY,
  to: now + 3_600_000,
  people: 2_000,
  trouble: { ties: 0.03 },
});
const env = {
  ...process.env,
  FEED_NAME: 'million',
  JUMPCLOUD_BASE_URL: tenant.baseUrl,
  JUMPCLOUD_API_KEY: tenant.apiKey,
  JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
  POLL_START: '1h',
  POLL_INTERVAL: `${INTERVAL_S}s`,
  POLL_REQUESTS_PER_SECOND: '50',
  TABLES_DIRECTORY: directory,
  HTTP_ENABLED: 'false',
  LOG_FORMAT: 'json',
};
const start = (...args: string[]) =>
  spawn(process.execPath, ['dist/collector/cli.js', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });

const live = start('run');
const peaks = { live: 0, backfill: 0 };
let longestLag = 0;
let child: ChildProcess | undefined;
const watching = setInterval(async () => {
  peaks.live = Math.max(peaks.live, peak(live));
  if (child) peaks.backfill = Math.max(peaks.backfill, peak(child));
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const file = names.find((name) => name.includes('.state') && name.endsWith('live.json'));
  if (file === undefined) return;
  const text = await readFile(join(directory, file), 'utf8').catch(() => '');
  const committedAt = /"committedAt":"([^"]+)"/.exec(text)?.[1];
  if (committedAt) longestLag = Math.max(longestLag, (Date.now() - Date.parse(committedAt)) / 1000);
}, 250);

await sleep(8_000);
const range = ['--from', new Date(now - 89 * DAY).toISOString(), '--to', new Date(now).toISOString()];
const begun = performance.now();
child = start('backfill', ...range);
await sleep(Math.max(10_000, records / 50));
child.kill('SIGKILL');
await once(child, 'exit');
child = start('backfill', ...range);
const [code] = await once(child, 'exit');
const seconds = (performance.now() - begun) / 1000;
await sleep(2 * INTERVAL_S * 1000);
live.kill('SIGTERM');
await once(live, 'exit');
clearInterval(watching);
const until = Date.now() - 3 * INTERVAL_S * 1000;
const found = await tenant.compare(texts(directory), { until, redacted: true });
await tenant.close();
await rm(directory, { recursive: true, force: true });
const { expected, missing, repeated, unknown } = found;
process.stdout.write(
  `${JSON.stringify({ records, code, seconds: Math.round(seconds), peakMiB: peaks, longestLag, interval: INTERVAL_S, expected, missing, repeated, unknown })}\n`,
);
process.exitCode =
  code === 0 && found.equal && longestLag <= 2 * INTERVAL_S && Math.max(peaks.live, peaks.backfill) <= 256 ? 0 : 1;
