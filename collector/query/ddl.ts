import { quoteFile, quoteText } from '../sinks/tables/columns.js';
import type { Field, FieldType } from '../sinks/tables/delta/schema.js';
import { flatColumns } from '../sinks/tables/views.js';

export const ddlEngines = ['duckdb', 'spark', 'trino', 'athena', 'clickhouse', 'snowflake', 'databricks'] as const;
export type DdlEngine = (typeof ddlEngines)[number];

/** A table as its log describes it. */
export interface DdlTable {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Files of the snapshot; only for engines that cannot read the log. */
  readonly files: readonly string[];
}

/** How an engine writes what the views need. */
interface Dialect {
  /** The statements that make a table known, under its own name. */
  table(table: DdlTable, location: string): readonly string[];
  /** An identifier. */
  name(name: string): string;
  /** A column, or a member of a struct. */
  path(segments: readonly string[], type: FieldType): string;
  /** The value of the first tag of a name in a list of structs with `name` and `value`. */
  tag(list: string, tag: string): string;
  readonly createView: string;
  /** Comments before everything else. */
  readonly remark: string;
}

const backticks = (name: string) => `\`${name.replaceAll('`', '``')}\``;
const quotes = (name: string) => `"${name.replaceAll('"', '""')}"`;
const dotted = (quote: (name: string) => string) => (segments: readonly string[]) => segments.map(quote).join('.');

const sparkLike = (remark: string): Dialect => ({
  table: ({ name }, location) => [
    `CREATE TABLE IF NOT EXISTS ${backticks(name)} USING DELTA LOCATION ${quoteText(`${location}/${name}`)}`,
  ],
  name: backticks,
  path: dotted(backticks),
  tag: (list, tag) => `get(filter(${list}, tag -> tag.name = ${quoteText(tag)}), 0).value`,
  createView: 'CREATE OR REPLACE VIEW',
  remark,
});

const trinoLike = (remark: string, table: Dialect['table']): Dialect => ({
  table,
  name: quotes,
  path: dotted(quotes),
  tag: (list, tag) => `element_at(filter(${list}, tag -> tag.name = ${quoteText(tag)}), 1).value`,
  createView: 'CREATE OR REPLACE VIEW',
  remark,
});

const SNOWFLAKE_TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'NUMBER',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP_TZ',
  date: 'DATE',
};

const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
  date: 'DATE',
};

function duckdbType(type: FieldType): string {
  if (typeof type === 'string') return DUCKDB_TYPES[type] ?? 'VARCHAR';
  if ('array' in type) return `${duckdbType(type.array)}[]`;
  return `STRUCT(${type.struct.map((field) => `${quotes(field.name)} ${duckdbType(field.type)}`).join(', ')})`;
}

/** What is NULL in all rows of a merged file is not in it, and what is NULL in all of them in none: the log knows the columns. */
function filesOfLog(fields: readonly Field[], files: readonly string[]): string {
  const columns = fields
    .filter(({ name }) => name !== 'event_day')
    .map(({ name, type }) => `NULL::${duckdbType(type)} AS ${quotes(name)}`);
  const scan = `SELECT * FROM read_parquet([${files.map(quoteFile).join(', ')}], union_by_name = true, hive_partitioning = false)`;
  return columns.length === 0 ? `(${scan})` : `(SELECT ${columns.join(', ')} WHERE false UNION ALL BY NAME ${scan})`;
}

const dialects: Readonly<Record<DdlEngine, Dialect>> = {
  duckdb: {
    table: ({ name, fields, files }, location) => [
      `CREATE OR REPLACE VIEW ${quotes(name)} AS SELECT * FROM ${
        files.length === 0 ? `delta_scan(${quoteText(`${location}/${name}`)})` : filesOfLog(fields, files)
      }`,
    ],
    name: quotes,
    path: dotted(quotes),
    tag: (list, tag) => `list_filter(${list}, lambda tag: tag.name = ${quoteText(tag)})[1].value`,
    createView: 'CREATE OR REPLACE VIEW',
    remark: 'Needs the extension delta: INSTALL delta; LOAD delta. Without it: tables ddl --engine duckdb --files.',
  },
  spark: sparkLike('Needs delta-spark, and its extension and catalog in the session.'),
  databricks: sparkLike(
    'Run in the catalog and schema that shall hold the tables; the location must be an external one.',
  ),
  trino: trinoLike(
    'Needs the Delta Lake connector with delta.register-table-procedure.enabled; USE catalog.schema first.',
    ({ name }, location) => [
      `CALL system.register_table(schema_name => 'jumpcloud', table_name => ${quoteText(name)}, table_location => ${quoteText(`${location}/${name}`)})`,
    ],
  ),
  athena: trinoLike('Engine version 3. The columns come from the log.', ({ name }, location) => [
    `CREATE EXTERNAL TABLE ${backticks(name)} LOCATION ${quoteText(`${location}/${name}/`)} TBLPROPERTIES ('table_type' = 'DELTA')`,
  ]),
  clickhouse: {
    table: ({ name }, location) => [
      `CREATE TABLE IF NOT EXISTS ${backticks(name)} ENGINE = ${location.startsWith('/') ? 'DeltaLakeLocal' : 'DeltaLake'}(${quoteText(`${location}/${name}`)})`,
    ],
    name: backticks,
    // Of a member ClickHouse 26 makes a column of its own, which its reader of Delta Lake does not find.
    path: ([first = '', ...members]) =>
      members.length === 0 ? backticks(first) : `identity(${backticks(first)}).${members.map(backticks).join('.')}`,
    tag: (list, tag) => `arrayFirst(tag -> tag.name = ${quoteText(tag)}, ${list}).value`,
    createView: 'CREATE OR REPLACE VIEW',
    remark: 'In object storage give the credentials behind the address, or a named collection.',
  },
  snowflake: {
    table: ({ name, fields }, location) => [
      `CREATE OR REPLACE EXTERNAL TABLE ${quotes(name)} (\n  ${fields
        .map(
          (field) =>
            `${quotes(field.name)} ${snowflakeType(field.type)} AS (value:${quotes(field.name)}::${snowflakeType(field.type)})`,
        )
        .join(
          ',\n  ',
        )}\n) LOCATION = @${location.replace(/^@/, '')}/${name}/ FILE_FORMAT = (TYPE = PARQUET) TABLE_FORMAT = DELTA AUTO_REFRESH = FALSE REFRESH_ON_CREATE = FALSE`,
      `ALTER EXTERNAL TABLE ${quotes(name)} REFRESH`,
    ],
    name: quotes,
    path: (segments, type) => {
      const [first = '', ...members] = segments;
      if (members.length === 0) return quotes(first);
      return `${quotes(first)}:${members.map(quotes).join('.')}::${snowflakeType(type)}`;
    },
    tag: (list, tag) =>
      `(SELECT max(tag.value:value::VARCHAR) FROM TABLE(FLATTEN(${list.replace(/::.*$/, '')})) AS tag WHERE tag.value:name = ${quoteText(tag)})`,
    createView: 'CREATE OR REPLACE VIEW',
    remark: 'LOCATION names an external stage (@stage/path).',
  },
};

function snowflakeType(type: FieldType): string {
  if (typeof type === 'string') return SNOWFLAKE_TYPES[type] ?? 'VARIANT';
  return 'array' in type ? 'ARRAY' : 'OBJECT';
}

/** Further columns of a flat view, each with its place. */
const FURTHER: readonly (readonly [name: string, place: string])[] = [
  ['uid', 'metadata.uid'],
  ['class_uid', 'class_uid'],
  ['class_name', 'class_name'],
  ['activity_name', 'activity_name'],
  ['severity', 'severity'],
  ['message', 'message'],
  ['time', 'time'],
];

/**
 * The statements by which an engine knows the tables, and a view `<class>_flat` of each class: the flat columns of `query`
 * under the same names. `events_flat` has all classes.
 * @param location of the tables as the engine names it: a path, `s3://…`, or a stage
 */
export function tablesDdl(engine: DdlEngine, tables: readonly DdlTable[], location: string): string {
  const dialect = dialects[engine];
  const root = location.replace(/\/+$/, '');
  const classes = tables.filter(({ fields }) => typeAt(fields, ['metadata', 'uid']) !== undefined);
  const flats = classes.map(({ name, fields }) => `${view(dialect, `${name}_flat`)} ${select(dialect, name, fields)}`);
  const union = classes.map(({ name }) => `SELECT * FROM ${dialect.name(`${name}_flat`)}`).join('\nUNION ALL ');
  const statements = [
    ...tables.flatMap((table) => dialect.table(table, root)),
    ...flats,
    ...(classes.length > 0 ? [`${view(dialect, 'events_flat')} ${union}`] : []),
  ];
  return `-- ${dialect.remark}\n${statements.map((statement) => `${statement};\n`).join('\n')}`;
}

function view({ createView, name }: Dialect, as: string): string {
  return `${createView} ${name(as)} AS`;
}

function select(dialect: Dialect, table: string, fields: readonly Field[]): string {
  const flat = flatColumns.map(([name, , ...places]) => [name, places] as const);
  const columns = [...flat, ...FURTHER.map(([name, place]) => [name, [place]] as const)].map(([name, places]) => {
    const values = places.flatMap((place) => valueAt(dialect, fields, place));
    const value = values.length === 0 ? 'NULL' : values.length === 1 ? values[0] : `coalesce(${values.join(', ')})`;
    // Without a type NULL has none of its own in a union.
    return `${value === 'NULL' ? `CAST(NULL AS ${nullType(dialect)})` : value} AS ${dialect.name(name)}`;
  });
  return `SELECT\n  ${columns.join(',\n  ')}\nFROM ${dialect.name(table)}`;
}

function nullType(dialect: Dialect): string {
  if (dialect === dialects.clickhouse) return 'Nullable(String)';
  return dialect === dialects.spark || dialect === dialects.databricks ? 'STRING' : 'VARCHAR';
}

function valueAt(dialect: Dialect, fields: readonly Field[], place: string): string[] {
  const [, path = place, tag] = /^(.*)\[(.*)\]$/.exec(place) ?? [];
  const segments = path.split('.');
  const type = typeAt(fields, segments);
  if (type === undefined) return [];
  const value = dialect.path(segments, type);
  return [tag === undefined ? value : dialect.tag(value, tag)];
}

function typeAt(fields: readonly Field[], [name, ...rest]: readonly string[]): FieldType | undefined {
  const type = fields.find((field) => field.name === name)?.type;
  if (type === undefined || rest.length === 0) return type;
  return typeof type === 'object' && 'struct' in type ? typeAt(type.struct, rest) : undefined;
}
