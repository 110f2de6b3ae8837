import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sendNotices } from '../../fixtures/tenant/alerts/sender.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { compareSets, deliveredUids, freePort, SECRET, startCollector, uidOf } from './running-collector.js';

// Load on the receiver of the built command, over tables: `npm run load:webhook -- --rate 50 --seconds 600`. Prints what
// was answered, how fast, the most resident memory, and whether what was acknowledged is delivered, each once.

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '600' },
    concurrency: { type: 'string', default: '32' },
    retries: { type: 'string', default: '3' },
  },
});
const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
const directory = await mkdtemp(join(tmpdir(), 'webhook-load-'));
// The list of alerts shows nothing: what is delivered came by webhook alone.
const tenant = await startTenant({ records: 2_000 });
const alerts = tenant.alerts;
for (let index = 0; index < rate * seconds; index += 1) alerts.raise();
const { notices } = alerts;
alerts.alerts.length = 0;
const collector = startCollector(tenant, directory, await freePort());
await collector.ready;
let most = 0;
const sampling = setInterval(() => {
  most = Math.max(most, collector.residentMiB() ?? 0);
}, 500);
const began = performance.now();
const sent = await sendNotices(notices, {
  url: collector.url,
  headers: { authorization: `Bearer ${SECRET}` },
  perSecond: rate,
  concurrency: Number(values.concurrency),
  retries: Number(values.retries),
});
const took = (performance.now() - began) / 1_000;
clearInterval(sampling);
collector.child.kill('SIGTERM');
await collector.ended;
const statuses: Record<string, number> = {};
for (const { statuses: each } of sent) for (const status of each) statuses[status] = (statuses[status] ?? 0) + 1;
const times = sent.flatMap(({ ms }) => ms).sort((a, b) => a - b);
const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0);
const acknowledged = sent.filter((one) => one.acknowledged).map(({ notice }) => uidOf(notice));
const result = {
  ...{ rate, seconds: Math.round(took), sent: sent.length, acknowledged: acknowledged.length, statuses },
  answerMs: { p50: at(0.5), p99: at(0.99), most: at(1) },
  residentMiB: Math.round(most),
  delivered: compareSets(acknowledged, await deliveredUids(directory)),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await tenant.close();
await rm(directory, { recursive: true });
process.exitCode = result.delivered.missing + result.delivered.twice === 0 ? 0 : 1;
