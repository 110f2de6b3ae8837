import { readFile } from 'node:fs/promises';
import { isMissing, replaceFile } from '../files/durable-file.js';
import type { FileFacts } from './sorted-file.js';
import type { StageName } from './stages.js';

/** A reading of the directory, sealed: from here on a delivery that is repeated after a crash delivers the same. */
export interface Manifest {
  readonly version: 1;
  readonly generation: number;
  /** `snap-<RFC 3339>-<generation>` */
  readonly snapshotId: string;
  readonly organization: { readonly id: string; readonly name: string | undefined };
  readonly accountName: string | undefined;
  readonly region: string | undefined;
  /** True where everything is delivered, changed or not. */
  readonly full: boolean;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly stages: readonly SealedStage[];
}

/** How a stage was read, and what may be removed for it. */
export interface SealedStage {
  readonly name: StageName;
  /** Epoch milliseconds: what it shows was so then. */
  readonly observedAt: number;
  /** Undefined where the stage is complete. */
  readonly incomplete: string | undefined;
  /** Lists of an edge stage that are incomplete. */
  readonly incompleteLists: number;
  readonly requests: number;
  readonly ids: number;
  readonly nulls: number;
  readonly file: FileFacts;
  /** Absence in this reading counts: the stage is complete, and no row of it is unexplained. */
  readonly countsAbsence: boolean;
  readonly removals: Removals;
  readonly deadLetters: readonly { readonly reason: string; readonly raw: string }[];
  /** Ids of objects that the list did not show but an edge named, and that were there when they were asked for. */
  readonly lookedUp?: readonly string[];
}

/** What is removed. */
export interface Removals {
  /** Ids of objects (hexadecimal) that are gone. Empty for edges, of which each decides by itself where `allowed`. */
  readonly gone: readonly string[];
  /** Ids that a list lacked but that answered when they were asked for. */
  readonly found: readonly string[];
  /** False where the removals of this stage are held. */
  readonly allowed: boolean;
  /** How many are held, and why. */
  readonly held: number;
  readonly reason: string | undefined;
}

export const noRemovals: Removals = { gone: [], found: [], allowed: true, held: 0, reason: undefined };

/** Writes the manifest, durably: the reading counts from here on. */
export async function seal(directory: string, manifest: Manifest): Promise<void> {
  await replaceFile(`${directory}/manifest.json`, `${JSON.stringify(manifest)}\n`);
}

/** The sealed reading in a directory; undefined where there is none or it cannot be read. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    const value = JSON.parse(await readFile(`${directory}/manifest.json`, 'utf8')) as Manifest;
    return value.version === 1 ? value : undefined;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
