/**
 * Collects from a tenant in another process while faults strike at random, then compares with its ledger:
 *
 *     npm run soak -- --hours 4 --seed 7 --speed 3
 *
 * Prints a line every ten minutes and a verdict; exits 1 where a record is missing or repeated, or where memory or open
 * handles grow. `--hours` are hours of the tenant's clock in which records come and faults strike; two more follow in which
 * what is late becomes visible. With `--speed 3` they all pass in a third of the time.
 */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { asCollectorError } from '../../collector/errors.js';
import { systemTiming, type Timing } from '../../collector/jumpcloud/http/abort.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import { openTables } from '../../collector/query/open-tables.js';
import type { LaneObserver } from '../../collector/reconcile/observer.js';
import { assemble } from '../../collector/runtime/assemble.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { settableClock } from '../../fixtures/tenant/clock.js';
import type { Effect, Fault } from '../../fixtures/tenant/faults.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    speed: { type: 'string', default: '1' },
    'per-hour': { type: 'string', default: '5000' },
  },
});
const hours = Number(values.hours);
const seed = Number(values.seed);
const speed = Number(values.speed);

/** What may befall a request, each with how often it strikes before it is spent. */
const effects: readonly Effect[] = [
  { kind: 'status', status: 429, headers: { 'Retry-After': '3' } },
  { kind: 'status', status: 500 },
  { kind: 'html', status: 502 },
  { kind: 'reset', at: 'mid_body' },
  { kind: 'reset', at: 'before_headers' },
  { kind: 'body', form: 'truncated' },
  { kind: 'body', form: 'gzip_cut' },
  { kind: 'body', form: 'object' },
  { kind: 'delay', ms: 1_500 },
  { kind: 'cursor', form: 'missing' },
  { kind: 'reversed' },
  { kind: 'repeated_page' },
  { kind: 'insert', count: 5 },
  { kind: 'date', skew: 3_600_000 },
];

let state = seed >>> 0 || 1;
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};

interface Sample {
  readonly minute: number;
  /** Bytes. */
  readonly rss: number;
  /** Bytes of JavaScript objects that are alive. */
  readonly heap: number;
  readonly handles: number;
}

/** Bytes (or handles) an hour by least squares. */
function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((sum, one) => sum + value(one), 0) / samples.length;
  const x = mean(({ minute }) => minute);
  const y = mean(of);
  const spread = samples.reduce((sum, one) => sum + (one.minute - x) ** 2, 0);
  return spread === 0 ? 0 : (60 * samples.reduce((sum, one) => sum + (one.minute - x) * (of(one) - y), 0)) / spread;
}

/**
 * The lowest sample of each twelfth: what a commit or a merge takes for its time and gives back is no growth, what is
 * never given back raises the floor.
 */
function floorsOf(samples: readonly Sample[]): Sample[] {
  const width = Math.max(1, Math.floor(samples.length / 12));
  const floors: Sample[] = [];
  for (let at = 0; at + width <= samples.length; at += width) {
    floors.push(samples.slice(at, at + width).reduce((lowest, one) => (one.rss < lowest.rss ? one : lowest)));
  }
  return floors;
}

/** Bytes in use once what is no longer needed is gone. */
function memory(): Pick<Sample, 'rss' | 'heap'> {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

function inMebibytes({ rss, heap, ...sample }: Sample) {
  const mebibytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10;
  return { ...sample, rssMiB: mebibytes(rss), heapMiB: mebibytes(heap) };
}

async function* texts(directory: string): AsyncGenerator<string> {
  const tables = await openTables(directory);
  try {
    const { rows } = await tables.query('SELECT raw_data FROM events UNION ALL SELECT raw FROM dead_letters');
    for await (const [text] of rows) yield String(text);
  } finally {
    await tables.close();
  }
}

async function soak(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'soak-'));
  const startedAt = Date.now();
  const clock = settableClock(startedAt, speed);
  const tenant = await spawnTenant({
    seed,
    records: Math.round(Number(values['per-hour']) * (hours + 2)),
    from: startedAt - 2 * HOUR,
    to: startedAt + hours * HOUR,
    clock: { start: startedAt, speed },
    trouble: {
      late: { share: 0.03, minDelay: 1_000, maxDelay: 100 * MINUTE },
      ties: 0.05,
      future: { share: 0.0005 },
      malformed: { share: 0.001, kinds: ['timestamp_unreadable', 'nested_200', 'proto_key', 'id_number'] },
      unknown: { share: 0.003 },
    },
  });
  const timing: Timing = {
    ...systemTiming,
    now: clock.now,
    monotonic: () => performance.now() * speed,
    sleep: (ms, signal) => systemTiming.sleep(ms / speed, signal),
  };
  const sink = createTablesSink({ directory, feed: 'soak', clock: timing });
  const config = loadConfig({
    env: {
      FEED_NAME: 'soak',
      JUMPCLOUD_BASE_URL: tenant.baseUrl,
      JUMPCLOUD_API_KEY: tenant.apiKey,
      JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
      POLL_START: '3h',
      POLL_INTERVAL: '30s',
      POLL_REQUESTS_PER_SECOND: '20',
      TABLES_DIRECTORY: directory,
    },
    readFile: readFileFromDisk,
  }).feeds[0]!;
  const counts = { polls: 0, failures: 0, found: 0, late: 0, faults: 0 };
  const nothing = () => undefined;
  const observer: LaneObserver = (event) => {
    if (event.type === 'committed') counts.late += event.lateness.length;
    if (event.type === 'caughtUp') counts.polls += 1;
    if (event.type === 'failed') counts.failures += 1;
    if (event.type === 'reconciled') counts.found += event.report.found;
  };
  const assembled = assemble(config, { sink, timing, observer, clientObserver: {}, onKeyWarning: nothing });
  // The tenant's records name services of its own making as well.
  const settings = { ...assembled.settings, services: ['all'] };
  const stop = new AbortController();
  const running = runFeed(settings, assembled.parts, { once: false, signal: stop.signal });
  running.catch((error) => process.stderr.write(`the feed ended: ${asCollectorError(error).message}\n`));

  const samples: Sample[] = [];
  for (let minute = 1; minute <= hours * 60; minute += 1) {
    await sleep(MINUTE / speed);
    if (minute < hours * 60 - 10 && random() < 0.5) {
      const effect = effects[Math.floor(random() * effects.length)]!;
      const fault: Fault = { when: { rate: 0.5, times: 1 + Math.floor(random() * 4) }, effect };
      await tenant.order('script', [fault]);
      counts.faults += 1;
    }
    const sample = { minute, ...memory(), handles: readdirSync('/proc/self/fd').length };
    samples.push(sample);
    if (minute % 10 === 0) process.stdout.write(`${JSON.stringify({ ...inMebibytes(sample), ...counts })}\n`);
  }
  // Everything late has become visible two hours after the end; reconciliation comes within ten minutes of that.
  await tenant.order('clearScript', null);
  await sleep((2 * HOUR) / speed);
  stop.abort();
  await running;
  assembled.client.close();
  await sink.close();
  const found = await tenant.compare(texts(directory), { redacted: true });
  await tenant.close();
  await rm(directory, { recursive: true, force: true });

  const settled = samples.slice(Math.floor(samples.length / 3));
  const growth = {
    rssMiBPerHour: slope(floorsOf(settled), ({ rss }) => rss) / 2 ** 20,
    heapMiBPerHour: slope(settled, ({ heap }) => heap) / 2 ** 20,
    handlesPerHour: slope(settled, ({ handles }) => handles),
  };
  const { expected, missing, repeated, unknown } = found;
  const perHourLimit = 8 / Math.max(1, hours / 2);
  const { rssMiBPerHour, heapMiBPerHour, handlesPerHour } = growth;
  const steady = hours < 1 || (rssMiBPerHour < perHourLimit && heapMiBPerHour < perHourLimit / 2 && handlesPerHour < 1);
  process.stdout.write(
    `${JSON.stringify({ seed, hours, expected, missing, repeated, unknown, ...growth, ...counts })}\n`,
  );
  if (!found.equal) process.stdout.write(`${JSON.stringify(found.examples, null, 1)}\n`);
  return found.equal && steady;
}

process.stdout.write(`seed ${seed}: repeat with --hours ${hours} --seed ${seed} --speed ${speed}\n`);
const isWell = await soak();
process.stdout.write(isWell ? 'equal, and steady\n' : 'NOT WELL\n');
process.exitCode = isWell ? 0 : 1;
