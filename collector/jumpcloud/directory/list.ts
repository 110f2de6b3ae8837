import { isObject, type JsonObject, type JsonValue } from '../../../mappings/json.js';
import { asCollectorError, type CollectorError } from '../../errors.js';
import { damaged } from '../http/json-body.js';
import type { AskDirectory } from './ask.js';

/** A list of the directory API. */
export interface DirectoryList {
  /** From the console's root, without a query. */
  readonly path: string;
  /** `results`: `{results, totalCount}`; `array`: a bare array with `x-total-count`. */
  readonly form: 'results' | 'array';
  readonly query?: Readonly<Record<string, string>>;
  /** The route refuses x-org-id. */
  readonly withoutOrganization?: boolean;
}

/** What takes in the rows of a list. */
export interface ListReceiver {
  /** The list is read from its beginning (again): what came before counts no more. */
  begin(): void;
  /** @returns the row's id, or why it cannot be used */
  row(row: JsonValue): { readonly id: string } | { readonly unusable: string };
}

/** How a list was read. */
export interface ListReading {
  /** Undefined where it is complete: every page was answered, the count held still, ids are unique and account for it. */
  readonly incomplete: string | undefined;
  /** Rows that are null, or that a page lacks though the count includes them. */
  readonly nulls: number;
  /** Different ids. */
  readonly ids: number;
  readonly requests: number;
  /** What ended it early. */
  readonly failure: CollectorError | undefined;
}

/** JumpCloud's largest page of a console list (README.md 3). */
const LIMIT = 100;

/**
 * Reads a list to its end. `skip` advances by `limit`, never by the rows returned: rows that are null are left out of a page
 * but counted by the server's offset. Neither a short page nor `Link` ends a list: its count does, and without a count the
 * first empty page. Where the count moved while it was read, or the rows do not account for it, it is read once more.
 * @throws CollectorError ABORTED; any other failure is in the reading
 */
export async function readList(
  ask: AskDirectory,
  list: DirectoryList,
  receiver: ListReceiver,
  signal?: AbortSignal,
): Promise<ListReading> {
  const first = await readOnce(ask, list, receiver, signal);
  if (first.incomplete === undefined || first.failure !== undefined || !first.moved) return first;
  const second = await readOnce(ask, list, receiver, signal);
  return { ...second, requests: first.requests + second.requests };
}

async function readOnce(
  ask: AskDirectory,
  list: DirectoryList,
  receiver: ListReceiver,
  signal: AbortSignal | undefined,
): Promise<ListReading & { readonly moved: boolean }> {
  receiver.begin();
  const seen = new Set<string>();
  let nulls = 0;
  let twice = 0;
  let requests = 0;
  let firstCount: number | undefined;
  let lastCount: number | undefined;
  let unusable: string | undefined;
  const reading = (incomplete: string | undefined, moved = false, failure?: CollectorError) => ({
    incomplete,
    nulls,
    ids: seen.size,
    requests,
    failure,
    moved,
  });
  for (let skip = 0; ; skip += LIMIT) {
    let page: Page;
    try {
      requests += 1;
      page = await askPage(ask, list, skip, signal);
    } catch (error) {
      const failure = asCollectorError(error);
      if (failure.code === 'ABORTED' || failure.code === 'INTERNAL') throw error;
      return reading(failure.message, false, failure);
    }
    if (skip === 0) firstCount = page.count;
    lastCount = page.count;
    const before = seen.size;
    for (const row of page.rows) {
      if (row === null) {
        nulls += 1;
        continue;
      }
      const taken = receiver.row(row);
      if ('unusable' in taken) unusable ??= taken.unusable;
      else if (seen.has(taken.id)) twice += 1;
      else seen.add(taken.id);
    }
    if (page.count === undefined) {
      // A server that always answers with the same rows would never end.
      const isRepeated = seen.size === before && (twice > 0 || unusable !== undefined);
      if (page.rows.length === 0 || isRepeated) break;
      if (skip > 0 && seen.size === before) return reading('a further page holds nothing but nulls');
    } else {
      nulls += Math.max(0, Math.min(LIMIT, page.count - skip) - page.rows.length);
      if (skip + LIMIT >= page.count) break;
    }
  }
  if (unusable !== undefined) return reading(unusable);
  if (firstCount !== lastCount)
    return reading(`the count went from ${firstCount ?? 'none'} to ${lastCount ?? 'none'} while it was read`, true);
  if (twice > 0) return reading(`${twice} rows came twice`, true);
  if (lastCount !== undefined && seen.size + nulls !== lastCount)
    return reading(`${seen.size + nulls} rows came of ${lastCount}`, true);
  return reading(undefined);
}

interface Page {
  readonly rows: readonly JsonValue[];
  readonly count: number | undefined;
}

async function askPage(
  ask: AskDirectory,
  list: DirectoryList,
  skip: number,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const query = new URLSearchParams({ ...list.query, limit: String(LIMIT), skip: String(skip) });
  const { withoutOrganization = false } = list;
  const { value, headers } = await ask(`${list.path}?${query}`, { withoutOrganization }, signal);
  if (list.form === 'array') {
    if (!Array.isArray(value)) throw damaged('it is not a list');
    return { rows: value, count: countOf(headers['x-total-count']) };
  }
  if (!isObject(value) || !Array.isArray(value.results)) throw damaged('it holds no results');
  return { rows: value.results, count: countOf(value.totalCount) };
}

function countOf(value: JsonValue | readonly string[] | undefined): number | undefined {
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

/** An object's id: `_id` or `id`, which must not differ. */
export function idOf(row: JsonValue): { readonly id: string } | { readonly unusable: string } {
  if (!isObject(row)) return { unusable: 'a row is not an object' };
  const { _id, id } = row as JsonObject;
  const found = _id ?? id;
  if (typeof found !== 'string' || !/^[0-9a-f]{24}$/.test(found)) return { unusable: 'a row has no id' };
  if ((_id ?? found) !== (id ?? found)) return { unusable: 'a row has two different ids' };
  return { id: found };
}
