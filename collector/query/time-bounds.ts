import { isObject, type JsonValue } from '../../mappings/json.js';

// Which range of time a statement asks a view about, read off its parse tree (DuckDB's json_serialize_sql). Whatever is not
// understood bounds nothing: a file that is opened in vain costs time, one that is left out costs rows.

type Node = Readonly<Record<string, JsonValue>>;

/** A comparison of `time` or `time_dt` with an expression that names no column. */
export interface TimeBound {
  readonly column: 'time' | 'time_dt';
  readonly side: 'first' | 'last';
  /** Part of the parse tree. */
  readonly expression: Node;
}

/** For each place where a view is read, the bounds that every row of it has to keep. */
export type BoundsByView = ReadonlyMap<string, readonly (readonly TimeBound[])[]>;

/** Calls that give the same whenever they are asked within one statement. */
const STEADY: ReadonlySet<string> = new Set([
  ...[
    '+',
    '-',
    '*',
    '/',
    'trunc',
    'floor',
    'least',
    'greatest',
    'round',
    'now',
    'get_current_timestamp',
    'current_timestamp',
    'transaction_timestamp',
  ],
  ...[
    'today',
    'current_date',
    'date_trunc',
    'datetrunc',
    'to_timestamp',
    'make_timestamptz',
    'make_timestamp',
    'make_date',
  ],
  ...[
    'epoch_ms',
    'epoch',
    'strptime',
    'timezone',
    'date_add',
    'date_sub',
    'to_years',
    'to_months',
    'to_weeks',
    'to_days',
  ],
  ...['to_hours', 'to_minutes', 'to_seconds', 'to_milliseconds'],
]);

const SIDES: Readonly<Record<string, readonly ('first' | 'last')[]>> = {
  COMPARE_GREATERTHAN: ['first'],
  COMPARE_GREATERTHANOREQUALTO: ['first'],
  COMPARE_LESSTHAN: ['last'],
  COMPARE_LESSTHANOREQUALTO: ['last'],
  COMPARE_EQUAL: ['first', 'last'],
};

const SWAPPED = { first: 'last', last: 'first' } as const;

/**
 * The bounds of each view that a statement reads.
 * @param selects every SELECT of the tree, subqueries and common table expressions among them
 * @param tables every table that is named anywhere in the tree
 */
export function timeBounds(selects: readonly Node[], tables: readonly Node[]): BoundsByView {
  const bounded = new Map<Node, readonly TimeBound[]>();
  for (const select of selects) {
    const named = tablesIn(select.from_table);
    const bounds = named === undefined ? [] : conjunctsOf(select.where_clause).flatMap(boundsOf);
    for (const table of named ?? [])
      bounded.set(
        table,
        bounds.filter(({ qualifier }) => (qualifier === undefined ? named?.length === 1 : isNamed(table, qualifier))),
      );
  }
  const views = new Map<string, (readonly TimeBound[])[]>();
  for (const table of tables) {
    const name = fold(table.table_name);
    views.set(name, [...(views.get(name) ?? []), bounded.get(table) ?? []]);
  }
  return views;
}

/** The tables of a FROM clause; undefined where rows that are left out could change more than their own row. */
function tablesIn(from: JsonValue | undefined): Node[] | undefined {
  if (!isObject(from) || from.sample !== null) return undefined;
  if (from.type === 'BASE_TABLE') return isEmpty(from.column_name_alias) ? [from] : undefined;
  const isPlain = from.type === 'JOIN' && (from.ref_type === 'REGULAR' || from.ref_type === 'CROSS');
  if (!isPlain || !['INNER', 'LEFT', 'RIGHT', 'OUTER', 'FULL'].includes(String(from.join_type))) return undefined;
  const [left, right] = [tablesOrOther(from.left), tablesOrOther(from.right)];
  return left && right && [...left, ...right];
}

/** A subquery joined to a table is a SELECT of its own; it makes unqualified names ambiguous. */
function tablesOrOther(from: JsonValue | undefined): Node[] | undefined {
  return isObject(from) && from.type === 'SUBQUERY' ? [from] : tablesIn(from);
}

function conjunctsOf(where: JsonValue | undefined): Node[] {
  if (!isObject(where)) return [];
  if (where.type !== 'CONJUNCTION_AND' || !Array.isArray(where.children)) return [where];
  return where.children.flatMap(conjunctsOf);
}

interface QualifiedBound extends TimeBound {
  readonly qualifier: string | undefined;
}

function boundsOf(node: Node): QualifiedBound[] {
  if (node.type === 'COMPARE_BETWEEN')
    return [...compare(node.input, node.lower, ['first']), ...compare(node.input, node.upper, ['last'])];
  const sides = SIDES[String(node.type)];
  if (sides === undefined) return [];
  return [
    ...compare(node.left, node.right, sides),
    ...compare(
      node.right,
      node.left,
      sides.map((side) => SWAPPED[side]),
    ),
  ];
}

function compare(
  column: JsonValue | undefined,
  expression: JsonValue | undefined,
  sides: readonly ('first' | 'last')[],
): QualifiedBound[] {
  if (!isObject(column) || column.class !== 'COLUMN_REF' || !Array.isArray(column.column_names)) return [];
  const names = column.column_names.map(fold);
  const name = names.at(-1);
  if (names.length > 2 || (name !== 'time' && name !== 'time_dt')) return [];
  if (!isObject(expression) || !isSteady(expression)) return [];
  const qualifier = names.length === 2 ? names[0] : undefined;
  return sides.map((side) => ({ column: name, side, expression, qualifier }));
}

/** Whether an expression names no column and gives the same whenever it is asked. */
function isSteady(tree: Node): boolean {
  const waiting: JsonValue[] = [tree];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) {
      if (['COLUMN_REF', 'SUBQUERY', 'LAMBDA', 'WINDOW', 'STAR'].includes(String(value.class))) return false;
      if ('function_name' in value && !STEADY.has(fold(value.function_name))) return false;
    }
    for (const member of Object.values(value)) waiting.push(member);
  }
  return true;
}

function isNamed(table: Node, qualifier: string): boolean {
  const alias = fold(table.alias);
  return alias === '' ? fold(table.table_name) === qualifier : alias === qualifier;
}

function isEmpty(list: JsonValue | undefined): boolean {
  return list === undefined || (Array.isArray(list) && list.length === 0);
}

function fold(name: JsonValue | undefined): string {
  return typeof name === 'string' ? name.toLowerCase() : '';
}
