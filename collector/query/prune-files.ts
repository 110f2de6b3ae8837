import type { DuckDBConnection } from '@duckdb/node-api';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import { REPLAY_LANE } from '../position/lane-name.js';
import { ofLaneId } from '../sinks/tables/data-file.js';
import { inventoryViewNames } from '../sinks/tables/inventory-views.js';
import { deadLetterTable } from '../sinks/tables/table-catalog.js';
import type { LiveFile, TableContent, TablesContent } from '../sinks/tables/tables-snapshot.js';
import { tablesOf } from '../sinks/tables/views.js';
import { type BoundParameter, bindParameters } from './parameters.js';
import type { AdmittedStatement } from './statement-gate.js';
import type { TimeBound } from './time-bounds.js';

/** Epoch milliseconds, both ends inclusive. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** What a view is asked about: a file that holds nothing within any of these ranges need not be opened. */
type RangesByView = ReadonlyMap<string, readonly Range[]>;

const EVERYTHING: Range = { first: Number.NEGATIVE_INFINITY, last: Number.POSITIVE_INFINITY };
/**
 * The files that a statement needs, by table: those of its views that hold something of the time that it asks about.
 * @param connection in the transaction in which the statement will be run: both mean one instant by `now()`
 * @returns undefined where an expression fails, which ends the transaction: no file can be left out
 */
export async function neededFiles(
  connection: DuckDBConnection,
  statement: AdmittedStatement,
  parameters: readonly BoundParameter[],
  snapshot: TablesContent,
): Promise<TablesContent | undefined> {
  const ranges = await rangesOf(connection, statement, parameters).catch(() => undefined);
  if (ranges === undefined) return undefined;
  const wanted = new Map<string, TableContent>();
  for (const [name, table] of snapshot) {
    const files = table.files.filter((file) => statement.views.some((view) => reads(view, file, ranges.get(view))));
    if (files.length > 0) wanted.set(name, { ...table, files });
  }
  return wanted;
}

function reads(view: string, { table, lanes, times }: LiveFile, ranges: readonly Range[] = [EVERYTHING]): boolean {
  const isReplayed = Object.keys(lanes).some((id) => ofLaneId(id).lane === REPLAY_LANE);
  // Says which dead letters are resolved, whatever their time.
  if (view === deadLetterTable.name && isReplayed) return true;
  if (!tablesOf(view).includes(table)) return false;
  // They look at all observations before a statement's condition is applied.
  if (inventoryViewNames.includes(view)) return true;
  return times === undefined || ranges.some(({ first, last }) => times.last >= first && times.first <= last);
}

async function rangesOf(
  connection: DuckDBConnection,
  { bounds }: AdmittedStatement,
  parameters: readonly BoundParameter[],
): Promise<RangesByView> {
  const ranges = new Map<string, Range[]>();
  for (const [view, places] of bounds) {
    const ofView: Range[] = [];
    for (const place of places) ofView.push(await rangeOf(connection, place, parameters));
    ranges.set(view, ofView);
  }
  return ranges;
}

async function rangeOf(
  connection: DuckDBConnection,
  bounds: readonly TimeBound[],
  parameters: readonly BoundParameter[],
): Promise<Range> {
  let { first, last } = EVERYTHING;
  for (const bound of bounds) {
    const at = await instantOf(connection, bound, parameters);
    if (at === undefined) continue;
    // Whole milliseconds: what is left of one counts as its end.
    if (bound.side === 'first') first = Math.max(first, Math.floor(at));
    else last = Math.min(last, Math.ceil(at));
  }
  return { first, last };
}

/** The instant that an expression means, by DuckDB itself; undefined where it means none. @throws what DuckDB throws */
async function instantOf(
  connection: DuckDBConnection,
  { column, expression }: TimeBound,
  parameters: readonly BoundParameter[],
): Promise<number | undefined> {
  const template = await connection.runAndReadAll(`SELECT json_serialize_sql('SELECT 1')`);
  const tree: JsonObject = JSON.parse(String(template.value(0, 0)));
  const node = (tree.statements as JsonObject[])[0]?.node as JsonObject;
  node.select_list = [expression as JsonObject];
  const text = await connection.runAndReadAll('SELECT json_deserialize_sql(?::JSON)', [
    JSON.stringify(withoutPlaces(tree)),
  ]);
  const value = `(${String(text.value(0, 0)).replace(/;\s*$/, '')})`;
  const instant = column === 'time' ? `${value}::DOUBLE` : `epoch_us(${value}::TIMESTAMPTZ)::DOUBLE / 1000`;
  const statement = await connection.prepare(`SELECT ${instant}`);
  try {
    bindParameters(statement, parameters);
    const found = (await statement.runAndReadAll()).value(0, 0);
    return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
  } finally {
    statement.destroySync();
  }
}

/** Places in the text are larger than JavaScript's numbers, and mean nothing here. */
function withoutPlaces(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === 'query_location' ? 0 : withoutPlaces(member)]),
  );
}
