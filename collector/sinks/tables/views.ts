import { ocsfTarget } from '../../../schemas/ocsf-target.js';
import { REPLAY_LANE } from '../../position/lane-name.js';
import { type Column, type ColumnType, duckType, quoteFile, quoteName, quoteText } from './columns.js';
import { fingerprintOf, LANE_COLUMN, laneId, ofLaneId } from './data-file.js';
import { groupBy } from './group-by.js';
import { inventorySelect, inventoryViewNames } from './inventory-views.js';
import {
  activityTables,
  allTables,
  classTables,
  deadLetterTable,
  entityTable,
  rawRecordTable,
  type Table,
} from './table-catalog.js';

const timestamp = 'TIMESTAMP WITH TIME ZONE';

/** Flat columns that come first in every view of events, each with the places it is taken from, the first that is filled. */
export const flatColumns: readonly (readonly [name: string, type: string, ...paths: string[]])[] = [
  ['time_dt', timestamp, 'time_dt'],
  ['event_code', 'VARCHAR', 'metadata.event_code'],
  ['user_name', 'VARCHAR', 'user.name'],
  ['user_uid', 'VARCHAR', 'user.uid'],
  ['user_email', 'VARCHAR', 'user.email_addr'],
  ['actor_name', 'VARCHAR', 'actor.user.name', 'actor.app_name'],
  ['src_ip', 'VARCHAR', 'src_endpoint.ip', 'device.ip'],
  ['country', 'VARCHAR', 'src_endpoint.location.country', 'device.location.country'],
  ['app', 'VARCHAR', 'service.name', 'app.name', 'api.service.name'],
  ['outcome', 'VARCHAR', 'status'],
  ['reason', 'VARCHAR', 'status_detail'],
  ['device_ip', 'VARCHAR', 'dst_endpoint.ip', 'device.ip'],
  ['account_name', 'VARCHAR', 'metadata.tags[AccountName]', 'metadata.tenant_uid'],
];

/** What a statement needs to know of a file that it reads. */
export interface ScanFile {
  /** Where DuckDB reads it. */
  readonly readAs: string;
  readonly schema?: string;
  readonly partOf?: string;
  readonly lanes: Readonly<Record<string, number>>;
}

/** The files of a table, by its name. */
export type FilesOf = (table: string) => readonly ScanFile[];

/**
 * The statement that makes a view: of a table, `events` (what all classes have in common) or `admin_activity` (all but
 * logins), which read the views of their classes. A view has its columns and types even while there is no file.
 * @param only.account shows the events of this account alone; tables that are no events know none
 * @param only.feed shows the rows of this feed's lanes alone
 */
export function viewStatement(
  view: string,
  filesOf: FilesOf,
  { account, feed }: { readonly account?: string | undefined; readonly feed?: string | undefined } = {},
): string {
  const ofClass = [...classTables.values()].some(({ name }) => name === view);
  const knowsAccount = ofClass || inventoryViewNames.includes(view);
  const filter = knowsAccount && account !== undefined ? ` WHERE account_name = ${quoteText(account)}` : '';
  return `CREATE OR REPLACE VIEW ${quoteName(view)} AS SELECT * FROM (${selectOf(view, filesOf, feed)})${filter}`;
}

function selectOf(view: string, filesOf: FilesOf, feed: string | undefined): string {
  const eventTables = [...classTables.values()];
  const ofClass = eventTables.find(({ name }) => name === view);
  if (ofClass !== undefined) return eventSelect(ofClass, filesOf(view), ofFeed(feed));
  if (view === deadLetterTable.name) return deadLetterRows(filesOf, feed);
  if (view === rawRecordTable.name) return plainSelect(rawRecordTable, filesOf, ofFeed(feed));
  if (view === entityTable.name) return plainSelect(entityTable, filesOf, ofFeed(feed));
  const inventory = inventorySelect(view);
  if (inventory !== undefined) return inventory;
  const common = commonColumns(activityTables).map(quoteName).join(', ');
  return viewsReadBy(view, filesOf)
    .map((name) => `SELECT ${common} FROM ${quoteName(name)}`)
    .join(' UNION ALL ');
}

/**
 * The views of tables that a view reads, at least one. DuckDB takes a tenth of a second to plan all classes: those without a file
 * are left out.
 */
export function viewsReadBy(view: string, filesOf: FilesOf): readonly string[] {
  const tables = tablesOf(view);
  const filled = tables.filter((table) => filesOf(table).length > 0);
  return filled.length > 0 ? filled : tables.slice(0, 1);
}

function plainSelect(table: Table, filesOf: FilesOf, where: string): string {
  const columns = `time_dt, * EXCLUDE (time_dt, ${quoteName(LANE_COLUMN)})`;
  return `SELECT ${columns} FROM (${viewRows(table, filesOf(table.name))})${where}`;
}

/**
 * The dead letters, but for those that were replayed.
 * @param feed whose; undefined: every feed's
 */
export function deadLetterRows(filesOf: FilesOf, feed?: string): string {
  return plainSelect(deadLetterTable, filesOf, `${ofFeed(feed)}${unresolved(filesOf)}`);
}

/** The rows of a feed's lanes; undefined: of every feed's. */
function ofFeed(feed: string | undefined): string {
  return feed === undefined
    ? ' WHERE true'
    : ` WHERE starts_with(${quoteName(LANE_COLUMN)}, ${quoteText(laneId(feed, ''))})`;
}

/** A dead letter that was replayed is an event or a raw record now. */
function unresolved(filesOf: FilesOf): string {
  const uids = [...classTables.values(), rawRecordTable].flatMap(({ name }) => {
    const files = filesOf(name).filter(({ lanes }) =>
      Object.keys(lanes).some((id) => ofLaneId(id).lane === REPLAY_LANE),
    );
    const uid = name === rawRecordTable.name ? 'uid' : 'metadata.uid';
    const isReplayed = `ends_with(${quoteName(LANE_COLUMN)}, ${quoteText(laneId('', REPLAY_LANE))})`;
    return files.length === 0 ? [] : [`SELECT ${uid} AS uid FROM ${scanOf(files)} WHERE ${isReplayed}`];
  });
  return uids.length === 0 ? '' : ` AND uid NOT IN (${uids.join(' UNION ALL ')})`;
}

/** Names of the views. */
export const viewNames: readonly string[] = [
  ...allTables.map(({ name }) => name),
  ...inventoryViewNames,
  'events',
  'admin_activity',
];

/** Tables whose rows a view shows. */
export function tablesOf(view: string): readonly string[] {
  if (inventoryViewNames.includes(view)) return [entityTable.name];
  const events = activityTables;
  if (view === 'events') return events.map(({ name }) => name);
  if (view === 'admin_activity') return loginsApart(events).map(({ name }) => name);
  return [view];
}

function loginsApart(tables: readonly Table[]): Table[] {
  const logins = classTables.get(ocsfTarget.classes.authentication.uid);
  return tables.filter((table) => table !== logins);
}

/** Every column of this version's files, with its DuckDB type. */
function columnsOf(table: Table): (readonly [name: string, type: string])[] {
  return [
    ...table.columns.map(({ name, type }) => [name, duckType(type)] as const),
    ['time_dt', timestamp],
    [LANE_COLUMN, 'VARCHAR'],
  ];
}

/** A table's rows with every column of this version, those that only older files have, and the lane that they belong to. */
export function typedRows(table: Table, files: readonly ScanFile[]): string {
  const columns = columnsOf(table).map(([name, type]) => `NULL::${type} AS ${quoteName(name)}`);
  const empty = `SELECT ${columns.join(', ')} WHERE false`;
  return files.length === 0 ? empty : `${empty} UNION ALL BY NAME SELECT * FROM ${scanOf(files)}`;
}

/** As `typedRows`; a file with other columns than its log says may be met later, with an error that does not name it. */
export function viewRows(table: Table, files: readonly ScanFile[]): string {
  const ours = fingerprintOf(table.columns);
  const areOurs = files.length > 0 && files.every(({ schema, partOf }) => (schema ?? partOf) === ours);
  // Through a union DuckDB reads whole structs where one of their fields is asked for: three times the time.
  return areOurs ? `SELECT * FROM ${scanOf(files)}` : typedRows(table, files);
}

/**
 * The files in a FROM clause. Of files that were written with the same columns DuckDB opens one to learn them, and none where
 * some have a part of the columns of this version: those are named. Only those of other programs are opened each.
 * @param files at least one
 */
export function scanOf(files: readonly ScanFile[]): string {
  const scans = [...groupBy(files, ({ schema, partOf }) => schema ?? partOf)].map(([columns, ofColumns]) => {
    const paths = ofColumns.map(({ readAs }) => quoteFile(readAs)).join(', ');
    const isWhole = ofColumns.every(({ schema }) => schema !== undefined);
    return `read_parquet([${paths}], hive_partitioning = false${isWhole ? '' : unification(columns)})`;
  });
  const [first = '', ...others] = scans;
  if (others.length === 0) return first;
  return `(${scans.map((scan) => `SELECT * FROM ${scan}`).join(' UNION ALL BY NAME ')})`;
}

/** How files with different columns are read as one. @param columns names those that they have a part of, where it is known */
function unification(columns: string | undefined): string {
  const table = allTables.find((one) => fingerprintOf(one.columns) === columns);
  if (table === undefined) return ', union_by_name = true';
  const entries = columnsOf(table).map(([name, type]) => {
    const text = quoteText(name);
    return `${text}: {name: ${text}, type: ${quoteText(type)}, default_value: NULL}`;
  });
  return `, schema = MAP {${entries.join(', ')}}`;
}

function eventSelect(table: Table, files: readonly ScanFile[], where: string): string {
  const flat = flatColumns.map(([name, type, ...places]) => {
    const there = places.filter(
      (place) => place === 'time_dt' || has(table.columns, place.replace(/\[.*/, '').split('.')),
    );
    const values = there.map(valueAt);
    const value =
      values.length === 0 ? `NULL::${type}` : values.length === 1 ? values[0] : `coalesce(${values.join(', ')})`;
    return `${value} AS ${quoteName(name)}`;
  });
  // An object that has the name of a flat column (app) keeps it with an ending.
  const taken = table.columns.filter(({ name }) => flatColumns.some(([flatName]) => flatName === name));
  const renamed = taken.map(({ name }) => `${quoteName(name)} AS ${quoteName(`${name}_object`)}`);
  const excluded = ['time_dt', LANE_COLUMN, ...taken.map(({ name }) => name)].map(quoteName).join(', ');
  return `SELECT ${[...flat, `* EXCLUDE (${excluded})`, ...renamed].join(', ')} FROM (${viewRows(table, files)})${where}`;
}

/** The value at a place: a path, or with `[NAME]` the value of the tag of that name. */
function valueAt(place: string): string {
  const [, path = place, tag] = /^(.*)\[(.*)\]$/.exec(place) ?? [];
  const value = path.split('.').map(quoteName).join('.');
  return tag === undefined ? value : `list_filter(${value}, lambda tag: tag.name = ${quoteText(tag)})[1].value`;
}

function has(columns: readonly Column[], [name, ...rest]: readonly string[]): boolean {
  const found: ColumnType | undefined = columns.find((column) => column.name === name)?.type;
  if (!found || rest.length === 0) return found !== undefined;
  return found.kind === 'struct' && has(found.fields, rest);
}

/** The flat columns, and those that every class has with one type. */
function commonColumns(tables: readonly Table[]): string[] {
  const [first, ...others] = tables;
  const shared = (first?.columns ?? []).filter((column) =>
    others.every((table) =>
      table.columns.some(({ name, type }) => name === column.name && duckType(type) === duckType(column.type)),
    ),
  );
  const flat = flatColumns.map(([name]) => name);
  return [...flat, ...shared.map(({ name }) => name).filter((name) => !flat.includes(name))];
}
