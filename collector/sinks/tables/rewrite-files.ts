import { isObject } from '../../../mappings/json.js';
import type { Rewriting, StoredEvent } from '../rewriting.js';
import { quoteFile } from './columns.js';
import { type DataFile, dayOfFile, LANE_COLUMN } from './data-file.js';
import type { PlainValue } from './duckdb-value.js';
import { fileName, groupOf } from './layout.js';
import { MOST_CHARACTERS, MOST_ROWS, type Row, writeParquet } from './parquet.js';
import { textOfRow } from './row-json.js';
import { classTables, type Table } from './table-catalog.js';
import type { LiveFile } from './tables-snapshot.js';
import type { BatchTarget } from './write-batch.js';

const tablesByName = new Map([...classTables].map(([classUid, table]) => [table.name, { classUid, table }]));

/**
 * Stages what replaces those files that hold an event to be changed.
 * @param files of the lane that rewrites, which may hold rows of others as well: those stay as they are
 * @returns the new files by the names under which they will be published, and the names of those that they replace
 */
export async function rewriteFiles(
  files: readonly LiveFile[],
  rewriting: Rewriting,
  target: BatchTarget,
): Promise<{ files: readonly DataFile[]; replaced: readonly string[] }> {
  const output = new RewrittenRows(target);
  const replaced: string[] = [];
  for (const file of files) {
    const day = dayOfFile(file.file);
    const source = tablesByName.get(file.table);
    if (source === undefined || day === undefined || !rewriting.wanted(day)) continue;
    if (!(await isChanged(file, source, rewriting, target))) continue;
    for await (const { stored, lane } of eventsOf(file, source, target)) {
      const after = lane === target.lane ? rewriting.decide(stored) : undefined;
      await output.add({ ...(after ?? stored), lane }, file.lanes);
    }
    replaced.push(file.file);
  }
  return { files: await output.finish(), replaced };
}

interface Source {
  readonly classUid: number;
  readonly table: Table;
}

async function isChanged(file: LiveFile, source: Source, rewriting: Rewriting, target: BatchTarget): Promise<boolean> {
  let changed = false;
  for await (const { stored, lane } of eventsOf(file, source, target)) {
    if (lane !== target.lane) continue;
    const instead = rewriting.decide(stored);
    rewriting.examined(stored, instead);
    changed ||= instead !== undefined;
  }
  return changed;
}

async function* eventsOf(
  { path, lanes }: LiveFile,
  { classUid, table }: Source,
  { engine }: BatchTarget,
): AsyncGenerator<{ stored: StoredEvent; lane: string }> {
  const only = Object.keys(lanes).join();
  const rows = engine.stream(`SELECT * FROM read_parquet([${quoteFile(path)}], hive_partitioning = false)`);
  for await (const row of rows)
    yield { stored: storedEvent(row, classUid, table), lane: String(row[LANE_COLUMN] ?? only) };
}

function storedEvent(row: Readonly<Record<string, PlainValue>>, classUid: number, table: Table): StoredEvent {
  const text = textOfRow(table.columns, row);
  const event: unknown = JSON.parse(text);
  const metadata = isObject(event) ? event.metadata : undefined;
  if (!isObject(event) || !isObject(metadata)) throw new TypeError(`A row of ${table.name} is no event`);
  return { uid: String(metadata.uid), classUid, time: Number(event.time), text, event };
}

/** Rows on their way into new files, gathered by table and day so that few files come of many. */
class RewrittenRows {
  readonly #waiting = new Map<
    string,
    { table: Table; rows: Row[]; characters: number; lanes: Record<string, number> }
  >();
  readonly #parts = new Map<string, number>();
  readonly #files: DataFile[] = [];

  constructor(private readonly target: BatchTarget) {}

  async add(row: Row & { readonly classUid: number; readonly lane: string }, lanes: DataFile['lanes']): Promise<void> {
    const table = classTables.get(row.classUid);
    if (table === undefined) throw new TypeError(`There is no table for OCSF class ${row.classUid}`);
    const group = groupOf(table.name, row.time);
    const waiting = this.#waiting.get(group) ?? { table, rows: [], characters: 0, lanes: {} };
    this.#waiting.set(group, waiting);
    waiting.rows.push({ uid: row.uid, time: row.time, text: row.text, lane: row.lane });
    for (const [lane, sequence] of Object.entries(lanes))
      waiting.lanes[lane] = Math.max(sequence, waiting.lanes[lane] ?? 0);
    waiting.characters += row.text.length;
    if (waiting.rows.length >= MOST_ROWS || waiting.characters >= MOST_CHARACTERS) await this.#write(group);
  }

  async finish(): Promise<readonly DataFile[]> {
    for (const group of [...this.#waiting.keys()]) await this.#write(group);
    return this.#files;
  }

  async #write(group: string): Promise<void> {
    const waiting = this.#waiting.get(group);
    this.#waiting.delete(group);
    if (waiting === undefined) return;
    const { engine, files, lane, prefix, sequence, written } = this.target;
    const part = this.#parts.get(group) ?? 0;
    this.#parts.set(group, part + 1);
    const file = `${group}/${fileName(prefix, sequence, part)}`;
    const rows = waiting.rows.toSorted((a, b) => a.time - b.time);
    const made = await writeParquet(engine, waiting.table.columns, rows, files.staged(file), lane);
    this.#files.push({ file, ...made, lanes: { ...waiting.lanes, [lane]: sequence } });
    await written();
  }
}
