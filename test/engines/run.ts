/**
 * Other engines read the tables by their logs while three lanes of two feeds commit and are killed, and the tables are
 * merged, checkpointed and vacuumed: no failure, no count that falls, no uid twice; in the end the same sums in all, in
 * Spark by what `tables ddl` prints, and the notebook of collector/query/ runs over them.
 *
 *     npm run test:engines -- [--seconds 60] [--kills 30]
 *
 * Installs requirements.txt into a Python virtual environment of its own (ENGINES_VENV), into which Spark fetches
 * delta-spark from Maven Central. Without Python it says so and ends with 0, without Java it says so and leaves out Spark;
 * with CI=true both end it with 1.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tablesDdl } from '../../collector/query/ddl.js';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import type { WriterOrder } from './writer-child.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, kills: { type: 'string', default: '30' } },
});
const here = fileURLToPath(new URL('../../../test/engines/', import.meta.url));
const writer = fileURLToPath(new URL('./writer-child.js', import.meta.url));
const program = join(here, 'read_tables.py');

/** The environment's Python; undefined where this machine has none. */
function python(): string | undefined {
  if (spawnSync('python3', ['-m', 'venv', '--help'], { stdio: 'ignore' }).status !== 0) return undefined;
  const requirements = join(here, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const environment = process.env.ENGINES_VENV ?? join(tmpdir(), `jumpcloud-ocsf-engines-${digest}`);
  const executable = join(environment, 'bin', 'python');
  if (!existsSync(join(environment, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', environment], { stdio: 'inherit' });
    execFileSync(executable, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], {
      stdio: 'inherit',
    });
    execFileSync('touch', [join(environment, 'ready')]);
  }
  return executable;
}

function sayNotDone(what: string): void {
  process.stdout.write(`engines: NOT DONE, ${what}\n`);
  if (process.env.CI === 'true') process.exit(1);
}

const engine = python();
if (engine === undefined) {
  sayNotDone('there is no Python 3 with venv');
  process.exit(0);
}
/** Spark takes longer than the others together, and has a process of its own. */
const groups = [['deltalake', 'polars', 'duckdb', 'datafusion', 'clickhouse'], ['spark']];
if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) {
  sayNotDone('Spark: there is no Java');
  groups.pop();
}

const directory = mkdtempSync(join(tmpdir(), 'engines-'));
const lanes: readonly WriterOrder[] = [
  { directory, feed: 'acme', lane: 'live', first: 0 },
  { directory, feed: 'other', lane: 'live', first: 100_000 },
  { directory, feed: 'acme', lane: 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z', first: 200_000 },
];
const children: ChildProcess[] = [];
const start = (order: WriterOrder) => {
  const child = spawn(process.execPath, [writer, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return { child, ended: once(child, 'exit'), hasWorked: once(child.stdout, 'data') };
};

/** Kills a writer, but not before it has committed (merged) once: however slow the machine is. */
async function kill({ child, ended, hasWorked }: ReturnType<typeof start>): Promise<void> {
  await Promise.race([hasWorked, ended]);
  if (child.exitCode !== null) throw new Error(`a writer ended by itself with ${child.exitCode}`);
  child.kill('SIGKILL');
  await ended;
}

/** Opens each lane, writes until it has so many batches, and ends it. */
async function write(until: number): Promise<void> {
  for (const order of lanes) {
    const [code] = await start({ ...order, until }).ended;
    if (code !== 0) throw new Error(`a lane was not opened: ${code}`);
  }
}

/** A process that reads with some engines; `next` is what it says next. */
function startReader(names: readonly string[]) {
  const child = spawn(engine!, [program, directory, ...names], { stdio: 'pipe' });
  children.push(child);
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  // Who has ended takes nothing more; `next` says so.
  child.stdin.on('error', () => {});
  const ended = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await lines.next();
    if (value !== undefined) return JSON.parse(value);
    await ended;
    throw new Error(`the reader of ${names} ended with ${child.exitCode}: ${complaints}`);
  };
  return { child, ended, next };
}

/** Longer than any machine has taken, the installation apart: what hangs must not hold whoever waits for it. */
const MOST_MINUTES = 15;
const deadline = setTimeout(() => {
  process.stderr.write(`engines: gave up after ${MOST_MINUTES} minutes, ${doing}\n`);
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
  process.exit(1);
}, MOST_MINUTES * 60_000);
let doing = 'writing the first batches';

try {
  await write(3);
  doing = 'reading the first time';
  const readers = groups.map(startReader);
  // Spark's first reads take longest: before that nothing is merged away under it.
  for (const { next } of readers) await next();
  doing = 'killing writers';
  const orders = [...lanes, { directory, feed: 'acme' }];
  const running = orders.map(start);
  const kills = Number(values.kills);
  let seed = 7;
  for (let count = 0; count < kills && readers.every(({ child }) => child.exitCode === null); count++) {
    seed = (seed * 48_271) % 2_147_483_647;
    await sleep((Number(values.seconds) * 1000 * (0.5 + (seed % 1000) / 1000)) / kills);
    const victim = count % orders.length;
    await kill(running[victim]!);
    running[victim] = start(orders[victim]!);
  }
  for (const one of running) await kill(one);
  doing = 'waiting for what readers are reading';
  for (const { child } of readers) child.stdin.write('\n');
  const read = await Promise.all(readers.map(({ next }) => next()));

  doing = 'comparing sums';
  // What the last kills left between state and log reaches the logs when the lanes are opened again.
  await write(0);
  const ours = await readTables(directory);
  const named = [...ours.values()].flatMap(({ table, fields }) => (fields ? [{ name: table, fields, files: [] }] : []));
  for (const { child } of readers) child.stdin.end(tablesDdl('spark', named, directory));
  const sums: Record<string, Record<string, unknown[]>>[] = await Promise.all(readers.map(({ next }) => next()));
  await Promise.all(readers.map(({ ended }) => ended));
  for (const table of Object.keys(sums[0] ?? {})) {
    const theirs = Object.assign({}, ...sums.map((group) => group[table]));
    const rows = ours.get(table)?.files.reduce((sum, file) => sum + file.rows, 0);
    const answers = new Set(Object.values(theirs).map((answer) => JSON.stringify(answer)));
    if (answers.size !== 1 || !JSON.stringify(Object.values(theirs)[0]).startsWith(`[${rows},`))
      throw new Error(`${table}: ours ${rows} rows, theirs ${JSON.stringify(theirs)}`);
  }
  const notebook = [join(here, 'run_notebook.py'), join(here, '../../collector/query/notebook.ipynb')];
  execFileSync(engine, notebook, { stdio: 'ignore', env: { ...process.env, TABLES_DIRECTORY: directory } });
  process.stdout.write(`engines: passed ${kills} kills, ${JSON.stringify(read)}, ${JSON.stringify(sums)}\n`);
} finally {
  clearTimeout(deadline);
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
