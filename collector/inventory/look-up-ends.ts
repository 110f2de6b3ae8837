import { rename } from 'node:fs/promises';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { idOf } from '../jumpcloud/directory/list.js';
import { edgeParts } from './entry.js';
import type { SealedStage } from './manifest.js';
import { type EdgeEnd, lookUp, objectRecord } from './read-stage.js';
import { type FileFacts, readSorted, type SortedRecord, SortedWriter } from './sorted-file.js';
import { objectStages, type StageName } from './stages.js';

/** Objects that are asked for one by one; the next list shows the others. */
const MOST_LOOKED_UP = 100;

/** Whose list shows an end. */
export const stageOfEnd: Readonly<Partial<Record<EdgeEnd['type'], StageName>>> = {
  user: 'users',
  user_group: 'groups',
};

/**
 * Asks once for each object that an edge names and its own list does not show: mostly it came while the lists were read. What
 * is there joins the spool of its stage, and so is delivered before the edge.
 * @param sealed the stage of the objects, and `spool` its file
 * @param known file of the edges that are known: what they name was asked for when they came
 */
export async function lookUpEnds(
  sealed: SealedStage,
  unshown: readonly EdgeEnd[],
  { spool, known }: { readonly spool: string; readonly known: string | undefined },
  ask: AskDirectory,
  signal: AbortSignal | undefined,
): Promise<SealedStage> {
  const stage = objectStages.find(({ name }) => name === sealed.name);
  const ids = new Set(unshown.filter(({ type }) => stageOfEnd[type] === sealed.name).map(({ id }) => id));
  if (stage?.one === undefined || ids.size === 0) return sealed;
  for (const { key } of readSorted(known)) ids.delete(edgeParts(key).target ?? '');
  const found: SortedRecord[] = [];
  let requests = 0;
  for (const id of [...ids].sort().slice(0, MOST_LOOKED_UP)) {
    requests += 1;
    const answer = await lookUp(ask, stage.one(id), signal);
    // Whoever does not answer for one is not asked for a hundred.
    if (answer === 'refused' || answer === 'unknown') break;
    if (answer === 'gone') continue;
    const named = idOf(answer);
    if ('id' in named && named.id === id) found.push(objectRecord(id, answer, stage));
  }
  if (found.length === 0) return { ...sealed, requests: sealed.requests + requests };
  const lookedUp = [...(sealed.lookedUp ?? []), ...found.map(({ key }) => key.toString('hex'))];
  return { ...sealed, requests: sealed.requests + requests, lookedUp, file: await withRecords(spool, found) };
}

/** @param added in order of their keys, none of which the file has */
async function withRecords(path: string, added: readonly SortedRecord[]): Promise<FileFacts> {
  const staged = `${path}.staged`;
  const writer = new SortedWriter(staged);
  let at = 0;
  for (const record of readSorted(path)) {
    for (let next = added[at]; next && Buffer.compare(next.key, record.key) < 0; next = added[++at]) writer.write(next);
    writer.write(record);
  }
  for (const record of added.slice(at)) writer.write(record);
  const facts = await writer.finish();
  await rename(staged, path);
  return facts;
}
