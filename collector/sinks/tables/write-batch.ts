import { rm } from 'node:fs/promises';
import type { DeadLetter } from '../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../mappings/event.js';
import type { KeptRecord } from '../../../mappings/normalise.js';
import { sha256 } from '../../../mappings/record.js';
import { CollectorError } from '../../errors.js';
import type { Batch, Entity } from '../sink.js';
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
  /** How the lane's file names begin, and the number of this commit. */
  readonly prefix: string;
  readonly sequence: number;
  readonly written: () => Promise<void>;
}

/**
 * Stages a batch's files, durably: one file, seldom more, per table and day.
 * An event that DuckDB refuses becomes a dead letter and leaves its neighbours unharmed.
 * @returns the files by the names under which they will be published
 */
export async function writeBatch(batch: Batch, target: BatchTarget): Promise<string[]> {
  const files: string[] = [];
  const refused: DeadLetter[] = [];
  for (const [classUid, events] of groupBy(batch.events, (event) => event.classUid)) {
    const left = new Set(await writeTable(tableOf(classUid), events, target, files));
    if (left.size > 0) refused.push(...events.filter((event) => left.has(event)).map(refusedEvent));
  }
  const fallback = batch.cursor.committedAt;
  const letters = [...batch.deadLetters, ...refused].map((letter) => letterRow(letter, fallback));
  for (const [table, rows] of [
    [deadLetterTable, letters],
    [rawRecordTable, batch.raw.map(rawRow)],
    [entityTable, batch.entities.map((entity) => entityRow(entity, batch.cursor.feed))],
  ] as const) {
    const left = await writeTable(table, rows, target, files);
    if (left.length > 0) throw new Error(`DuckDB refused ${left.length} rows of ${table.name}`);
  }
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

/** Returns the rows that DuckDB refused. */
async function writeTable(table: Table, rows: readonly Row[], target: BatchTarget, files: string[]): Promise<Row[]> {
  const refused: Row[] = [];
  for (const [group, ofDay] of groupBy(rows, (row) => groupOf(table.name, row.time))) {
    let part = 0;
    for (const pending = slicesOf(ofDay); pending.length > 0; ) {
      const slice = pending.shift() ?? [];
      const file = `${group}/${fileName(target.prefix, target.sequence, part++)}`;
      const problem = await tryWrite(table, slice, file, target);
      if (problem === undefined) {
        files.push(file);
        await target.written();
      } else if (slice.length > 1) {
        const middle = slice.length >> 1;
        pending.unshift(slice.slice(0, middle), slice.slice(middle));
      } else if (problem.cause === 'content') refused.push(...slice);
      else throw problem.error;
    }
  }
  return refused;
}

/** Writes a file, or says that fewer rows may do: one of them was refused, or they took too much memory together. */
async function tryWrite(
  table: Table,
  rows: readonly Row[],
  file: string,
  { engine, files }: BatchTarget,
): Promise<{ cause: 'content' | 'memory'; error: unknown } | undefined> {
  try {
    await writeParquet(engine, table.columns, rows, files.staged(file));
    return undefined;
  } catch (error) {
    const cause = duckdbFault(error);
    if (cause !== 'content' && cause !== 'memory') throw error;
    await rm(files.staged(file), { force: true });
    return { cause, error };
  }
}

function letterRow(letter: DeadLetter, fallback: number): Row {
  return { uid: letter.uid, time: letter.time ?? letter.fetched_at ?? fallback, text: JSON.stringify(letter) };
}

function rawRow({ uid, classUid, eventCode, service, time, text }: KeptRecord): Row {
  return { uid, time, text: JSON.stringify({ uid, class_uid: classUid, event_code: eventCode, service, time, text }) };
}

function entityRow({ type, key, value, observedAt }: Entity, feed: string): Row {
  const head = JSON.stringify({ feed, type, key, time: observedAt, deleted: value === undefined });
  return { uid: key, time: observedAt, text: `${head.slice(0, -1)},"value":${value ?? 'null'}}` };
}

function refusedEvent(event: NormalisedEvent): DeadLetter {
  return {
    uid: event.uid,
    reason: 'refused_by_sink',
    message:
      'The tables cannot hold the event made of this record: a number in it is out of range. `raw` is the event.',
    details: [],
    service: '',
    event_type: event.eventCode,
    time: event.time,
    raw: event.text,
    raw_size: Buffer.byteLength(event.text),
    raw_sha256: sha256(event.text),
  };
}
