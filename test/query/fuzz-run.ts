import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { CollectorError } from '../../collector/errors.js';
import { openTables } from '../../collector/query/open-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { sampleBatch } from '../contract/sample-batch.js';
import { randomStatement } from './random-statement.js';

/** What stands in files that no statement may read. */
const planted = 'PLANTED-7f1c';

/** mulberry32: the same seed makes the same statements. */
export class SeededRandom {
  constructor(private state: number) {}

  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** How statements ended. */
export interface FuzzCounts {
  answered: number;
  refused: number;
}

/**
 * Puts random statements to the tables of a new directory, until `go` says no more.
 * @param home an empty directory
 * @throws Error that names the statement after which a byte of the directory is another, that says what was planted, or
 *   that ends in anything but an answer or an error of the closed set.
 */
export async function fuzzQuery(home: string, seed: number, go: (statements: number) => boolean): Promise<FuzzCounts> {
  const root = join(home, 'tables');
  const secret = join(home, 'secret.csv');
  writeFileSync(secret, `a,b\n${planted},${planted}\n`);
  const sink = createTablesSink({ directory: root, feed: 'acme' });
  const lane = sink.lane('live');
  await lane.open();
  await lane.commit(sampleBatch('live', 0, { events: 3, letters: 1, raw: 1 }));
  await sink.close();
  writeFileSync(join(root, '.state', 'secret.json'), JSON.stringify({ a: planted }));
  mkdirSync(join(root, 'authentication', planted));
  const own = files(root).filter((path) => path.endsWith('.parquet') || path.endsWith('.json'));
  const places = [
    ...own,
    ...own,
    ...own,
    secret,
    join(root, '.state', 'secret.json'),
    join(root, '.state/**'),
    join(root, 'authentication'),
    join(root, 'new.csv'),
    join(root, '**/*.parquet'),
    '/proc/self/environ',
    '/proc/self/fd/0',
    '/proc/self/fd/*',
    `/proc/self/cwd/../../..${secret}`,
    `file://${secret}`,
  ];
  const pick = new SeededRandom(seed);
  const keywords = await words();
  const before = digest(home);
  const counts: FuzzCounts = { answered: 0, refused: 0 };
  // An endless statement does in its first moment what it does: a recursion over a harmless one is not worth the time of hundreds.
  const limits = { memory: '128MB', temporarySpace: '100MB', threads: 2, timeoutMs: 500 };
  let tables = await openTables(root, { limits });
  try {
    for (let number = 0; go(number); number++) {
      // As `query` does: a snapshot for each statement would be the truth, but take all of the time.
      if (number % 500 === 499) {
        await tables.close();
        tables = await openTables(root, { limits });
      }
      const sql = randomStatement(pick, keywords, places);
      const said = await ask(tables, sql, counts);
      if (said.includes(planted) && !sql.includes(planted))
        throw new Error(`seed ${seed}, statement ${number} read what was planted: ${JSON.stringify(sql)} → ${said}`);
      if (digest(home) !== before)
        throw new Error(`seed ${seed}, statement ${number} changed the directory: ${JSON.stringify(sql)}`);
    }
  } finally {
    await tables.close();
  }
  return counts;
}

async function ask(tables: Awaited<ReturnType<typeof openTables>>, sql: string, counts: FuzzCounts): Promise<string> {
  const said: string[] = [];
  try {
    const { rows } = await tables.query(sql);
    for await (const row of rows) said.push(row.map(String).join());
    counts.answered += 1;
  } catch (error) {
    if (!(error instanceof CollectorError) || error.code === 'INTERNAL')
      throw new Error(`${JSON.stringify(sql)} ended in an error that is none of ours`, { cause: error });
    counts.refused += 1;
    said.push(error.message, error.cure);
  }
  return said.join('\n');
}

async function words(): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const found = await connection.runAndReadAll(
    `SELECT keyword_name FROM duckdb_keywords() UNION ALL (SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1)`,
  );
  const texts = found.getRows().map(([word]) => String(word));
  connection.closeSync();
  instance.closeSync();
  return texts;
}

function files(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Of every name, kind, mode and byte below. */
function digest(root: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(root, name);
    const status = statSync(path);
    hash.update(`${name}\0${status.mode}\0${status.mtimeMs}\0`);
    if (status.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** Descriptors of this process that lead below a directory: what is held open is given back. */
export function heldBelow(root: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(root) ? [path] : [];
    } catch {
      return [];
    }
  });
}
