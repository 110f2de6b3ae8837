import type { SeededRandom } from './fuzz-run.js';

/** Statements that would write, read a file, or change settings, around the paths of a place. */
function hostile(pick: SeededRandom, places: readonly string[]): string {
  const path = `'${pick.of(places)}'`;
  return pick.of([
    `COPY (SELECT 1 a, 'x' b) TO ${path} (FORMAT csv)`,
    ...Array<string>(4).fill(`COPY (SELECT 1 a, 'x' b) TO ${path} (FORMAT parquet, USE_TMP_FILE false)`),
    `COPY (SELECT 1 a, 'x' b) TO ${path} (FORMAT csv, PARTITION_BY (b), OVERWRITE true)`,
    `COPY events TO ${path}`,
    `COPY events FROM ${path}`,
    `EXPORT DATABASE ${path}`,
    `IMPORT DATABASE ${path}`,
    `ATTACH ${path} AS other`,
    `INSTALL ${path}`,
    `LOAD ${path}`,
    'INSTALL httpfs',
    `SET temp_directory = ${path}`,
    `PRAGMA enable_profiling = 'json'`,
    `PRAGMA profiling_output = ${path}`,
    `CALL enable_logging(storage_path = ${path})`,
    `CREATE MACRO m() AS TABLE SELECT * FROM read_text(${path})`,
    `CREATE TABLE t AS SELECT * FROM read_csv(${path})`,
    `CREATE SECRET s (TYPE s3)`,
    'DROP VIEW events',
    'INSERT INTO events SELECT * FROM events',
    'CHECKPOINT',
    'VACUUM',
    `SELECT * FROM read_text(${path})`,
    `SELECT * FROM read_blob(${path})`,
    `SELECT * FROM read_csv(${path}, header = false, columns = {'a': 'VARCHAR'})`,
    `SELECT * FROM read_json_auto(${path})`,
    `SELECT * FROM read_parquet(${path})`,
    `SELECT * FROM parquet_metadata(${path})`,
    `SELECT * FROM sniff_csv(${path})`,
    `SELECT * FROM glob(${path})`,
    `SELECT * FROM query('SELECT * FROM read_text(' || chr(39) || '${pick.of(places)}' || chr(39) || ')')`,
    `SELECT * FROM query_table(${path})`,
    `SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))`,
    `SELECT * FROM sql_auto_complete(${path})`,
    `SELECT * FROM duckdb_settings()`,
    `SELECT current_setting('allowed_paths')`,
    `SELECT write_log('x')`,
    `FROM ${path}`,
    `SUMMARIZE ${path}`,
    `DESCRIBE ${path}`,
  ]);
}

/** Statements that the gate admits: what is wrong with one that is made of them is around them. */
const harmless = [
  'SELECT * FROM events',
  'SELECT event_code, count(*) FROM events GROUP BY ALL',
  'SELECT 1 a, 2 b',
  'VALUES (1)',
  'FROM range(3) SELECT range AS a',
  'SHOW TABLES',
];

const blanks = [
  ' ',
  '\n',
  '\t',
  '\r',
  '\u00a0',
  '\u2003',
  '\u3000',
  '\ufeff',
  '/* */',
  '/* /* */ */',
  '--\n',
  '-- x\r',
  '--\u2028',
];

/**
 * A statement of DuckDB's grammar, right or wrong, by a seeded choice: a hostile one as it is, nested in what holds
 * statements, after or before another, spoiled at a place, or words of the grammar in any order.
 */
export function randomStatement(pick: SeededRandom, keywords: readonly string[], places: readonly string[]): string {
  const inner = pick.below(3) === 0 ? pick.of(harmless) : hostile(pick, places);
  const blank = () => pick.of(blanks);
  const word = () => pick.of(keywords);
  const nested: (() => string)[] = [
    () => inner,
    () => `EXPLAIN${blank()}${inner}`,
    // What a statement does that EXPLAIN carries out is the way that was once open: often.
    ...Array<() => string>(5).fill(() => `EXPLAIN${blank()}ANALYZE${blank()}${inner}`),
    () => `${blank()}EXPLAIN (${pick.of(['ANALYZE', 'FORMAT json', word()])})${blank()}${inner}`,
    () => `EXPLAIN EXPLAIN ANALYZE ${inner}`,
    () => `WITH c AS (${inner}) SELECT * FROM c`,
    () => `WITH RECURSIVE c AS (${inner} UNION ALL SELECT * FROM c) FROM c`,
    () => `WITH events AS MATERIALIZED (${inner}) FROM events`,
    () => `PREPARE p AS ${inner}`,
    () => `EXECUTE p(${pick.of(['1', 'x := 1'])})`,
    () => `CREATE MACRO m(x) AS (${inner})`,
    () => `CREATE OR REPLACE TEMP VIEW v AS ${inner}`,
    () => `SELECT (${inner})`,
    () => `SELECT * FROM (${inner}) LIMIT (${hostile(pick, places)})`,
    () => `SELECT list_transform([1], lambda x: (${inner}))`,
    () => `SELECT 1 WHERE EXISTS (${inner}) OR 1 IN (${hostile(pick, places)})`,
    () => `SELECT * FROM events, LATERAL (${inner})`,
    () => `(${inner}) UNION ALL BY NAME (${hostile(pick, places)})`,
    () => `PIVOT (${inner}) ON ${word()} USING count(*)`,
    () => `PIVOT (${inner}) ON a IN (1, 2) USING first(b)`,
    () => `DESCRIBE${blank()}${inner}`,
    () => `SUMMARIZE${blank()}${inner}`,
    () => `SELECT 1${pick.of([';', ';;', `;${blank()}`, '\0;'])}${inner}`,
    () => `${inner}; SELECT 1`,
    () => `${pick.of(['BEGIN', 'COMMIT', 'PRAGMA', 'CALL', 'LOAD', 'USE', word()])} ${inner}`,
    () => inner.replaceAll(' ', blank()),
    () => spoiled(pick, inner, word),
    () => Array.from({ length: 1 + pick.below(8) }, word).join(' '),
    () => `SELECT ${word()}(${word()}) FROM ${word()} ${word()} ${word()}`,
    () =>
      `${pick.of(['SELECT', 'FROM', 'WITH', 'EXPLAIN'])} ${Array.from({ length: pick.below(6) }, word).join(blank())} ${inner}`,
  ];
  const text = pick.of(nested)();
  return pick.below(4) === 0 ? spoiled(pick, text, word) : text;
}

/** With a character or a word taken out, doubled or put in. */
function spoiled(pick: SeededRandom, text: string, word: () => string): string {
  const at = pick.below(text.length + 1);
  return pick.of([
    () => text.slice(0, at) + text.slice(at + 1 + pick.below(4)),
    () => `${text.slice(0, at)} ${word()} ${text.slice(at)}`,
    () =>
      text.slice(0, at) +
      pick.of(["'", '"', '$$', ';', '(', ')', '/*', '*/', '--', '\\', '`', '\0', '\ud800', '::']) +
      text.slice(at),
    () => (pick.below(2) === 0 ? text.toUpperCase() : text.toLowerCase()),
    () => text + text.slice(at),
  ])();
}
