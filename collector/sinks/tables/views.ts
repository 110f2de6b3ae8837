import { ocsfTarget } from '../../../schemas/ocsf-target.js';
import { type Column, type ColumnType, duckType, quoteName, quoteText } from './columns.js';
import { allTables, classTables, deadLetterTable, entityTable, rawRecordTable, type Table } from './table-catalog.js';

const timestamp = 'TIMESTAMP';

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
];

/**
 * Statements that make a view for each table, `events` (what all classes have in common) and `admin_activity` (all but
 * logins). A view has its columns and types even while there is no file.
 * @param pathsOf the files of a table
 */
export function viewStatements(pathsOf: (table: string) => readonly string[]): string[] {
  const eventTables = [...classTables.values()];
  const common = commonColumns(eventTables);
  const union = (tables: readonly Table[]) =>
    tables.map(({ name }) => `SELECT ${common.map(quoteName).join(', ')} FROM ${quoteName(name)}`).join(' UNION ALL ');
  return [
    ...eventTables.map((table) => `CREATE VIEW ${quoteName(table.name)} AS ${eventSelect(table, pathsOf(table.name))}`),
    `CREATE VIEW ${quoteName(deadLetterTable.name)} AS ${deadLetterRows(pathsOf)}`,
    `CREATE VIEW ${quoteName(rawRecordTable.name)} AS ${plainSelect(rawRecordTable, pathsOf)}`,
    `CREATE VIEW ${quoteName(entityTable.name)} AS ${plainSelect(entityTable, pathsOf)}`,
    `CREATE VIEW events AS ${union(eventTables)}`,
    `CREATE VIEW admin_activity AS ${union(loginsApart(eventTables))}`,
  ];
}

function plainSelect(table: Table, pathsOf: (table: string) => readonly string[]): string {
  return `SELECT time_dt, * EXCLUDE (time_dt) FROM (${typedRows(table, pathsOf(table.name))})`;
}

/** The files of a table that the replay lane wrote, as a name for `pathsOf`. */
export function replayedName(table: string): string {
  return `${table} of the replay lane`;
}

/** The dead letters, but for those that were replayed. */
export function deadLetterRows(pathsOf: (table: string) => readonly string[]): string {
  return `${plainSelect(deadLetterTable, pathsOf)}${unresolved(pathsOf)}`;
}

/** A dead letter that was replayed is an event or a raw record now. */
function unresolved(pathsOf: (table: string) => readonly string[]): string {
  const uids = [...classTables.values(), rawRecordTable].flatMap(({ name }) => {
    const paths = pathsOf(replayedName(name));
    const uid = name === rawRecordTable.name ? 'uid' : 'metadata.uid';
    return paths.length === 0 ? [] : [`SELECT ${uid} AS uid FROM read_parquet([${paths.map(quoteText).join(', ')}])`];
  });
  return uids.length === 0 ? '' : ` WHERE uid NOT IN (${uids.join(' UNION ALL ')})`;
}

/** Names of the views. */
export const viewNames: readonly string[] = [...allTables.map(({ name }) => name), 'events', 'admin_activity'];

/** Tables whose rows a view shows. */
export function tablesOf(view: string): readonly string[] {
  const events = [...classTables.values()];
  if (view === 'events') return events.map(({ name }) => name);
  if (view === 'admin_activity') return loginsApart(events).map(({ name }) => name);
  return [view];
}

function loginsApart(tables: readonly Table[]): Table[] {
  const logins = classTables.get(ocsfTarget.classes.authentication.uid);
  return tables.filter((table) => table !== logins);
}

/** A table's rows with every column of this version, and those that only older files have. */
export function typedRows(table: Table, paths: readonly string[]): string {
  const columns = [
    ...table.columns.map(({ name, type }) => `NULL::${duckType(type)} AS ${quoteName(name)}`),
    `NULL::${timestamp} AS time_dt`,
  ];
  const empty = `SELECT ${columns.join(', ')} WHERE false`;
  if (paths.length === 0) return empty;
  return `${empty} UNION ALL BY NAME SELECT * FROM read_parquet([${paths.map(quoteText).join(', ')}], union_by_name = true, hive_partitioning = false)`;
}

function eventSelect(table: Table, paths: readonly string[]): string {
  const flat = flatColumns.map(([name, type, ...places]) => {
    const there = places.filter((place) => place === 'time_dt' || has(table.columns, place.split('.')));
    const values = there.map((place) => place.split('.').map(quoteName).join('.'));
    const value =
      values.length === 0 ? `NULL::${type}` : values.length === 1 ? values[0] : `coalesce(${values.join(', ')})`;
    return `${value} AS ${quoteName(name)}`;
  });
  // An object that has the name of a flat column (app) keeps it with an ending.
  const taken = table.columns.filter(({ name }) => flatColumns.some(([flatName]) => flatName === name));
  const renamed = taken.map(({ name }) => `${quoteName(name)} AS ${quoteName(`${name}_object`)}`);
  const excluded = ['time_dt', ...taken.map(({ name }) => name)].map(quoteName).join(', ');
  return `SELECT ${[...flat, `* EXCLUDE (${excluded})`, ...renamed].join(', ')} FROM (${typedRows(table, paths)})`;
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
