/**
 * Many feeds in one process, each of an organization with a thousand records per day on average (on a Sunday a third), into tables of one directory: after
 * they have caught up with a day, the collector's processor time and resident memory over some minutes as the system counts
 * them, and the size of `/status` and `/metrics`. With a number of users, each organization has a directory, which each feed
 * reads from the beginning on (S5): how long until all are whole, and how far the polls are behind meanwhile. Prints one JSON line.
 *
 *     npm run bench:feeds -- [feeds] [minutes] [users]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTables } from '../../collector/query/open-tables.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { TICKS } from './command.js';

const DAY = 86_400_000;
const MINUTE = 60_000;
const RECORDS_PER_DAY = 1_000;
const feeds = Number(process.argv[2] ?? 100);
const minutes = Number(process.argv[3] ?? 10);
const users = Number(process.argv[4] ?? 0);

const now = Date.now();
const groups = Math.ceil(users / 20);
const directory = { users, groups, memberships: 5 * users, applications: 8, administrators: 5 };
const records = { from: now - DAY, to: now + DAY, records: 2 * RECORDS_PER_DAY };
const span = users === 0 ? records : { ...records, directory };
const organization = (number: number) => `5f2e${number.toString(16).padStart(20, '0')}`;
const [first, ...organizations] = Array.from({ length: feeds }, (_, number) => ({
  ...span,
  organization: organization(number),
}));
const tenant = await spawnTenant({ seed: 11, ...first, organizations });
const home = await mkdtemp(join(tmpdir(), 'bench-feeds-'));
const config = {
  http: { port: 0 },
  jumpcloud: { baseUrl: tenant.baseUrl, eventTypes: ['login', 'admin', 'other'] },
  poll: { start: '1d', interval: '60s', requestsPerSecond: 1_000 },
  tables: { directory: join(home, 'tables') },
  ...(users === 0 ? {} : { inventory: { interval: '1h', directory: join(home, 'inventory') } }),
  feeds: tenant.organizations.map((orgId, number) => ({ name: `feed-${number}`, jumpcloud: { orgId } })),
};
await writeFile(join(home, 'config.yaml'), JSON.stringify(config));

const started = performance.now();
const child = spawn(process.execPath, ['dist/collector/cli.js', 'run', '--config', join(home, 'config.yaml')], {
  stdio: ['ignore', 'ignore', 'pipe'],
  env: { PATH: process.env.PATH, JUMPCLOUD_API_KEY: tenant.apiKey },
});
const address = await new Promise<string>((resolve, reject) => {
  child.once('exit', (code) => reject(new Error(`the collector ended with ${code}`)));
  createInterface(child.stderr).on('line', (line) => {
    const said = /status on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (said !== undefined) resolve(said);
    if (/"level":"error"/.test(line)) process.stderr.write(`${line}\n`);
  });
});
/** Asks once more where the collector ends a connection that was kept, just then. */
const textOf = async (path: string) => {
  const ask = async () => (await fetch(`${address}${path}`)).text();
  return ask().catch(ask);
};
/** Seconds by which each feed's position is behind; none before its first commit. */
const lags = async () =>
  [...(await textOf('/metrics')).matchAll(/^jumpcloud_ocsf_lag_seconds\{[^}]*lane="live"\} (\S+)/gm)].map(([, lag]) =>
    Number(lag),
  );
for (let behind = await lags(); behind.length < feeds || Math.max(...behind) > 180; behind = await lags())
  await sleep(1_000);
const secondsTo = () => Math.round((performance.now() - started) / 1_000);
const caughtUp = secondsTo();

/** Of the collector's process; processor time with that of the processes it started and that have ended. */
async function usage(): Promise<{ cpuSeconds: number; rssMiB: number; peakMiB: number; descriptors: number }> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
  const times = stat.split(') ')[1]!.split(' ').slice(11, 15).map(Number);
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return {
    cpuSeconds: times.reduce((sum, ticks) => sum + ticks, 0) / TICKS,
    rssMiB: mebibytes('VmRSS'),
    peakMiB: mebibytes('VmHWM'),
    descriptors: (await readdir(`/proc/${child.pid}/fd`)).length,
  };
}

let mostBehind = 0;
if (users > 0)
  for (const whole = /^jumpcloud_ocsf_inventory_complete_timestamp_seconds\{[^}]*stage="assignments"\}/gm; ; ) {
    if (((await textOf('/metrics')).match(whole) ?? []).length === feeds) break;
    mostBehind = Math.max(mostBehind, ...(await lags()));
    await sleep(1_000);
  }
const inventoriesWhole = secondsTo();
// The first turns of reconciliation and of the tables' maintenance pass.
await sleep(2 * MINUTE);
const before = await usage();
let mostMiB = before.rssMiB;
const measured = performance.now();
while (performance.now() - measured < minutes * MINUTE) {
  await sleep(1_000);
  mostMiB = Math.max(mostMiB, (await usage()).rssMiB);
}
const after = await usage();
const seconds = (performance.now() - measured) / 1_000;
const [status, metrics] = [await textOf('/status'), await textOf('/metrics')];
child.removeAllListeners('exit');
child.kill('SIGTERM');
const [code] = await once(child, 'exit');
if (code !== 0) throw new Error(`the collector ended with ${code}`);
const tables = await openTables(config.tables.directory);
let counted: number[] = [];
for await (const row of (await tables.query('SELECT count(*), count(DISTINCT metadata.uid) FROM events')).rows)
  counted = row.map(Number);
await tables.close();
const files = (await readdir(config.tables.directory, { recursive: true })).filter((name) => name.endsWith('.parquet'));
await tenant.close();
await rm(home, { recursive: true });
process.stdout.write(
  `${JSON.stringify({
    bench: 'feeds',
    feeds,
    minutes,
    events: counted,
    files: files.length,
    secondsToCatchUp: caughtUp,
    ...(users === 0
      ? {}
      : { users, secondsToInventories: inventoriesWhole, mostBehindMeanwhile: Math.round(mostBehind) }),
    peakResidentMiB: Math.round(after.peakMiB),
    mostResidentMiB: Math.round(mostMiB),
    shareOfACore: Number(((after.cpuSeconds - before.cpuSeconds) / seconds).toFixed(4)),
    descriptors: after.descriptors,
    statusKiB: Math.round(status.length / 1024),
    metricsKiB: Math.round(metrics.length / 1024),
  })}\n`,
);
