import { rm } from 'node:fs/promises';
import { type DeadLetter, withShortMembers } from '../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../mappings/event.js';
import type { KeptRecord } from '../../../mappings/normalise.js';
import { sha256 } from '../../../mappings/record.js';
import { breathe } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { type Refusal, refusedEntity, refusedRecord } from '../refused.js';
import type { Batch, Entity } from '../sink.js';
import type { DataFile } from './data-file.js';
import type { Engine } from './engine.js';
import { duckdbFault } from './error-table.js';
import { groupBy } from './group-by.js';
import type { LaneFiles } from './lane-files.js';
import { fileName, groupOf } from './layout.js';
import { type Row, slicesOf, writeParquet } from './parquet.js';
import { classTables, deadLetterTable, entityTable, rawRecordTable, type Table } from './table-catalog.js';

/** Where a batch's files go. */
export interface BatchTarget {
  readonly engine: Engine;
  readonly files: LaneFiles;
  /** Whose commit it is (`laneId`). */
  readonly lane: string;
  /** How the lane's file names begin, and the number of this commit. */
  readonly prefix: string;
  readonly sequence: number;
  readonly written: () => Promise<void>;
}

/**
 * A row beyond this many characters may take more memory than the engine has; where a shorter one does, something else
 * is wrong with the machine.
 */
const LARGE_ROW = 1024 * 1024;

/** Why DuckDB refused a row: a value does not fit its column, or the row takes more memory than there is. */
type RefusedFor = 'content' | 'memory';

/** Rows that DuckDB refused. */
type RefusedRows = Map<Row, RefusedFor>;

/**
 * Stages a batch's files, durably: one file, seldom more, per table and day.
 * What DuckDB refuses becomes a dead letter and leaves its neighbours unharmed.
 * @returns the files by the names under which they will be published
 */
export async function writeBatch(batch: Batch, target: BatchTarget): Promise<DataFile[]> {
  const files: DataFile[] = [];
  const { feed, committedAt } = batch.cursor;
  const letters = [...batch.deadLetters];

  async function write<Item>(
    table: Table,
    items: readonly Item[],
    rowOf: (item: Item) => Row,
    refuse: (item: Item, why: RefusedFor) => DeadLetter,
  ): Promise<void> {
    const itemOf = new Map<Row, Item>();
    const pause = breathe();
    for (const item of items) {
      await pause();
      itemOf.set(rowOf(item), item);
    }
    for (const [row, why] of await writeTable(table, [...itemOf.keys()], target, files))
      letters.push(refuse(itemOf.get(row)!, why));
  }

  for (const [classUid, events] of groupBy(batch.events, (event) => event.classUid))
    await write(tableOf(classUid), events, (event) => event, refusedEvent);
  await write(rawRecordTable, batch.raw, rawRow, (record, why) => refusedRecord(record, refusalFor('record', why)));
  const entityRowOf = (entity: Entity) => entityRow(entity, feed);
  await write(entityTable, batch.entities, entityRowOf, (entity, why) =>
    refusedEntity(entity, refusalFor('entity', why)),
  );
  const letterOf = new Map(letters.map((letter) => [letterRow(letter, committedAt), letter]));
  const beginning = (row: Row) => letterRow(withBeginning(letterOf.get(row)!), committedAt);
  const left = await writeTable(deadLetterTable, [...letterOf.keys()], target, files, beginning);
  if (left.size > 0) throw new Error(`DuckDB refused ${left.size} rows of ${deadLetterTable.name}`);
  if (files.length > 0) await target.files.syncStaged();
  return files;
}

function tableOf(classUid: number): Table {
  const table = classTables.get(classUid);
  if (table) return table;
  throw new CollectorError('SINK_REFUSED', `There is no table for OCSF class ${classUid}.`, {
    cure: 'This is a defect: the mappings emit a class that schemas/ocsf lacks.',
  });
}

/**
 * Returns the rows that DuckDB refused.
 * @param smaller what goes in the place of a row that takes too much memory
 */
async function writeTable(
  table: Table,
  rows: readonly Row[],
  target: BatchTarget,
  files: DataFile[],
  smaller?: (row: Row) => Row,
): Promise<RefusedRows> {
  const refused: RefusedRows = new Map();
  const replaced = new Set<Row>();
  const pause = breathe();
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    await pause();
    const group = groupOf(table.name, row.time);
    const ofDay = groups.get(group);
    if (ofDay === undefined) groups.set(group, [row]);
    else ofDay.push(row);
  }
  for (const [group, ofDay] of groups) {
    let part = 0;
    for (const pending = slicesOf(ofDay); pending.length > 0; ) {
      const slice = pending.shift() ?? [];
      const file = `${group}/${fileName(target.prefix, target.sequence, part++)}`;
      const problem = await tryWrite(table, slice, file, target);
      const [row] = slice;
      if ('written' in problem) {
        files.push({ file, ...problem.written, lanes: { [target.lane]: target.sequence } });
        await target.written();
      } else if (slice.length > 1 || row === undefined) {
        const middle = slice.length >> 1;
        pending.unshift(slice.slice(0, middle), slice.slice(middle));
      } else if (problem.cause === 'memory' && (row.text.length < LARGE_ROW || replaced.has(row))) throw problem.error;
      else if (problem.cause === 'memory' && smaller !== undefined) {
        const replacement = smaller(row);
        replaced.add(replacement);
        pending.unshift([replacement]);
      } else refused.set(row, problem.cause);
    }
  }
  return refused;
}

/** Writes a file, or says that fewer rows may do: one of them was refused, or they took too much memory together. */
async function tryWrite(
  table: Table,
  rows: readonly Row[],
  file: string,
  { engine, files, lane }: BatchTarget,
): Promise<{ cause: RefusedFor; error: unknown } | { written: Omit<DataFile, 'file' | 'lanes'> }> {
  try {
    return { written: await writeParquet(engine, table.columns, rows, files.staged(file), lane) };
  } catch (error) {
    const cause = duckdbFault(error);
    if (cause !== 'content' && cause !== 'memory') throw error;
    await rm(files.staged(file), { force: true });
    return { cause, error };
  }
}

function letterRow(letter: DeadLetter, fallback: number): Row {
  const { uid, time, fetched_at: fetchedAt } = letter;
  return { uid, time: time ?? fetchedAt ?? fallback, timeless: time === undefined, text: JSON.stringify(letter) };
}

function rawRow({ uid, classUid, eventCode, service, time, text }: KeptRecord): Row {
  return { uid, time, text: JSON.stringify({ uid, class_uid: classUid, event_code: eventCode, service, time, text }) };
}

function entityRow({ type, key, value, observedAt }: Entity, feed: string): Row {
  const head = JSON.stringify({ feed, type, key, time: observedAt, deleted: value === undefined });
  return { uid: key, time: observedAt, text: `${head.slice(0, -1)},"value":${value ?? 'null'}}` };
}

function withBeginning(letter: DeadLetter): DeadLetter {
  return { ...letter, raw: letter.raw.slice(0, LARGE_ROW).toWellFormed() };
}

function refusedEvent(event: NormalisedEvent, why: RefusedFor): DeadLetter {
  return withShortMembers({
    uid: event.uid,
    reason: 'refused_by_sink',
    ...refusalFor('event made of this record', why),
    service: '',
    event_type: event.eventCode,
    time: event.time,
    raw: event.text,
    raw_size: Buffer.byteLength(event.text),
    raw_sha256: sha256(event.text),
  });
}

function refusalFor(what: string, why: RefusedFor): Refusal {
  const cause =
    why === 'content' ? 'a number in it is out of range' : 'it takes more memory than the tables are written with';
  return {
    message: `The tables cannot hold the ${what}: ${cause}. \`raw\` is the ${what.split(' ')[0]}.`,
    details: [],
  };
}
