import { breathe } from '../clock.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { diffEdges, diffObjects } from './diff.js';
import { noRemovals, type Removals } from './manifest.js';
import { lookUp } from './read-stage.js';
import { holdReason } from './removal-rules.js';
import { readSorted } from './sorted-file.js';
import type { ObjectStage } from './stages.js';

/** Objects that are asked for one by one before they count as gone; where there are more, two complete readings decide alone. */
const MOST_LOOKED_UP = 100;

/** Files of what was known and of what was read. */
interface Sides {
  readonly known: string | undefined;
  readonly read: string;
  readonly confirmed: boolean;
}

/** Which objects of a stage are gone: absent from this complete reading and from the one before. */
export async function decideObjects(
  stage: ObjectStage,
  sides: Sides & { readonly countsAbsence: boolean },
  ask: AskDirectory,
  signal: AbortSignal | undefined,
): Promise<Removals> {
  if (!sides.countsAbsence || sides.known === undefined) return noRemovals;
  const candidates: string[] = [];
  let known = 0;
  let present = 0;
  const sealed = { countsAbsence: true, removals: noRemovals };
  const pause = breathe();
  for (const { key, before, after } of diffObjects(readSorted(sides.known), readSorted(sides.read), sealed, neutral)) {
    await pause();
    if (before !== undefined) known += 1;
    if (after?.absent === 0) present += 1;
    else if (before !== undefined && before.absent >= 1) candidates.push(key.toString('hex'));
  }
  const held = holdReason({ known, present, removable: candidates.length, confirmed: sides.confirmed });
  if (held !== undefined) return { ...noRemovals, allowed: false, held: candidates.length, reason: held };
  return stage.one === undefined || candidates.length > MOST_LOOKED_UP
    ? { ...noRemovals, gone: candidates }
    : confirmEach(candidates, stage.one, ask, signal);
}

async function confirmEach(
  candidates: readonly string[],
  pathOf: (id: string) => string,
  ask: AskDirectory,
  signal: AbortSignal | undefined,
): Promise<Removals> {
  const gone: string[] = [];
  const found: string[] = [];
  for (const id of candidates) {
    const answer = await lookUp(ask, pathOf(id), signal);
    if (answer === 'refused') break;
    if (answer === 'gone') gone.push(id);
    else if (answer !== 'unknown') found.push(id);
  }
  const unknown = candidates.length - gone.length - found.length;
  const reason = unknown > 0 ? `${unknown} could not be asked for` : undefined;
  return { gone, found, allowed: true, held: unknown, reason };
}

/** Whether the edges that their lists lack for the second time may go. */
export async function decideEdges({
  known: path,
  read,
  confirmed,
  endsAreSure,
}: Sides & { readonly endsAreSure: boolean }): Promise<Removals> {
  if (path === undefined) return noRemovals;
  if (!endsAreSure) return { ...noRemovals, allowed: false, reason: 'the lists of their ends are incomplete or held' };
  let known = 0;
  let present = 0;
  let removable = 0;
  const rules = { ...neutral, allowed: true, isKnown: () => true, hasParent: () => true, gone: new Set<string>() };
  const pause = breathe();
  for (const { before, after } of diffEdges(readSorted(path), readSorted(read), rules)) {
    await pause();
    if (before !== undefined) known += 1;
    if (after === undefined) removable += 1;
    else if (after.absent === 0) present += 1;
  }
  const reason = holdReason({ known, present, removable, confirmed });
  return reason === undefined ? noRemovals : { ...noRemovals, allowed: false, held: removable, reason };
}

const neutral = { observedAt: 0, full: false };
