/**
 * A simulated tenant into tables, end to end, each in a process of its own: time against the same pages read and thrown
 * away, and the collector's peak resident memory (VmHWM) as the system counts it. Prints one JSON line.
 *
 *     npm run bench:tables -- [records]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../collector/jumpcloud/client.js';
import { openTables } from '../../collector/query/open-tables.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { collecting, runCommand } from './command.js';

const records = Number(process.argv[2] ?? 200_000);
const tenant = await spawnTenant({ seed: 5, records });
const directory = await mkdtemp(join(tmpdir(), 'bench-tables-'));

/** Reads every page with the collector's own client and does nothing with it. */
async function drain(): Promise<number> {
  const client = createClient({
    baseUrl: tenant.baseUrl,
    secret: { value: tenant.apiKey, where: 'the tenant' },
    pageSize: 1000,
    requestsPerSecond: 1000,
  });
  const started = performance.now();
  const start = Math.floor(Date.now() / 1000) - 8 * 86_400;
  for await (const page of client.pages({ services: servicesFor(['login', 'admin', 'other']), start })) void page;
  client.close();
  return (performance.now() - started) / 1000;
}

const { seconds, peakMiB } = await runCommand(['run', '--once'], {
  ...collecting(tenant, '8d'),
  TABLES_DIRECTORY: directory,
});
const drained = await drain();
const tables = await openTables(directory);
let counted: unknown;
for await (const row of (await tables.query('SELECT count(*), count(DISTINCT metadata.uid) FROM events')).rows)
  counted = row.map(Number);
await tables.close();
await rm(directory, { recursive: true });
await tenant.close();
process.stdout.write(
  `${JSON.stringify({
    bench: 'tables',
    records,
    events: counted,
    seconds: Number(seconds.toFixed(1)),
    recordsPerSecond: Math.round(records / seconds),
    ratioToReadingAlone: Number((drained / seconds).toFixed(3)),
    peakResidentMiB: Math.round(peakMiB),
  })}\n`,
);
