/**
 * A simulated tenant to stdout and into tables, end to end, each in a process of its own: records per second, the processor time
 * of the collector against that of `map` over the same records, time against the same pages read and thrown away, and
 * the peak resident memory (VmHWM) as the system counts it. Prints one JSON line per sink.
 *
 *     npm run bench:collect -- [records]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../collector/jumpcloud/client.js';
import { openTables } from '../../collector/query/open-tables.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { collecting, mapCpuSeconds, runCommand } from './command.js';

const records = Number(process.argv[2] ?? 200_000);
const to = Date.now();
const story = { seed: 5, records, from: to - 7 * 86_400_000, to };
const tenant = await spawnTenant(story);
const home = await mkdtemp(join(tmpdir(), 'bench-collect-'));

/** Seconds to read every page with the collector's own client and do nothing with it. */
async function drain(): Promise<number> {
  const client = createClient({
    baseUrl: tenant.baseUrl,
    secret: { value: tenant.apiKey, where: 'the tenant' },
    pageSize: 1000,
    requestsPerSecond: 1000,
  });
  const started = performance.now();
  const start = Math.floor(story.from / 1000);
  for await (const page of client.pages({ services: servicesFor(['login', 'admin', 'other']), start })) void page;
  client.close();
  return (performance.now() - started) / 1000;
}

/** Events in the tables, and how many uids they have. */
async function counted(directory: string): Promise<number[]> {
  const tables = await openTables(directory);
  const { rows } = await tables.query('SELECT count(*), count(DISTINCT metadata.uid) FROM events');
  let numbers: number[] = [];
  for await (const row of rows) numbers = row.map(Number);
  await tables.close();
  return numbers;
}

const round = (value: number, digits = 0) => Number(value.toFixed(digits));
const mapSeconds = await mapCpuSeconds(story, home);
const drained = await drain();
const directory = join(home, 'tables');
const sinks = {
  stdout: { SINK: 'stdout', STATE_DIRECTORY: join(home, 'state') },
  tables: { TABLES_DIRECTORY: directory },
};
for (const [sink, env] of Object.entries(sinks)) {
  const run = await runCommand(['run', '--once'], { ...collecting(tenant, '8d'), ...env }, { stdout: '/dev/null' });
  const figures = {
    bench: sink,
    records,
    ...(sink === 'tables' && { events: await counted(directory) }),
    seconds: round(run.seconds, 1),
    recordsPerSecond: round(records / run.seconds),
    cpuSeconds: round(run.cpuSeconds, 1),
    ratioToMap: round(mapSeconds / run.cpuSeconds, 3),
    ratioToReadingAlone: round(drained / run.seconds, 3),
    peakResidentMiB: round(run.peakMiB),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
await rm(home, { recursive: true });
await tenant.close();
