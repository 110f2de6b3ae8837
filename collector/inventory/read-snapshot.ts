import { join } from 'node:path';
import type { Clock } from '../clock.js';
import type { CollectorError } from '../errors.js';
import { makeDirectory, syncDirectory } from '../files/durable-file.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { decideEdges, decideObjects } from './decide-removals.js';
import { IdSet } from './id-set.js';
import type { KnownState } from './known-state.js';
import { lookUpEnds, stageOfEnd } from './look-up-ends.js';
import { type Manifest, noRemovals, type SealedStage, seal } from './manifest.js';
import type { InventoryObserver } from './observer.js';
import { type EdgeEnd, readEdges, readObjects, type StageReading } from './read-stage.js';
import { readSorted } from './sorted-file.js';
import { type EdgeStage, edgeStages, objectStages, type StageName, stageNames } from './stages.js';

/** One reading to make. */
export interface SnapshotOrder {
  readonly directory: string;
  readonly head: Omit<Manifest, 'version' | 'stages'>;
  readonly stages: readonly StageName[];
  /** Stages whose held removals an operator released. */
  readonly confirmed: ReadonlySet<StageName>;
  /** No observation is dated at or before this. Epoch milliseconds. */
  readonly after: number;
}

export interface SnapshotParts {
  readonly ask: AskDirectory;
  readonly known: KnownState;
  readonly clock: Clock;
  readonly observer: InventoryObserver;
}

/**
 * Reads the stages into sorted files below the directory, decides what is removed, and seals both in a manifest.
 * @returns the manifest, and the refusal that ended the reading early
 * @throws CollectorError ABORTED, or what node:fs throws; nothing is sealed then
 */
export async function readSnapshot(
  order: SnapshotOrder,
  parts: SnapshotParts,
  signal?: AbortSignal,
): Promise<{ manifest: Manifest; refused: CollectorError | undefined }> {
  const { directory } = order;
  await makeDirectory(directory);
  const stages: SealedStage[] = [];
  let refused: CollectorError | undefined;
  let latest = order.after;
  for (const name of stageNames.filter((stage) => order.stages.includes(stage))) {
    if (refused !== undefined) break;
    latest = Math.max(latest + 1, parts.clock.now());
    const reading = await readStage(name, order, parts, stages, signal);
    refused = reading.refused;
    if (refused === undefined) {
      const known = parts.known.path(name);
      for (const [at, sealed] of stages.entries()) {
        const files = { spool: spoolPath(directory, sealed.name), known };
        stages[at] = await lookUpEnds(sealed, reading.unshown, files, parts.ask, signal);
      }
    }
    const { ids, requests, nulls, incomplete } = reading;
    parts.observer({ type: 'read', stage: name, ids, requests, nulls, incomplete });
    stages.push(await sealedStage(name, reading, latest, order, parts, stages, signal));
  }
  await syncDirectory(directory);
  const manifest: Manifest = { version: 1, ...order.head, stages };
  await seal(directory, manifest);
  return { manifest, refused };
}

/** The file of a stage's reading. */
export function spoolPath(directory: string, stage: string): string {
  return join(directory, `${stage}.spool`);
}

async function readStage(
  name: StageName,
  { directory }: SnapshotOrder,
  { ask, known }: SnapshotParts,
  before: readonly SealedStage[],
  signal: AbortSignal | undefined,
): Promise<StageReading> {
  const path = spoolPath(directory, name);
  const objects = objectStages.find((stage) => stage.name === name);
  if (objects !== undefined) return readObjects(ask, objects, path, signal);
  const edges = edgeStages.find((stage) => stage.name === name);
  if (edges === undefined) throw new Error(`there is no stage ${name}`);
  const isRead = before.some((stage) => stage.name === edges.parents);
  const parents = isRead ? spoolPath(directory, edges.parents) : known.path(edges.parents);
  return readEdges(ask, edges, idsIn(parents), await shownEnds(edges, directory, known, before), path, signal);
}

/** Whether the list of its kind shows an end, or it is known from before. Where that list is incomplete nobody can say: true. */
async function shownEnds(
  { targets }: EdgeStage,
  directory: string,
  known: KnownState,
  before: readonly SealedStage[],
): Promise<(end: EdgeEnd) => boolean> {
  const shown = new Map<EdgeEnd['type'], readonly IdSet[]>();
  for (const type of targets) {
    const stage = before.find(({ name, incomplete }) => name === stageOfEnd[type] && incomplete === undefined)?.name;
    if (stage === undefined) continue;
    shown.set(type, [await IdSet.read(spoolPath(directory, stage)), await IdSet.read(known.path(stage))]);
  }
  return ({ type, id }) => shown.get(type)?.some((ids) => ids.has(id)) ?? true;
}

function* idsIn(path: string | undefined): Generator<string, void, void> {
  for (const { key } of readSorted(path)) yield key.toString('hex');
}

/** Whether the stages of both ends of an edge are complete and their removals not held: only then is an edge's absence its own. */
function endsAreSure(name: StageName, before: readonly SealedStage[]): boolean {
  const parents = edgeStages.find((stage) => stage.name === name)?.parents;
  const ends = ['users', 'groups', parents];
  return ends.every((end) => {
    const sealed = before.find((stage) => stage.name === end);
    return sealed?.countsAbsence === true && sealed.removals.allowed;
  });
}

async function sealedStage(
  name: StageName,
  reading: StageReading,
  observedAt: number,
  order: SnapshotOrder,
  parts: SnapshotParts,
  before: readonly SealedStage[],
  signal: AbortSignal | undefined,
): Promise<SealedStage> {
  const { refused: _, unshown: __, ...rest } = reading;
  const objects = objectStages.find((stage) => stage.name === name);
  const countsAbsence = reading.incomplete === undefined && reading.nulls === 0;
  const sealed = { name, observedAt, ...rest, countsAbsence, removals: noRemovals };
  const read = spoolPath(order.directory, name);
  const confirmed = order.confirmed.has(name);
  const known = parts.known.path(name);
  const removals = objects
    ? await decideObjects(objects, { known, read, countsAbsence, confirmed }, parts.ask, signal)
    : await decideEdges({ known, read, confirmed, endsAreSure: endsAreSure(name, before) });
  if (removals.held > 0) parts.observer({ type: 'held', stage: name, held: removals.held, reason: removals.reason });
  return { ...sealed, removals };
}
