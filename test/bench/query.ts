/**
 * Questions over the tables of a simulated tenant: the built command, each run a process of its own, less that of
 * `query "SELECT 1"`, against plain DuckDB over the same rows in one ordinary Parquet file per table. Medians of eleven
 * alternated runs. With --questions instead every ready question as it stands and the failures of the last 24 hours, less
 * `SELECT 1`: the median of three runs. Prints one JSON line.
 *
 *     npm run bench:query -- [--records 400000] [--days 60] [--periods 1] [--copies 1] [--questions] [--tables DIRECTORY]
 *
 * With --periods and --copies the events collected are there again, earlier by so many times --days, each so many times:
 * five million events of a year are `--records 70000 --days 30 --periods 12 --copies 6 --questions`. With --tables it asks about tables that
 * are there, and collects none.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { readQuestions } from '../../collector/query/read-questions.js';
import { readTables, type TablesContent } from '../../collector/sinks/tables/tables-snapshot.js';
import { scanOf } from '../../collector/sinks/tables/views.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { collecting, runCommand } from './command.js';
import { multiplyTables } from './multiply-tables.js';

const RUNS = 11;
const DAY = 86_400_000;
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '400000' },
    days: { type: 'string', default: '60' },
    periods: { type: 'string', default: '1' },
    copies: { type: 'string', default: '1' },
    questions: { type: 'boolean', default: false },
    tables: { type: 'string' },
  },
});

/** Collects a tenant's history, and merges the files as a running collector has after a day. */
async function collect(directory: string): Promise<void> {
  const now = Date.now();
  const days = Number(values.days);
  const tenant = await spawnTenant({ seed: 5, records: Number(values.records), from: now - days * DAY, to: now });
  await runCommand(['run', '--once'], {
    ...collecting(tenant, `${days + 1}d`),
    TABLES_DIRECTORY: directory,
  });
  await tenant.close();
}

/** The same rows as an ordinary Parquet file per table; their bytes. */
async function writePlain(content: TablesContent, directory: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', threads: '2' });
  const connection = await instance.connect();
  let bytes = 0;
  for (const { table, files } of content.values()) {
    const path = join(directory, `${table}.parquet`);
    await connection.run(
      `COPY (SELECT * EXCLUDE (_lane) FROM ${scanOf(files)}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    bytes += (await stat(path)).size;
  }
  connection.closeSync();
  instance.closeSync();
  return bytes;
}

async function plainMs(sql: string): Promise<number> {
  const started = performance.now();
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  await connection.runAndReadAll(sql);
  const ms = performance.now() - started;
  connection.closeSync();
  instance.closeSync();
  return ms;
}

function commandMs(asked: readonly string[], directory: string): number {
  const started = performance.now();
  execFileSync(process.execPath, ['dist/collector/cli.js', 'query', ...asked, '--format', 'csv'], {
    env: { PATH: process.env.PATH, TABLES_DIRECTORY: directory },
    stdio: ['ignore', 'ignore', 'inherit'],
    maxBuffer: 1 << 28,
  });
  return performance.now() - started;
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

const work = await mkdtemp(join(tmpdir(), 'bench-query-'));
const directory = values.tables ?? join(work, 'tables');
const failures = (from: string, name: string, where: string) =>
  `SELECT ${name} AS name, count(*) FROM ${from} WHERE status = 'Failure'${where} GROUP BY 1 ORDER BY 2 DESC LIMIT 10`;

/** Milliseconds of every ready question, the slowest first, and of the failures of the last 24 hours, above `SELECT 1`. */
function askQuestions() {
  const of = (asked: readonly string[]) => median([1, 2, 3].map(() => commandMs(asked, directory)));
  const one = of(['SELECT 1']);
  const above = (asked: readonly string[]) => Math.round(of(asked) - one);
  const lastDay = above([failures('authentication', 'user_name', ` AND time_dt > now() - INTERVAL 24 HOURS`)]);
  const questions = readQuestions().map(({ name }) => [name, above(['--name', name])] as const);
  return { lastDay, questions: Object.fromEntries(questions.toSorted(([, a], [, b]) => b - a)) };
}

/** Two questions and the size, against one ordinary file per table. */
async function compareWithPlain(content: TablesContent, bytes: number) {
  const files = [...content.values()].flatMap((table) => table.files);
  const last = Math.max(...files.map(({ times }) => times?.last ?? 0));
  const day = new Date(last - (last % DAY) - DAY).toISOString().slice(0, 10);
  const dayAfter = new Date(last - (last % DAY)).toISOString().slice(0, 10);
  const plain = join(work, 'plain');
  await mkdir(plain);
  const plainBytes = await writePlain(content, plain);
  const ofDay = ` AND time_dt >= TIMESTAMPTZ '${day}' AND time_dt < TIMESTAMPTZ '${dayAfter}'`;
  const file = `'${plain}/authentication.parquet'`;
  const asked: Record<string, [ours: string, theirs: string]> = {
    all: [failures('authentication', 'user_name', ''), failures(file, '"user".name', '')],
    day: [failures('authentication', 'user_name', ofDay), failures(file, '"user".name', ofDay)],
  };
  const figures: Record<string, unknown> = { sizeOfOneFile: Number((bytes / plainBytes).toFixed(2)) };
  for (const [name, [ours, theirs]] of Object.entries(asked)) {
    const [mine, one, others]: [number[], number[], number[]] = [[], [], []];
    for (let run = 0; run < RUNS; run++) {
      mine.push(commandMs([ours], directory));
      one.push(commandMs(['SELECT 1'], directory));
      others.push(await plainMs(theirs));
    }
    const ms = Math.round(median(mine) - median(one));
    const plainMedian = Math.round(median(others));
    figures[name] = { ms, plainMs: plainMedian, mostMs: 2 * plainMedian + 150, selectOneMs: Math.round(median(one)) };
  }
  return figures;
}

try {
  if (values.tables === undefined) {
    await collect(directory);
    const [periods, copies] = [Number(values.periods), Number(values.copies)];
    if (periods * copies > 1) await multiplyTables(directory, { periods, periodMs: Number(values.days) * DAY, copies });
  }
  await runCommand(['tables', 'merge'], { TABLES_DIRECTORY: directory }, { stdout: '/dev/null' });
  const madeSeconds = Math.round(performance.now() / 1000);
  const content = await readTables(directory);
  const all = [...content.values()].flatMap(({ files }) => files);
  const bytes = all.reduce((sum, { bytes: size }) => sum + size, 0);
  process.stdout.write(
    `${JSON.stringify({
      bench: values.questions ? 'questions' : 'query',
      rows: all.reduce((sum, { rows }) => sum + rows, 0),
      files: all.length,
      mib: Math.round(bytes / 1024 / 1024),
      madeSeconds,
      ...(values.questions ? askQuestions() : await compareWithPlain(content, bytes)),
    })}\n`,
  );
} finally {
  await rm(work, { recursive: true, force: true });
}
