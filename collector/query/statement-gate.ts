import { isObject, type JsonValue } from '../../mappings/json.js';
import { nearest } from '../config/did-you-mean.js';
import { CollectorError } from '../errors.js';
import { harmlessFunctions, harmlessTableFunctions } from './harmless-functions.js';
import { type BoundsByView, timeBounds } from './time-bounds.js';

/** A statement as it may be handed to the gate's parser: the SELECT, and the EXPLAIN that stood before it. */
export interface SplitStatement {
  readonly explain: '' | 'EXPLAIN ' | 'EXPLAIN ANALYZE ';
  readonly select: string;
}

/** A statement that only reads. */
export interface AdmittedStatement {
  /** What to run. */
  readonly sql: string;
  /** Views that it names, as they are spelled in `views`. */
  readonly views: readonly string[];
  /** It asks which views there are (SHOW TABLES, the information schema). */
  readonly listsViews: boolean;
  /** What of time it asks each view about. */
  readonly bounds: BoundsByView;
}

/** Characters; parsing takes some hundred times as many bytes. */
const longestStatement = 1024 * 1024;
const blank = String.raw`(?:\s|--[^\n\r]*(?:[\n\r]|$)|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)`;
const explainPattern = new RegExp(`^${blank}*EXPLAIN(?:${blank}+(ANALYZE)(?![\\w$]))?(?![\\w$])`, 'i');
const onlyRead = 'Use SELECT, WITH, VALUES, PIVOT, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN of these.';

/**
 * Takes EXPLAIN off a statement, since DuckDB's `json_serialize_sql` takes none. What is run is put together again from
 * the parts, so nothing hangs on reading comments as DuckDB does: the rest has to be a SELECT by itself.
 * @throws CollectorError USAGE for a text that DuckDB would not read whole.
 */
export function splitStatement(text: string): SplitStatement {
  if (text.length > longestStatement)
    throw new CollectorError('USAGE', `The statement is longer than ${longestStatement} characters.`, {
      cure: 'Put fewer values into it, or ask several times.',
    });
  // DuckDB's interface for C ends a statement at the first NUL.
  if (text.includes('\0') || !text.isWellFormed())
    throw new CollectorError('USAGE', 'The statement holds a character that is none: NUL, or half of a pair.', {
      cure: 'Write the character in SQL: chr(0).',
    });
  const [prefix, analyze] = explainPattern.exec(text) ?? [];
  if (prefix === undefined) return { explain: '', select: text };
  return { explain: analyze ? 'EXPLAIN ANALYZE ' : 'EXPLAIN ', select: text.slice(prefix.length) };
}

/**
 * Judges a statement by its parse tree, before anything is prepared: preparing alone makes directories (EXPORT) and
 * reads files (IMPORT).
 * @param serialized what DuckDB's `json_serialize_sql` says of `statement.select`
 * @param views names of the views that may be read
 * @throws CollectorError USAGE for all but one statement that reads these views and calls harmless functions.
 */
export function admit(statement: SplitStatement, serialized: string, views: ReadonlySet<string>): AdmittedStatement {
  const tree: JsonValue = JSON.parse(serialized);
  if (!isObject(tree) || tree.error !== false) throw refusedByParser(statement, isObject(tree) ? tree : {});
  const count = Array.isArray(tree.statements) ? tree.statements.length : 0;
  if (count !== 1)
    throw new CollectorError('USAGE', `One statement is needed, not ${count}.`, {
      cure: 'Put one statement in quotes, without a semicolon between statements.',
    });
  const nodes = objectsIn(tree);
  const ctes = new Set(nodes.flatMap(({ cte_map }) => keysOf(cte_map)));
  const named = new Set<string>();
  for (const node of nodes) {
    checkFunction(node);
    if (node.type === 'BASE_TABLE') for (const name of tableOf(node, views, ctes)) named.add(name);
    if (node.type === 'SHOW_REF') checkShow(node);
  }
  const listsViews = nodes.some(
    ({ type, schema_name }) =>
      type === 'SHOW_REF' || (typeof schema_name === 'string' && fold(schema_name) === 'information_schema'),
  );
  const bounds = timeBounds(
    nodes.filter(({ type }) => type === 'SELECT_NODE'),
    nodes.filter(({ type }) => type === 'BASE_TABLE'),
  );
  return { sql: statement.explain + statement.select, views: [...named], listsViews, bounds };
}

type Node = Readonly<Record<string, JsonValue>>;

/** Every object of the tree. Without recursion: statements nest as deep as their author likes. */
function objectsIn(tree: JsonValue): Node[] {
  const found: Node[] = [];
  const waiting: JsonValue[] = [tree];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) found.push(value);
    for (const member of Object.values(value)) waiting.push(member);
  }
  return found;
}

function keysOf(map: JsonValue | undefined): string[] {
  if (!isObject(map) || !Array.isArray(map.map)) return [];
  return map.map.flatMap((entry) => (isObject(entry) && typeof entry.key === 'string' ? [fold(entry.key)] : []));
}

function checkFunction(node: Node): void {
  if (node.type === 'TABLE_FUNCTION') {
    const name = isObject(node.function) ? node.function.function_name : undefined;
    if (!isListed(harmlessTableFunctions, name)) throw refusedFunction(name, 'table');
  } else if (
    'function_name' in node &&
    !isListed(harmlessFunctions, node.function_name) &&
    // The call within a TABLE_FUNCTION is met here again.
    !isListed(harmlessTableFunctions, node.function_name)
  )
    throw refusedFunction(node.function_name, 'scalar');
}

function isListed(names: ReadonlySet<string>, name: JsonValue | undefined): boolean {
  return typeof name === 'string' && names.has(fold(name));
}

function refusedFunction(name: JsonValue | undefined, kind: 'table' | 'scalar'): CollectorError {
  const alike = nearest(String(name), kind === 'table' ? harmlessTableFunctions : harmlessFunctions);
  return new CollectorError('USAGE', `The function ${shown(name)} is not one that a statement may call here.`, {
    cure: `Functions that open files, settings, logs or DuckDB itself are refused${alike === undefined ? '' : `; did you mean ${alike}?`}`,
  });
}

const schemasOfViews: ReadonlySet<string> = new Set(['', 'main', 'memory']);
const informationSchema: ReadonlySet<string> = new Set(['tables', 'columns']);

/**
 * Outside the scope of a common table expression its name would mean one of DuckDB's own views (duckdb_views()), or a file.
 */
const notForTables = /^(?:duckdb|pragma|sqlite|pg)_|[./\\:]/;

/** The view that a table's name means; none for a common table expression or the information schema. */
function tableOf(node: Node, views: ReadonlySet<string>, ctes: ReadonlySet<string>): string[] {
  const [catalog, schema, table] = [node.catalog_name, node.schema_name, node.table_name].map((name) =>
    typeof name === 'string' ? fold(name) : '',
  ) as [string, string, string];
  if (schema === 'information_schema' && informationSchema.has(table)) return [];
  if (schemasOfViews.has(schema) && (catalog === '' || catalog === 'memory')) {
    if (views.has(table)) return [table];
    if (schema === '' && ctes.has(table) && !notForTables.test(table)) return [];
  }
  const alike = nearest(table, views);
  throw new CollectorError('USAGE', `There is no table ${shown(node.table_name)}.`, {
    cure: `${alike === undefined ? '' : `Did you mean ${alike}? `}There are ${[...views].join(', ')}; DESCRIBE one of them for its columns.`,
  });
}

const shows: ReadonlySet<string> = new Set(['', '"tables"', '"databases"', '__show_tables_expanded']);

function checkShow({ table_name: name }: Node): void {
  if (typeof name === 'string' && shows.has(fold(name))) return;
  throw new CollectorError('USAGE', `SHOW ${shown(name)} is not answered here.`, { cure: 'Use SHOW TABLES.' });
}

function refusedByParser({ explain, select }: SplitStatement, tree: Node): CollectorError {
  if (tree.error_type !== 'not implemented')
    return new CollectorError('USAGE', `Parser Error: ${tree.error_message ?? 'unknown'}${excerpt(select, tree)}`, {
      cure: onlyRead,
    });
  const pivots = explain === '' && /\bPIVOT\b/i.test(select);
  return new CollectorError('USAGE', 'The tables are only read here.', {
    cure: pivots ? 'Say which values PIVOT makes into columns: ON column IN (…).' : onlyRead,
  });
}

/** What the parser stumbled over, with what follows it. */
function excerpt(select: string, { position }: Node): string {
  const bytes = Number(position);
  if (!Number.isSafeInteger(bytes)) return '';
  const rest = Buffer.from(select).subarray(bytes).toString().replace(/\s+/g, ' ').trim();
  return rest === '' ? ', at its end' : `, before: ${rest.slice(0, 60)}`;
}

/** DuckDB compares names without regard to case. */
function fold(name: string): string {
  return name.toLowerCase();
}

function shown(name: JsonValue | undefined): string {
  return JSON.stringify(name ?? '').slice(0, 100);
}
