import type { SideFile } from '../files/side-file.js';
import type { Batch, Entity } from '../sink.js';
import type { Lines } from './lines.js';

/** The files next to a lane's state. */
export interface SideFiles {
  readonly deadLetters: SideFile;
  readonly raw: SideFile;
}

/** How many bytes of each file next to the state count. */
export interface SideBytes {
  readonly deadLetterBytes: number;
  readonly rawBytes: number;
}

/**
 * Writes events and entities as lines, then dead letters and raw records into the files next to the state.
 * @param before the bytes of those files at the last commit
 * @param linesWritten called in between
 */
export async function writeBatch(
  batch: Batch,
  lines: Lines,
  { deadLetters, raw }: SideFiles,
  before: SideBytes,
  linesWritten: () => Promise<void>,
): Promise<SideBytes> {
  await lines.write([...batch.events.map(({ text }) => text), ...batch.entities.map(entityLine)]);
  await linesWritten();
  return {
    deadLetterBytes:
      batch.deadLetters.length === 0 ? before.deadLetterBytes : await deadLetters.append(batch.deadLetters),
    rawBytes: batch.raw.length === 0 ? before.rawBytes : await raw.append(batch.raw),
  };
}

/** An entity as a line among those of events: a reader knows it by its only member. */
function entityLine({ type, key, value, observedAt }: Entity): string {
  const head = JSON.stringify({ type, key, observed_at: observedAt, deleted: value === undefined });
  return `{"entity":${head.slice(0, -1)},"value":${value ?? 'null'}}}`;
}
