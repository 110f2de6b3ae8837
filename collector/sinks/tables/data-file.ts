import { createHash } from 'node:crypto';
import { isObject } from '../../../mappings/json.js';
import type { Column, ColumnType } from './columns.js';
import type { Add } from './delta/actions.js';
import { type Field, type FieldType, schemaText } from './delta/schema.js';
import { dayOfGroup, END_OF_INSTANTS, FIRST_INSTANT } from './layout.js';

/** A Parquet file of a table and what is known of it without opening it. */
export interface DataFile {
  /** Relative to the tables' directory: `authentication/event_day=2026-11-01/acme-live-0000000012.parquet`. */
  readonly file: string;
  readonly bytes: number;
  readonly rows: number;
  /** Epoch milliseconds. */
  readonly writtenAt: number;
  /** The first and the last `time` in it, epoch milliseconds; absent where a row has none. */
  readonly times?: { readonly first: number; readonly last: number };
  /** Names the columns that it was written with (`fingerprintOf`); absent for files of other programs. */
  readonly schema?: string;
  /** Instead of `schema`: it has those of these columns and fields of structs that hold anything in it. */
  readonly partOf?: string;
  /** Whose rows it holds: per lane (`laneId`) the number of the commit up to which. None for files of other programs. */
  readonly lanes: Readonly<Record<string, number>>;
}

/** In the files, and no column of the table: the lane that a row belongs to (`laneId`). */
export const LANE_COLUMN = '_lane';

/** Names a lane among those of all feeds, in files and as `appId` in the logs. */
export function laneId(feed: string, lane: string): string {
  return `${feed}/${lane}`;
}

/** The feed and the lane of a `laneId`. A feed's name holds no `/`. */
export function ofLaneId(id: string): { feed: string; lane: string } {
  const at = id.indexOf('/');
  return { feed: id.slice(0, at), lane: id.slice(at + 1) };
}

/** Where a merge puts the file that it makes in a folder. */
export function mergedName(group: string, id: string): string {
  return `${group}/merged-${id}.parquet`;
}

/** Whether a file holds more than one commit: it was made by a merge. */
export function isMerged(file: string): boolean {
  return file.slice(file.lastIndexOf('/') + 1).startsWith('merged-');
}

/** The table of a file. */
export function tableOfFile(file: string): string {
  return file.slice(0, file.indexOf('/'));
}

/** The day of a file, `YYYY-MM-DD`; undefined for instants that have none. */
export function dayOfFile(file: string): string | undefined {
  return dayOfGroup(file.slice(0, file.lastIndexOf('/')));
}

/** How the log names a file. */
export function addOf(file: DataFile, dataChange: boolean): Add {
  const { times } = file;
  const isInstant = times !== undefined && times.first >= FIRST_INSTANT && times.last < END_OF_INSTANTS;
  const bounds = (time: number) => ({ time, ...(isInstant ? { time_dt: new Date(time).toISOString() } : {}) });
  const stats = {
    numRecords: file.rows,
    ...(times === undefined
      ? {}
      : { minValues: bounds(times.first), maxValues: bounds(times.last), nullCount: { time: 0, time_dt: 0 } }),
  };
  return {
    path: pathOf(file.file),
    partitionValues: { event_day: dayOfFile(file.file) ?? null },
    size: file.bytes,
    modificationTime: file.writtenAt,
    dataChange,
    stats: JSON.stringify(stats),
    tags: {
      ...(file.schema === undefined ? {} : { schema: file.schema }),
      ...(file.partOf === undefined ? {} : { partOf: file.partOf }),
      lanes: JSON.stringify(file.lanes),
    },
  };
}

/** The `path` of a file in its table's log. */
export function pathOf(file: string): string {
  return encodeURI(file.slice(file.indexOf('/') + 1));
}

/** The file of a `path` in a table's log. One that leads out of the table's directory keeps its text, which names no file. */
function fileOfPath(table: string, path: string): string {
  try {
    return `${table}/${decodeURIComponent(path)}`;
  } catch {
    return `${table}/${path}`;
  }
}

/** A file as the log names it. Statistics of other programs count as far as they are understood. */
export function dataFileOf(table: string, add: Add): DataFile {
  const stats = parsed(add.stats);
  const [first, last] = [at(stats, 'minValues', 'time'), at(stats, 'maxValues', 'time')];
  const everyRow = at(stats, 'nullCount', 'time') === 0;
  const { schema, partOf } = add.tags ?? {};
  const lanes = parsed(add.tags?.lanes);
  return {
    file: fileOfPath(table, add.path),
    bytes: add.size,
    rows: typeof stats?.numRecords === 'number' ? stats.numRecords : 0,
    writtenAt: add.modificationTime,
    ...(typeof first === 'number' && typeof last === 'number' && everyRow ? { times: { first, last } } : {}),
    ...(typeof schema === 'string' ? { schema } : {}),
    ...(typeof partOf === 'string' ? { partOf } : {}),
    lanes: (lanes ?? {}) as Record<string, number>,
  };
}

const fieldTypes = { text: 'string', json: 'string', integer: 'long', float: 'double', boolean: 'boolean' } as const;

/** The columns of a table as its log names them: those of its files, `time_dt` and the partition's day. */
export function fieldsOf(columns: readonly Column[]): Field[] {
  return [...columns.map(fieldOf), { name: 'time_dt', type: 'timestamp' }, { name: 'event_day', type: 'date' }];
}

function fieldOf({ name, type }: Column): Field {
  return { name, type: fieldTypeOf(type) };
}

function fieldTypeOf(type: ColumnType): FieldType {
  if (type.kind === 'struct') return { struct: type.fields.map(fieldOf) };
  if (type.kind === 'list') return { array: fieldTypeOf(type.item) };
  return fieldTypes[type.kind];
}

const fingerprints = new WeakMap<readonly Column[], string>();

/** Names a set of columns. Files of one name are read without asking each for its columns. */
export function fingerprintOf(columns: readonly Column[]): string {
  const known = fingerprints.get(columns);
  if (known !== undefined) return known;
  const digest = createHash('sha256')
    .update(schemaText(fieldsOf(columns)))
    .digest('hex')
    .slice(0, 12);
  fingerprints.set(columns, digest);
  return digest;
}

function parsed(text: string | null | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function at(stats: Record<string, unknown> | undefined, group: string, name: string): unknown {
  const values = stats?.[group];
  return isObject(values) ? values[name] : undefined;
}
