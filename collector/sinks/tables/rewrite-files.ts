import { isObject } from '../../../mappings/json.js';
import type { Rewriting, StoredEvent } from '../rewriting.js';
import { quoteText } from './columns.js';
import type { PlainValue } from './duckdb-value.js';
import { dayOfGroup, fileName, groupOf } from './layout.js';
import { MOST_CHARACTERS, MOST_ROWS, type Row, writeParquet } from './parquet.js';
import { textOfRow } from './row-json.js';
import { classTables, type Table } from './table-catalog.js';
import type { BatchTarget } from './write-batch.js';

const tablesByName = new Map([...classTables].map(([classUid, table]) => [table.name, { classUid, table }]));

/**
 * Stages what replaces those of the files that hold an event to be changed.
 * @returns the new files by the names under which they will be published, and those that they replace
 */
export async function rewriteFiles(
  own: readonly string[],
  rewriting: Rewriting,
  target: BatchTarget,
): Promise<{ files: readonly string[]; retired: readonly string[] }> {
  const output = new RewrittenRows(target);
  const retired: string[] = [];
  for (const file of own) {
    const day = dayOfGroup(file.slice(0, file.lastIndexOf('/')));
    const source = tablesByName.get(file.slice(0, file.indexOf('/')));
    if (source === undefined || day === undefined || !rewriting.wanted(day)) continue;
    if (!(await isChanged(file, source, rewriting, target))) continue;
    for await (const stored of eventsOf(file, source, target)) await output.add(rewriting.decide(stored) ?? stored);
    retired.push(file);
  }
  return { files: await output.finish(), retired };
}

interface Source {
  readonly classUid: number;
  readonly table: Table;
}

async function isChanged(file: string, source: Source, rewriting: Rewriting, target: BatchTarget): Promise<boolean> {
  let changed = false;
  for await (const stored of eventsOf(file, source, target)) {
    const instead = rewriting.decide(stored);
    rewriting.examined(stored, instead);
    changed ||= instead !== undefined;
  }
  return changed;
}

async function* eventsOf(
  file: string,
  { classUid, table }: Source,
  { engine, files }: BatchTarget,
): AsyncGenerator<StoredEvent> {
  const path = quoteText(files.published(file));
  for await (const row of engine.stream(`SELECT * FROM read_parquet([${path}], hive_partitioning = false)`))
    yield storedEvent(row, classUid, table);
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
  readonly #waiting = new Map<string, { table: Table; rows: Row[]; characters: number }>();
  readonly #parts = new Map<string, number>();
  readonly #files: string[] = [];

  constructor(private readonly target: BatchTarget) {}

  async add(row: Row & { readonly classUid: number }): Promise<void> {
    const table = classTables.get(row.classUid);
    if (table === undefined) throw new TypeError(`There is no table for OCSF class ${row.classUid}`);
    const group = groupOf(table.name, row.time);
    const waiting = this.#waiting.get(group) ?? { table, rows: [], characters: 0 };
    this.#waiting.set(group, waiting);
    waiting.rows.push({ uid: row.uid, time: row.time, text: row.text });
    waiting.characters += row.text.length;
    if (waiting.rows.length >= MOST_ROWS || waiting.characters >= MOST_CHARACTERS) await this.#write(group);
  }

  async finish(): Promise<readonly string[]> {
    for (const group of [...this.#waiting.keys()]) await this.#write(group);
    return this.#files;
  }

  async #write(group: string): Promise<void> {
    const waiting = this.#waiting.get(group);
    this.#waiting.delete(group);
    if (waiting === undefined) return;
    const { engine, files, prefix, sequence, written } = this.target;
    const part = this.#parts.get(group) ?? 0;
    this.#parts.set(group, part + 1);
    const file = `${group}/${fileName(prefix, sequence, part)}`;
    const rows = waiting.rows.toSorted((a, b) => a.time - b.time);
    await writeParquet(engine, waiting.table.columns, rows, files.staged(file));
    this.#files.push(file);
    await written();
  }
}
