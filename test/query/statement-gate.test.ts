import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harmlessFunctions, harmlessTableFunctions } from '../../collector/query/harmless-functions.js';
import { networkMacros } from '../../collector/query/network-macros.js';
import { type AdmittedStatement, admit, splitStatement } from '../../collector/query/statement-gate.js';

const views = new Set(['events', 'authentication', 'dead_letters']);

describe('the gate before a statement is prepared', () => {
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  beforeAll(async () => {
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
  });
  afterAll(() => {
    connection.closeSync();
    instance.closeSync();
  });

  const judge = async (sql: string): Promise<AdmittedStatement> => {
    const split = splitStatement(sql);
    const parsed = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [split.select]);
    return admit(split, String(parsed.value(0, 0)), views);
  };

  it.each([
    ['SELECT 1'],
    ['select 1;'],
    ['(SELECT 1)'],
    ['VALUES (1, 2)'],
    ['TABLE events'],
    ['FROM events SELECT user_name'],
    ['WITH a AS (SELECT 1), b AS MATERIALIZED (FROM a) SELECT * FROM b'],
    ['WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t'],
    ['PIVOT events ON outcome IN (1, 2) USING count(*) GROUP BY user_name'],
    ['UNPIVOT (SELECT 1 a, 2 b) ON a, b'],
    ['DESCRIBE events'],
    ['DESCRIBE SELECT 1'],
    ['SUMMARIZE authentication'],
    ['SHOW TABLES'],
    ['SHOW ALL TABLES'],
    ['EXPLAIN SELECT 1'],
    ['EXPLAIN (SELECT 1)'],
    ['explain/* why */analyze -- this\n select 1'],
    ['EXPLAIN DESCRIBE events'],
    ['SELECT * FROM main.events, memory.main.events'],
    ['SELECT table_name FROM information_schema.tables'],
    ['SELECT * FROM range(3), unnest([1, 2]), json_each(\'{"a":1}\')'],
    ["SELECT count(*) FILTER (WHERE x ILIKE 'a%'), x[1:2], x->>'$.a', [y + 1 for y in z] FROM events GROUP BY ALL"],
    ["SELECT sum(a) OVER (PARTITION BY b ORDER BY c), current_date, now() AT TIME ZONE 'UTC' FROM events"],
    [
      'SELECT mode() WITHIN GROUP (ORDER BY a), quantile_cont(a, 0.5), percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM events',
    ],
    ["SELECT COLUMNS(c -> c LIKE 'a%'), list_transform(l, lambda x: x + 1) FROM events"],
    ['SELECT\u00a01\u2003+\u30001'],
    ['SELECT \'COPY events TO x; read_text(1)\', "COPY" FROM events -- ; DROP VIEW events'],
  ])('admits %j', async (sql) => {
    const { sql: run } = await judge(sql);
    expect((await connection.extractStatements(run)).count).toBe(1);
  });

  it('names the views that a statement reads, whatever their case and place', async () => {
    expect((await judge('SELECT * FROM Events WHERE x IN (SELECT y FROM "DEAD_LETTERS")')).views.toSorted()).toEqual([
      'dead_letters',
      'events',
    ]);
    expect((await judge('SELECT 1')).views).toEqual([]);
  });

  it.each([
    // Not one statement.
    ['SELECT 1; SELECT 2', /One statement is needed, not 2/],
    ['', /One statement is needed, not 0/],
    ['-- nothing', /One statement is needed, not 0/],
    ['EXPLAIN SELECT 1; DROP VIEW events', /only read here/],
    ['EXPLAIN', /One statement is needed, not 0/],
    // Not one that reads.
    ["EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", /only read here/],
    ["EXPLAIN COPY (SELECT 1) TO 'x'", /only read here/],
    ["EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", /only read here/],
    ["EXPLAIN (ANALYZE) COPY (SELECT 1) TO 'x'", /Parser Error/],
    ["EXPLAIN --\r COPY (SELECT 1) TO 'x'", /only read here/],
    ["EXPLAIN /* /* */ */ COPY (SELECT 1) TO 'x'", /Parser Error|only read here/],
    ["EXPORT DATABASE 'x'", /only read here/],
    ["IMPORT DATABASE 'x'", /only read here/],
    ["ATTACH 'x'", /only read here/],
    ['INSTALL httpfs', /only read here/],
    ['LOAD httpfs', /only read here/],
    ['SET threads = 1', /only read here/],
    ['PRAGMA version', /only read here/],
    ['CALL enable_logging()', /only read here/],
    ['PREPARE p AS SELECT 1', /only read here/],
    ['EXECUTE p', /only read here/],
    ['CREATE MACRO m(x) AS x', /only read here/],
    ['INSERT INTO events SELECT 1', /only read here/],
    ["WITH c AS (COPY events TO 'x') SELECT 1", /Parser Error/],
    ['PIVOT events ON outcome USING count(*)', /only read here/],
    // Functions beyond the list, wherever they stand.
    ["SELECT * FROM read_text('/etc/hostname')", /function "read_text"/],
    ["SELECT * FROM READ_PARQUET('x')", /function "read_parquet"/i],
    ["SELECT * FROM main.glob('*')", /function "glob"/],
    ["SELECT * FROM system.main.read_csv('x')", /function "read_csv"/],
    ['FROM events WHERE EXISTS (FROM "read_blob"(\'x\'))', /function "read_blob"/],
    ["WITH c AS (FROM sniff_csv('x')) SELECT 1", /function "sniff_csv"/],
    ["SELECT 1 ORDER BY (SELECT 1 FROM query('SELECT 1'))", /function "query"/],
    ["SELECT 1 LIMIT (SELECT count(*) FROM query_table('x'))", /function "query_table"/],
    ["DESCRIBE FROM parquet_schema('x')", /function "parquet_schema"/],
    ["SUMMARIZE FROM read_json('x')", /function "read_json"/],
    ["EXPLAIN ANALYZE SELECT * FROM enable_logging('QueryLog')", /function "enable_logging"/],
    ["PIVOT (FROM read_ndjson('x')) ON a IN (1) USING count(*)", /function "read_ndjson"/],
    ["SELECT current_setting('temp_directory')", /function "current_setting"/],
    ["SELECT getvariable('x')", /function "getvariable"/],
    ["SELECT write_log('x')", /function "write_log"/],
    ['SELECT sum(sleep_ms(1)) OVER ()', /function "sleep_ms"/],
    ["SELECT list_transform([1], lambda x: json_serialize_plan('SELECT 1'))", /function "json_serialize_plan"/],
    ["FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", /function/],
    ['FROM duckdb_settings()', /function "duckdb_settings"/],
    ['FROM duckdb_secrets()', /function "duckdb_secrets"/],
    ["FROM histogram('x', 'y')", /function "histogram"/],
    ['FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)', /function "arrow_scan"/],
    // Tables that are none of ours.
    ["FROM 'x.parquet'", /no table "x.parquet"/],
    ["FROM '/proc/self/fd/0'", /no table/],
    ["DESCRIBE 'x.csv'", /no table/],
    ['FROM duckdb_settings', /no table/],
    ['FROM pg_catalog.pg_settings', /no table/],
    ['FROM pg_settings', /no table/],
    ['FROM information_schema.views', /no table/],
    ['FROM (WITH pg_settings AS (SELECT 1) SELECT 1), pg_settings', /no table/],
    ['FROM (WITH "x.parquet" AS (SELECT 1) SELECT 1), \'x.parquet\'', /no table/],
    ['FROM other.main.events', /no table/],
    ['FROM logins', /no table "logins"/],
    ['SHOW VARIABLES', /SHOW "\\"variables\\""/],
    // Texts that DuckDB's interface would not read whole.
    ['SELECT 1 \0; DROP VIEW events', /character that is none/],
    ['SELECT \ud800', /character that is none/],
    [`SELECT '${'x'.repeat(1024 * 1024)}'`, /longer than/],
    ['SELEC 1', /Parser Error.*SELEC 1/],
  ])('refuses %j as a use error', async (sql, message) => {
    await expect(judge(sql)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(message) });
  });

  it('says of a pivot without values what it needs', async () => {
    await expect(judge('PIVOT events ON outcome USING count(*)')).rejects.toMatchObject({
      cure: expect.stringContaining('ON column IN'),
    });
  });

  it('names the nearest view where a table is asked for that is none', async () => {
    await expect(judge('FROM authentications')).rejects.toMatchObject({
      cure: expect.stringMatching(/Did you mean authentication\?.*events/),
    });
  });

  it('judges a statement that nests as deep as the parser allows, and a comment as long as a statement may be', async () => {
    const deep = `SELECT ${'('.repeat(900)}1${')'.repeat(900)} FROM read_text('x')`;
    await expect(judge(deep)).rejects.toMatchObject({ code: 'USAGE' });
    const long = `/*${'*'.repeat(1_000_000)}*/ EXPLAIN SELECT 1`;
    expect((await judge(long)).sql).toBe('EXPLAIN  SELECT 1');
  });

  it('has judged every function that this DuckDB has, so that a new version brings none in by itself', async () => {
    const found = await connection.runAndReadAll(
      `SELECT DISTINCT lower(function_name), function_type IN ('table', 'table_macro', 'pragma') FROM duckdb_functions()`,
    );
    const unjudged = found
      .getRows()
      .filter(([name, table]) => !(table ? harmlessTableFunctions : harmlessFunctions).has(String(name)))
      .map(([name, table]) => `${name}${table ? '()' : ''}`)
      .filter((name) => !leftOut.test(name));
    expect(unjudged).toEqual([]);
  });

  it('lists no function that neither DuckDB nor a macro of ours is', async () => {
    const own = networkMacros.map((macro) => /^CREATE MACRO (\w+)/.exec(macro)?.[1]);
    const found = await connection.runAndReadAll(`SELECT DISTINCT lower(function_name) FROM duckdb_functions()`);
    const names = new Set([...found.getRows().map(([name]) => String(name)), ...own]);
    const unknown = [...harmlessFunctions, ...harmlessTableFunctions].filter((name) => !names.has(name));
    expect(unknown).toEqual([]);
  });

  it('keeps names of DuckDB’s own views from being those of common table expressions', async () => {
    const found = await connection.runAndReadAll(
      `SELECT DISTINCT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'`,
    );
    expect(found.getRows().length).toBeGreaterThan(20);
    for (const [name] of found.getRows())
      await expect(judge(`WITH ${name} AS (SELECT 1) FROM ${name}`)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

/** Judged, and not harmless or not needed: those of tables end in `()`. */
const leftOut = new RegExp(
  `^(?:${[
    '__internal_.*',
    'icu_collate_.*',
    'st_.*',
    'has_.*_privilege',
    'inet_.*',
    'pg_(?!typeof$|size_pretty$|timezone).*',
    // Settings, variables, sequences, the log, time.
    'current_setting|getvariable|nextval|currval|write_log|parse_duckdb_log_message|sleep_ms',
    // SQL text and DuckDB's internals.
    'json_serialize_sql|json_serialize_plan|json_deserialize_sql|get_block_size|stats|vector_type|combine|finalize',
    'variant_bytes_to_variant|variant_to_parquet_variant|variant_normalize|remap_struct|make_type|get_type|replace_type',
    'cast_to_type|can_cast_implicitly|create_sort_key|constant_or_null|in_search_path|txid_current|current_query_id',
    'current_transaction_id|current_connection_id|current_query|current_database|current_catalog|current_schemas',
    'col_description|obj_description|shobj_description|format_pg_type|format_type|map_to_pg_oid',
    'timetz_byte_comparable|normalized_interval',
    // Files.
    String.raw`(?:read_|parquet_|sniff_|arrow_).*\(\)|glob\(\)|seq_scan\(\)|query\(\)|query_table\(\)|sql_auto_complete\(\)`,
    // Settings, logs, profiles, other people's statements, and what only tests need.
    String.raw`(?:duckdb_|pragma_|enable_|disable_|verify_|storage_|table_|test_|truncate_|show).*\(\)`,
    String.raw`(?:add_parquet_key|all_profiling_output|collations|copy_database|database_list|database_size)\(\)`,
    String.raw`(?:check_peg_parser|checkpoint|force_checkpoint|extension_versions|functions|import_database)\(\)`,
    String.raw`(?:histogram|histogram_values|summary|json_execute_serialized_sql|metadata_info|platform)\(\)`,
    String.raw`(?:user_agent|version|which_secret)\(\)`,
  ].join('|')})$`,
);
