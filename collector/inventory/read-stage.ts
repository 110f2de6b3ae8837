import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { idOf, type ListReading, type ListReceiver, readList } from '../jumpcloud/directory/list.js';
import { project } from '../jumpcloud/directory/projection.js';
import { completeList, incompleteList } from './diff.js';
import { edgeKey, encodeEntry, idKey, listKey, type TargetType } from './entry.js';
import { type FileFacts, type SortedRecord, SortedWriter, Sorter } from './sorted-file.js';
import type { EdgeStage, ObjectStage } from './stages.js';

/** How a stage was read into its spool. */
export interface StageReading {
  readonly incomplete: string | undefined;
  readonly incompleteLists: number;
  readonly requests: number;
  readonly ids: number;
  readonly nulls: number;
  readonly file: FileFacts;
  readonly deadLetters: readonly { readonly reason: string; readonly raw: string }[];
  /** A refused credential: nothing more is asked. */
  readonly refused: CollectorError | undefined;
  /** Ends of edges that the list of their kind did not show, each once, in the order in which they were met. */
  readonly unshown: readonly EdgeEnd[];
}

/** What an edge leads to. */
export interface EdgeEnd {
  readonly type: TargetType;
  readonly id: string;
}

const MOST_DEAD_LETTERS = 100;
const empty = Buffer.alloc(0);

/** Reads a list of objects into a sorted file, projected. */
export async function readObjects(
  ask: AskDirectory,
  stage: ObjectStage,
  path: string,
  signal?: AbortSignal,
): Promise<StageReading> {
  const sorter = new Sorter(path);
  let deadLetters: { reason: string; raw: string }[] = [];
  let discarding: Promise<void> = Promise.resolve();
  const receiver: ListReceiver = {
    begin() {
      deadLetters = [];
      discarding = sorter.discard();
    },
    row(row) {
      const named = idOf(row);
      if ('unusable' in named) {
        if (deadLetters.length < MOST_DEAD_LETTERS)
          deadLetters.push({ reason: named.unusable, raw: describe(row, stage) });
        return named;
      }
      sorter.add(objectRecord(named.id, row as JsonObject, stage));
      return named;
    },
  };
  const reading = await readList(ask, stage.list, receiver, signal);
  await discarding;
  const { ids, nulls, requests } = reading;
  const incomplete = scoped(reading, stage.scope);
  const refused = refusalOf(reading.failure);
  const file = await sorter.finish();
  return { incomplete, incompleteLists: 0, ids, nulls, requests, file, deadLetters, refused, unshown: [] };
}

/** What a spool holds of an object. */
export function objectRecord(id: string, row: JsonObject, { projection }: ObjectStage): SortedRecord {
  const json = Buffer.from(JSON.stringify(project(row, projection)));
  return { key: idKey(id), value: encodeEntry({ absent: 0, known: true, firstSeen: 0, json }) };
}

/**
 * Reads the lists of edges of all parents, one after the other in the order of their ids, each complete or not by itself.
 * @param parents ids in order
 * @param isShown whether the list of its kind showed an end
 */
export async function readEdges(
  ask: AskDirectory,
  stage: EdgeStage,
  parents: Iterable<string>,
  isShown: (end: EdgeEnd) => boolean,
  path: string,
  signal?: AbortSignal,
): Promise<StageReading> {
  const writer = new SortedWriter(path);
  const total = { ids: 0, nulls: 0, requests: 0, incompleteLists: 0 };
  let incomplete: string | undefined;
  let refused: CollectorError | undefined;
  const unshown = new Map<string, EdgeEnd>();
  const value = encodeEntry({ absent: 0, known: true, firstSeen: 0, json: empty });
  try {
    for (const parent of parents) {
      for (const type of stage.targets) {
        if (refused !== undefined) break;
        const { reading, targets } = await readTargets(ask, stage, parent, type, signal);
        total.ids += targets.length;
        total.nulls += reading.nulls;
        total.requests += reading.requests;
        refused = refusalOf(reading.failure);
        const isComplete = reading.incomplete === undefined;
        if (!isComplete) {
          total.incompleteLists += 1;
          incomplete ??= `${parent}: ${scoped(reading, stage.scope)}`;
        }
        const list = listKey(parent, type);
        writer.write({ key: list, value: isComplete && reading.nulls === 0 ? completeList : incompleteList });
        for (const id of targets) {
          writer.write({ key: edgeKey(list, id), value });
          if (!isShown({ type, id })) unshown.set(`${type} ${id}`, { type, id });
        }
      }
    }
    const { incompleteLists: failed, ...counted } = total;
    const more = failed > 1 ? ` (and ${failed - 1} more lists)` : '';
    return {
      ...counted,
      incomplete: incomplete === undefined ? undefined : `${incomplete}${more}`,
      incompleteLists: failed,
      file: await writer.finish(),
      deadLetters: [],
      refused,
      unshown: [...unshown.values()],
    };
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

async function readTargets(
  ask: AskDirectory,
  stage: EdgeStage,
  parent: string,
  type: TargetType,
  signal: AbortSignal | undefined,
): Promise<{ reading: ListReading; targets: string[] }> {
  let targets = new Set<string>();
  const receiver: ListReceiver = {
    begin() {
      targets = new Set();
    },
    row(row) {
      const to = isObject(row) && isObject(row.to) ? row.to : undefined;
      const named = to === undefined ? { unusable: 'a row names no target' } : idOf(to);
      if ('id' in named) targets.add(named.id);
      return named;
    },
  };
  let reading = await readList(ask, stage.list(parent, type), receiver, signal);
  if (reading.failure?.detail === '404' && stage.parent !== undefined)
    reading = { ...reading, incomplete: await explainMissing(ask, stage.parent(parent), reading, signal) };
  return { reading, targets: [...targets].sort() };
}

/** A list that is not there is not an empty one: is its parent gone, or only the list? Neither removes an edge. */
async function explainMissing(
  ask: AskDirectory,
  path: string,
  { incomplete }: ListReading,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const answer = await lookUp(ask, path, signal);
  return answer === 'gone' ? 'it is gone; the next list of its kind decides' : incomplete;
}

/**
 * One object. `gone`: JumpCloud says so in its own form; `refused`: the credential is, and nothing more is to be asked;
 * `unknown`: nobody says. @throws CollectorError ABORTED
 */
export async function lookUp(
  ask: AskDirectory,
  path: string,
  signal: AbortSignal | undefined,
): Promise<JsonObject | 'gone' | 'refused' | 'unknown'> {
  try {
    const { value } = await ask(path, {}, signal);
    return isObject(value) ? value : 'unknown';
  } catch (error) {
    const failure = asCollectorError(error);
    const { code, detail } = failure;
    if (code === 'ABORTED' || code === 'INTERNAL') throw error;
    if (refusalOf(failure) !== undefined) return 'refused';
    // An HTML page of a proxy with this status has another code.
    return code === 'QUERY_REFUSED' && detail === '404' ? 'gone' : 'unknown';
  }
}

function scoped({ incomplete, failure }: ListReading, scope: string): string | undefined {
  return failure?.code === 'ROLE_REFUSED' ? `${incomplete} It needs the scope ${scope}.` : incomplete;
}

/** A 401 ends the snapshot; a 403 its stage alone, because roles differ by list. */
function refusalOf(failure: CollectorError | undefined): CollectorError | undefined {
  return failure?.code === 'CREDENTIAL_REFUSED' || failure?.code === 'CREDENTIAL_MISSING' ? failure : undefined;
}

/** Describes a row without its content. */
function describe(row: JsonValue, stage: ObjectStage): string {
  if (!isObject(row)) return JSON.stringify(Array.isArray(row) ? 'an array' : `a ${typeof row}`);
  const { _id = null, id = null } = row;
  return JSON.stringify({ _id, id, ...project(row, stage.projection) });
}
