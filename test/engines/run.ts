/**
 * Other engines read the tables by their logs while three lanes of two feeds commit and are killed, and the tables are
 * merged, checkpointed and vacuumed: no failure, no count that falls, no uid twice; in the end the same sums in all, and
 * the notebook of collector/query/ runs over them.
 *
 *     npm run test:engines -- [--seconds 60] [--kills 30]
 *
 * Installs requirements.txt into a Python virtual environment of its own (ENGINES_VENV). Without Python it says so and
 * ends with 0, with CI=true with 1.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
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

const engine = python();
if (engine === undefined) {
  process.stdout.write('engines: NOT DONE, there is no Python 3 with venv\n');
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

const directory = mkdtempSync(join(tmpdir(), 'engines-'));
const lanes: readonly WriterOrder[] = [
  { directory, feed: 'acme', lane: 'live', first: 0 },
  { directory, feed: 'other', lane: 'live', first: 100_000 },
  { directory, feed: 'acme', lane: 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z', first: 200_000 },
];
const start = (order: WriterOrder) =>
  spawn(process.execPath, [writer, JSON.stringify(order)], { stdio: ['ignore', 'ignore', 'inherit'] });

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a writer ended by itself with ${child.exitCode}`);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

try {
  const orders = [...lanes, { directory, feed: 'acme' }];
  const running = orders.map(start);
  await sleep(3000);
  const reader = spawn(engine, [program, 'loop', directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  let read = '';
  reader.stdout.on('data', (chunk) => {
    read += chunk;
  });
  const kills = Number(values.kills);
  let seed = 7;
  for (let count = 0; count < kills && reader.exitCode === null; count++) {
    seed = (seed * 48_271) % 2_147_483_647;
    await sleep((Number(values.seconds) * 1000 * (0.5 + (seed % 1000) / 1000)) / kills);
    const victim = count % orders.length;
    await kill(running[victim]!);
    running[victim] = start(orders[victim]!);
  }
  for (const child of running) await kill(child);
  reader.stdin.end();
  if (reader.exitCode === null) await once(reader, 'exit');
  if (reader.exitCode !== 0) throw new Error(`a reader ended with ${reader.exitCode}`);

  // What the last kills left between state and log reaches the logs when the lanes are opened again.
  for (const order of lanes) {
    const child = start({ ...order, until: 0 });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`a lane was not opened again: ${code}`);
  }
  const ours = await readTables(directory);
  const theirs: Record<string, Record<string, unknown[]>> = JSON.parse(
    execFileSync(engine, [program, 'sums', directory], { encoding: 'utf8' }),
  );
  for (const [table, engines] of Object.entries(theirs)) {
    const rows = ours.get(table)?.files.reduce((sum, file) => sum + file.rows, 0);
    const answers = new Set(Object.values(engines).map((answer) => JSON.stringify(answer)));
    if (answers.size !== 1 || Object.values(engines)[0]?.[0] !== rows)
      throw new Error(`${table}: ours ${rows} rows, theirs ${JSON.stringify(engines)}`);
  }
  const notebook = [join(here, 'run_notebook.py'), join(here, '../../collector/query/notebook.ipynb')];
  execFileSync(engine, notebook, { stdio: 'ignore', env: { ...process.env, TABLES_DIRECTORY: directory } });
  process.stdout.write(`engines: passed ${kills} kills, ${read.trim()}, ${JSON.stringify(theirs)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
