import type { DeadLetter, DeadLetterReason } from '../../mappings/dead-letter.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { CollectorError } from '../errors.js';
import type { Range } from '../position/time-range.js';
import type { Sink } from '../sinks/sink.js';
import { mapper } from '../version.js';
import { replayedBodies } from './replay-webhooks.js';

/** Which dead letters are wanted. */
export interface LetterSelection {
  readonly reason: string | undefined;
  /** By the record's own time, else the time it was fetched; undefined: all. */
  readonly range: Range | undefined;
}

/**
 * A feed's dead letters, but for those that were replayed.
 * @throws CollectorError USAGE for a sink that cannot read back what it delivered
 */
export async function* unresolvedLetters(
  feed: string,
  sink: Pick<Sink, 'kind' | 'target' | 'peek' | 'unresolvedDeadLetters'>,
  selection: LetterSelection,
): AsyncGenerator<DeadLetter> {
  if (sink.unresolvedDeadLetters === undefined)
    throw new CollectorError(
      'USAGE',
      `The dead letters of ${feed} lie where its sink ${sink.kind} puts them (${sink.target}).`,
      { cure: 'Read them there (stdout: the files *.dead-letters.ndjson); this sink does not list and replay them.' },
    );
  const isReplayed = await replayedBodies(sink, { rawData: false, mapper, target: ocsfTarget });
  for await (const letter of sink.unresolvedDeadLetters())
    if (isWanted(letter, selection) && !isReplayed(letter)) yield letter;
}

function isWanted({ reason, time, fetched_at }: DeadLetter, selection: LetterSelection): boolean {
  if (selection.reason !== undefined && reason !== (selection.reason as DeadLetterReason)) return false;
  if (selection.range === undefined) return true;
  const second = (time ?? fetched_at ?? Number.NaN) / 1000;
  return second >= selection.range.from && second < selection.range.to;
}
