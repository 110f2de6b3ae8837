/**
 * A backfill beside a live feed, as two collectors over the same tables: the backfill's time and processor time per record for
 * a tenth of the records and for all, both collectors' peak resident memory (VmHWM), and the live feed's largest lag
 * meanwhile, in intervals. Prints one JSON line.
 *
 *     npm run bench:backfill -- [records]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { collecting, runCommand } from './command.js';

const DAY = 86_400_000;
const INTERVAL_SECONDS = 60;
const records = Number(process.argv[2] ?? 1_000_000);

const now = Date.now();
const tenant = await spawnTenant({ seed: 5, records, from: now - 10 * DAY, to: now - 3_600_000 });
const directory = await mkdtemp(join(tmpdir(), 'bench-backfill-'));
const env = {
  ...collecting(tenant, '1h'),
  TABLES_DIRECTORY: directory,
  POLL_INTERVAL: `${INTERVAL_SECONDS}s`,
};
const live = spawn(process.execPath, ['dist/collector/cli.js', 'run'], {
  stdio: ['ignore', 'ignore', 'pipe'],
  env: { PATH: process.env.PATH, ...env, HTTP_PORT: '0' },
});
const address = await new Promise<string>((resolve, reject) => {
  live.once('exit', (code) => reject(new Error(`the live feed ended with ${code}`)));
  createInterface(live.stderr).on('line', (line) => {
    const said = /(http:\/\/127\.0\.0\.1:\d+)/.exec(/status on .*/.exec(line)?.[0] ?? '')?.[1];
    if (said !== undefined) resolve(said);
  });
});
/** Seconds; undefined before its first commit, and where the collector just ended the connection. */
async function lag(): Promise<number | undefined> {
  const text = await fetch(`${address}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  );
  const found = /^jumpcloud_ocsf_lag_seconds\{[^}]*lane="live"\} (\S+)/m.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
while (((await lag()) ?? Number.POSITIVE_INFINITY) > INTERVAL_SECONDS) await sleep(1_000);
let mostLag = 0;
const watch = setInterval(async () => {
  mostLag = Math.max(mostLag, (await lag()) ?? 0);
}, 1_000);

/** Records and processor seconds of a backfill over these days before now. */
async function fill(from: number, to: number) {
  const before = await rows();
  const range = ['--from', new Date(from).toISOString(), '--to', new Date(to).toISOString()];
  const { seconds, cpuSeconds, peakMiB } = await runCommand(['backfill', ...range], env);
  const filled = (await rows()) - before;
  return { filled, seconds, microseconds: Math.round((cpuSeconds / filled) * 1e6), peakMiB: Math.round(peakMiB) };
}

async function rows(): Promise<number> {
  const files = [...(await readTables(directory)).values()].flatMap((table) => table.files);
  return files.reduce((sum, file) => sum + file.rows, 0);
}

const tenth = await fill(now - 10 * DAY, now - 9 * DAY);
const rest = await fill(now - 9 * DAY, now - 3_600_000);
clearInterval(watch);
const status = await readFile(`/proc/${live.pid}/status`, 'utf8');
live.removeAllListeners('exit');
live.kill('SIGTERM');
await once(live, 'exit');
await tenant.close();
await rm(directory, { recursive: true });
process.stdout.write(
  `${JSON.stringify({
    bench: 'backfill',
    records: tenth.filled + rest.filled,
    recordsPerSecond: Math.round(rest.filled / rest.seconds),
    microsecondsPerRecord: { ofTheTenth: tenth.microseconds, ofTheRest: rest.microseconds },
    peakResidentMiB: {
      backfill: Math.max(tenth.peakMiB, rest.peakMiB),
      live: Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024),
    },
    mostLagIntervals: Number((mostLag / INTERVAL_SECONDS).toFixed(1)),
  })}\n`,
);
