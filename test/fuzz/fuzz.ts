/**
 * `npm run fuzz [minutes] [seed]`: the built collector against a hostile upstream, hostile records and a hostile port, and
 * statements against tables. Ends with 1 where it crashes, grows, loses or repeats a record, gives out what is secret, or a
 * statement changes a byte.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTables } from '../../collector/query/open-tables.js';
import { fuzzQuery, SeededRandom } from '../query/fuzz-run.js';
import { HostileUpstream } from './hostile-upstream.js';
import { hostileRecord, planted } from './hostile-values.js';

const minutes = Number(process.argv[2] ?? 20);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const cli = fileURLToPath(new URL('../../collector/cli.js', import.meta.url));
const key = 'jca_FUZZKEY0123456789abcdef';
const token = 'fuzz-token-0123456789abcdef';
const home = mkdtempSync(join(tmpdir(), 'fuzz-'));
const pick = new SeededRandom(seed);
const upstream = new HostileUpstream(new SeededRandom(seed + 1), key);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (line: string) => process.stdout.write(`${line}\n`);
const shots = { port: 0, statements: 0 };
let said = '';

say(`seed ${seed}, ${minutes} minutes`);
const origin = await upstream.listen();
const { child, address } = await startCollector();
const memory: number[] = [];
const until = performance.now() + minutes * 60_000;
let number = 0;
let failure: unknown;
try {
  for (let round = 1; performance.now() < until; round += 1) {
    upstream.hostility = 30;
    const end = Math.min(performance.now() + 45_000, until);
    for (let turn = 0; performance.now() < end; turn += 1) {
      addRecords(1 + pick.below(20));
      for (let shot = 0; shot < 40; shot += 1) await shoot();
      if (turn % 5 === 0) await fuzzStatements();
      await pause(200);
      alive();
    }
    upstream.hostility = 0;
    await caughtUp(round);
  }
  const grown = memory.length < 6 ? 1 : Math.max(...memory.slice(-3)) / Math.max(...memory.slice(1, 4));
  say(`resident memory in MiB, a round each: ${memory.join(' ')}`);
  if (grown > 1.5) throw new Error(`resident memory grew by ${grown.toFixed(2)}`);
  const spoilt = `${upstream.spoilt} of ${upstream.requests} answers were hostile`;
  say(`${number} records, each once; ${spoilt}; ${shots.port} shots at the port; ${shots.statements} statements`);
  say('no crash, no growth, no byte of the tables changed, nothing secret out');
} catch (error) {
  say(`seed ${seed}: ${error instanceof Error ? `${error.stack} ${String(error.cause ?? '')}` : String(error)}`);
  say(said.slice(-3_000));
  process.exitCode = 1;
} finally {
  child.kill('SIGTERM');
  upstream.close();
  await pause(1_000);
  rmSync(home, { recursive: true, force: true });
}

async function startCollector(): Promise<{ child: ChildProcess; address: string }> {
  const started = spawn(process.execPath, [cli, 'run'], {
    cwd: home,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      JUMPCLOUD_API_KEY: key,
      JUMPCLOUD_BASE_URL: `${origin}/insights/directory/v1`,
      JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
      SINK: 'tables',
      TABLES_DIRECTORY: join(home, 'tables'),
      POLL_INTERVAL: '5s',
      POLL_START: '1h',
      POLL_REQUESTS_PER_SECOND: '200',
      POLL_PAGE_SIZE: '50',
      RECONCILE_INTERVAL: '1m',
      HTTP_PORT: '0',
      HTTP_TOKEN: token,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'debug',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [started.stdout, started.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes(planted) || said.includes(key)) throw new Error(`seed ${seed}: a secret was logged`);
      said = said.slice(-20_000);
    });
  for (let tries = 0; tries < 600; tries += 1) {
    const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said.replaceAll(origin, ''));
    if (found) return { child: started, address: found[0] };
    await pause(100);
  }
  throw new Error(`it does not answer: ${said}`);
}

function alive(): void {
  if (child.exitCode !== null || child.signalCode !== null)
    throw new Error(`the collector ended with ${child.exitCode ?? child.signalCode}`);
}

function addRecords(count: number): void {
  for (let added = 0; added < count; added += 1) {
    number += 1;
    const ms = Date.now() - pick.below(60_000);
    const service = pick.of(['sso', 'directory', 'systems', 'radius', 'mdm']);
    const id = `fuzz-${number}`;
    const keep = { id, service, organization: 'o', timestamp: new Date(ms).toISOString() };
    upstream.add({ id, service, ms, text: JSON.stringify(hostileRecord(pick, keep)) });
  }
}

/** One request at the port, or what is none. */
async function shoot(): Promise<void> {
  shots.port += 1;
  const bytes = () => String.fromCharCode(...Array.from({ length: pick.below(300) }, () => pick.below(256)));
  const path = pick.of(['/repair', '/status', '/metrics', '/readyz', '/healthz', '/', `/${bytes()}`, '/%2e%2e/']);
  const head = (method: string, more: string) =>
    `${method} ${path} HTTP/1.1\r\nHost: ${pick.of(['127.0.0.1', 'evil.example', ''])}\r\n${more}\r\n`;
  const auth = pick.of(['', `Authorization: Bearer ${token}\r\n`, 'Authorization: Bearer x\r\n']);
  const size = pick.of([0, 1, 5_000, 262_144, 262_145, 400_000]);
  const request = pick.of([
    () => bytes(),
    () => head('GET', auth),
    () => head(pick.of(['PUT', 'TRACE', 'CONNECT', 'get', 'OPTIONS']), auth),
    () => `${head('POST', `${auth}Content-Type: application/json\r\nContent-Length: ${size}\r\n`)}${'a'.repeat(size)}`,
    () => `${head('POST', `${auth}Content-Length: ${size + 10}\r\n`)}${'{'.repeat(size)}`,
    () => `${head('POST', `${auth}Transfer-Encoding: chunked\r\n`)}${pick.of(['ffffffff', '5', 'zz'])}\r\n${bytes()}`,
    () => head('GET', `${auth}X: ${'y'.repeat(pick.below(20_000))}\r\n`),
    () => head('GET', auth).repeat(1 + pick.below(50)),
    () =>
      `${head('POST', `${auth}Content-Type: application/json\r\nContent-Length: 60\r\n`)}{"feed":"default","from":"${bytes().slice(0, 20)}`,
  ])();
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(new URL(address).port), '127.0.0.1', () => socket.write(request, 'latin1'));
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', () => undefined).on('close', () => resolve(text));
    setTimeout(() => socket.destroy(), 15);
  });
  if (answer.includes(planted) || answer.includes(key)) throw new Error('the port gave out a secret');
}

async function fuzzStatements(): Promise<void> {
  const place = join(home, `statements-${shots.statements}`);
  mkdirSync(place);
  const { answered, refused } = await fuzzQuery(place, pick.below(2 ** 31), (done) => done < 60);
  shots.statements += answered + refused;
  rmSync(place, { recursive: true });
}

/** The upstream is honest again: everything arrives, once, and without what is secret. */
async function caughtUp(round: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    alive();
    const { rows, ids, secret } = await delivered();
    if (rows === ids && ids === number) {
      if (secret > 0) throw new Error(`${secret} rows hold what was planted`);
      break;
    }
    if (rows > ids || tries > 600)
      throw new Error(`${number} records, ${rows} delivered, ${ids} of them different`, { cause: failure });
    await pause(500);
  }
  const scrape = { headers: { authorization: `Bearer ${token}` } };
  for (const path of ['/status', '/metrics']) {
    const text = await (await fetch(`${address}${path}`, scrape)).text();
    if (text.includes(planted) || text.includes(key)) throw new Error(`${path} gives out a secret`);
  }
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const resident = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  memory.push(resident);
  const files = readdirSync(`/proc/${child.pid}/fd`).length;
  if (files > 200) throw new Error(`${files} open files`);
  say(`round ${round}: ${number} records once, ${resident} MiB, ${files} open files, ${shots.port} shots`);
}

async function delivered(): Promise<{ rows: number; ids: number; secret: number }> {
  try {
    const tables = await openTables(join(home, 'tables'));
    try {
      const { rows } = await tables.query(
        `WITH held AS (SELECT metadata.uid AS uid, raw_data AS raw, CAST(e AS VARCHAR) AS text FROM events e WHERE raw_data LIKE '%fuzz-%' UNION ALL SELECT uid, raw, message FROM dead_letters)
         SELECT count(*), count(DISTINCT uid), count(*) FILTER (raw LIKE '%${planted}%' OR text LIKE '%${planted}%') FROM held`,
      );
      for await (const [all, ids, secret] of rows)
        return { rows: Number(all), ids: Number(ids), secret: Number(secret) };
    } finally {
      await tables.close();
    }
  } catch (error) {
    failure = error;
  }
  return { rows: -1, ids: -1, secret: 0 };
}
