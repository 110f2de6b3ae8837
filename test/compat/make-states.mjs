// Writes what stands in states/: `node test/compat/make-states.mjs DIRECTORY`, where DIRECTORY holds commit 58d70d4 with
// its dist/ built. That build collects the history; this file only starts it, kills it, and keeps what it left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const build = resolve(process.argv[2] ?? '');
const load = (path) => import(pathToFileURL(join(build, 'dist', path)).href);
const states = fileURLToPath(new URL('states/', import.meta.url));

/** What is compared in tests is rebound to the address that their tenant listens on. */
const ADDRESS = 'http://127.0.0.1:8484/insights/directory/v1';
const ORGANIZATION = '5f1e00000000000000000058';
const FIRST_STOP = Date.parse('2026-09-19T10:00:00Z');
const SECOND_STOP = Date.parse('2026-09-19T10:20:00Z');
const END = Date.parse('2026-09-20T12:00:00Z');
const RANGE = ['--from', '2026-09-15', '--to', '2026-09-18'];

if (process.argv[3] === 'tables-child') await dieInCommit(JSON.parse(process.argv[4]));
else await make();

async function make() {
  rmSync(states, { recursive: true, force: true });
  mkdirSync(states, { recursive: true });
  await writeHistory();
  for (const kind of ['tables', 'stdout', 'kafka']) await collect(kind);
}

/** The tenant's records, one JSON line each: text, what a search names to find it, where it stands, when it is shown. */
async function writeHistory() {
  const { startTenant } = await load('fixtures/tenant/tenant.js');
  const { servicesFor } = await load('mappings/catalogue.js');
  const services = new Set(servicesFor(['login', 'admin', 'other']));
  const trouble = {
    ties: 0.05,
    late: { share: 0.15, minDelay: 60_000, maxDelay: 20 * 60_000 },
    malformed: { share: 0.05 },
    unknown: { share: 0.03 },
  };
  const lines = [];
  for (const [seed, records, from, to] of [
    [1, 110, Date.parse('2026-09-15T00:00:00Z'), END],
    [2, 60, FIRST_STOP - 3_600_000, SECOND_STOP + 1_800_000],
  ]) {
    const tenant = await startTenant({ seed, records, from, to, now: () => END, organization: ORGANIZATION, trouble });
    for (const { number, service, instant, visibleAt } of tenant.ledger.entries(Number.MAX_SAFE_INTEGER)) {
      // No search asks for a service that nobody has documented.
      if (!services.has(service)) continue;
      lines.push(JSON.stringify({ text: tenant.ledger.text(number), service, at: Date.parse(instant), visibleAt }));
    }
    await tenant.close();
  }
  writeFileSync(join(states, 'history.ndjson.gz'), gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
}

/** A tenant with that history at the fixed address, whose clock is set by hand. */
async function tenantOfHistory() {
  const { startTenant } = await load('fixtures/tenant/tenant.js');
  const clock = { now: FIRST_STOP };
  const tenant = await startTenant({ port: 8484, organization: ORGANIZATION, records: 0, now: () => clock.now });
  for (const line of gunzipSync(readFileSync(join(states, 'history.ndjson.gz')))
    .toString()
    .trimEnd()
    .split('\n')) {
    const { text, ...when } = JSON.parse(line);
    tenant.add(text, when);
  }
  return { tenant, clock };
}

async function collect(kind) {
  const { tenant, clock } = await tenantOfHistory();
  const cwd = mkdtempSync(join(tmpdir(), 'states-'));
  const cluster = kind === 'kafka' ? await (await load('test/kafka/broker.js')).startCluster() : undefined;
  const env = {
    PATH: process.env.PATH,
    HOME: cwd,
    FEED_NAME: 'acme',
    JUMPCLOUD_BASE_URL: ADDRESS,
    JUMPCLOUD_API_KEY: tenant.apiKey,
    JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
    POLL_START: '2026-09-18T00:00:00Z',
    POLL_PAGE_SIZE: '40',
    POLL_REQUESTS_PER_SECOND: '1000',
    HTTP_ENABLED: 'false',
    LOG_LEVEL: 'debug',
    SINK: kind,
    TABLES_DIRECTORY: 'tables',
    STATE_DIRECTORY: 'state',
    ...(cluster && { KAFKA_BROKERS: cluster.brokers.join(','), KAFKA_COMPRESSION: 'none' }),
  };
  try {
    let lines = await runAndKill(['run'], { cwd, env }, (err) => err.includes('caught up; next poll'));
    // Without counts a backfill goes day by day; the last day's answer never comes, so that the kill falls between commits.
    const lastDay = ({ body }) => body.start_time === '2026-09-17T00:00:00Z';
    tenant.script([
      { when: { route: 'count' }, effect: { kind: 'status', status: 400 } },
      { when: { match: lastDay }, effect: { kind: 'hang' } },
    ]);
    lines += await runAndKill(['backfill', ...RANGE], { cwd, env }, (err) => err.includes('"committed"'));
    tenant.clearScript();
    clock.now = SECOND_STOP;
    if (kind === 'tables') {
      await runAndKill(['tables-child', JSON.stringify(env)], { cwd, env }, () => false, [
        fileURLToPath(import.meta.url),
        build,
      ]);
      cpSync(join(cwd, 'tables'), join(states, 'tables'), {
        recursive: true,
        filter: (name) => !name.endsWith('.lock'),
      });
    }
    if (kind === 'stdout') {
      const files = (name) => !name.endsWith('.lock');
      cpSync(join(cwd, 'state'), join(states, 'stdout', 'state'), { recursive: true, filter: files });
      writeFileSync(join(states, 'stdout', 'lines.ndjson.gz'), gzipSync(lines, { level: 9 }));
    }
    if (cluster) await dumpTopics(cluster);
  } finally {
    await cluster?.stop();
    await tenant.close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** Runs the built command until its log says so, then kills it; gives its standard output. */
async function runAndKill(args, options, until, program = [join(build, 'dist/collector/cli.js')]) {
  const child = spawn(process.execPath, [...program, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
    if (until(err)) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`it ended by itself:\n${err}`);
  return out;
}

/** Goes on with the live lane of the tables and dies after a commit's files and before its commit point. */
async function dieInCommit(env) {
  const { loadConfig, readFileFromDisk } = await load('collector/config.js');
  const { systemTiming } = await load('collector/jumpcloud/timing.js');
  const { createLog } = await load('collector/log.js');
  const { tellClient, tellFeed } = await load('collector/tell.js');
  const { runFeed } = await load('collector/feed.js');
  const { assemble } = await load('collector/assemble.js');
  const { createTablesSink } = await load('collector/sinks/tables/tables.js');
  const config = loadConfig({ env, readFile: readFileFromDisk }).feeds[0];
  const log = createLog({ level: 'debug', format: 'json' });
  const sink = createTablesSink({
    directory: 'tables',
    feed: config.name,
    checkpoint: async (step) => {
      if (step === 'commit:state') process.kill(process.pid, 'SIGKILL');
    },
  });
  const { settings, parts } = assemble(config, {
    sink,
    timing: systemTiming,
    observer: tellFeed(log),
    clientObserver: tellClient(log),
    onKeyWarning: () => undefined,
  });
  await runFeed(settings, parts, { once: true, signal: new AbortController().signal });
}

/** Every committed record of every topic; values as base64 where they are not text. */
async function dumpTopics(cluster) {
  const { readCommitted } = await load('test/kafka/read-committed.js');
  const admin = await cluster.admin();
  const lines = [];
  for (const topic of (await admin.listTopics()).filter((name) => !name.startsWith('__')).sort()) {
    const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
    lines.push({ topic, partitions: partitions.length });
    for (const { partition, offset, key, value, headers } of await readCommitted(cluster, topic)) {
      const body = key?.includes('|seen|') ? { base64: value?.toString('base64') } : { value: anonymous(key, value) };
      lines.push({ topic, partition, offset: Number(offset), key, ...body, headers });
    }
  }
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  writeFileSync(join(states, 'kafka.ndjson.gz'), gzipSync(text, { level: 9 }));
}

/** A lease names the machine that it was made on. */
function anonymous(key, value) {
  const text = value?.toString('utf8');
  if (!key?.endsWith('|lease')) return text;
  const lease = JSON.parse(text);
  return JSON.stringify({ ...lease, holder: { host: 'collector.example.test', pid: lease.holder.pid } });
}
