import type { InventoryPosition } from './position.js';
import { edgeStages, type StageName, stageNames } from './stages.js';

/** How often a running feed reads its directory. Milliseconds. */
export interface InventorySchedule {
  readonly interval: number;
  /** Of memberships and assignments. */
  readonly membershipsInterval: number;
  /** After which everything is delivered, changed or not. */
  readonly fullInterval: number;
}

/**
 * The stages to read now, and whether everything is to be delivered. Readings that were missed do not pile up: what is due
 * is due once.
 * @param now epoch milliseconds
 */
export function dueStages(
  position: InventoryPosition | undefined,
  { membershipsInterval, fullInterval }: InventorySchedule,
  now: number,
): { stages: readonly StageName[]; full: boolean } {
  const full = position !== undefined && untilDue(position.fullAt, fullInterval, now) === 0;
  const stages = stageNames.filter((name) => {
    if (full || !isEdges(name)) return true;
    const readAt = position?.readAt[name];
    return readAt === undefined || untilDue(readAt, membershipsInterval, now) === 0;
  });
  return { stages, full };
}

/** Milliseconds until what was done `last` is due again; 0 where it is, and where the clock went back before it. */
export function untilDue(last: number, interval: number, now: number): number {
  const since = now - last;
  return since >= 0 && since < interval ? interval - since : 0;
}

/** The stages with those that they hang on, in the order in which they are read. */
export function withParents(stages: readonly StageName[]): StageName[] {
  const wanted = new Set(stages);
  for (const { name, parents } of edgeStages) if (wanted.has(name)) wanted.add(parents).add('users');
  return stageNames.filter((name) => wanted.has(name));
}

function isEdges(name: StageName): boolean {
  return edgeStages.some((stage) => stage.name === name);
}
