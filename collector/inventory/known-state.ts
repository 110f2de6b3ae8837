import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../files/durable-file.js';
import { readState, writeState } from '../sinks/files/state-file.js';
import type { DeliveredName } from './stages.js';

interface StageFile {
  /** The generation whose delivery made it. */
  readonly generation: number;
  /** Name of the file below the directory. */
  readonly file: string;
  /** Objects or edges in it. */
  readonly records: number;
}

type Files = Readonly<Partial<Record<DeliveredName, StageFile>>>;

/**
 * What was delivered last of each stage, in sorted files. A stage's file is replaced as a whole when all of its changes
 * have been delivered; what is repeated after a crash starts from the file before.
 */
export class KnownState {
  #files: Files = {};

  private constructor(private readonly directory: string) {}

  /** @returns undefined where the state is missing or damaged */
  static async open(directory: string): Promise<KnownState | undefined> {
    const read = await readState(join(directory, 'known.json'), isFiles);
    if (read.kind !== 'valid') return undefined;
    const state = new KnownState(directory);
    state.#files = read.state;
    return state;
  }

  static async create(directory: string): Promise<KnownState> {
    await makeDirectory(directory);
    return new KnownState(directory);
  }

  /** Path of a stage's file; undefined where it was never delivered. */
  path(stage: DeliveredName): string | undefined {
    const found = this.#files[stage];
    return found && join(this.directory, found.file);
  }

  /** The generation that a stage's file is of; 0 where there is none. */
  generation(stage: DeliveredName): number {
    return this.#files[stage]?.generation ?? 0;
  }

  records(stage: DeliveredName): number {
    return this.#files[stage]?.records ?? 0;
  }

  /** Where the next file of a stage is written before it takes the place of the last one. */
  next(stage: DeliveredName, generation: number): string {
    return join(this.directory, `${stage}.${generation}.known`);
  }

  /** Makes the file written at `next` the stage's, durably. */
  async replace(stage: DeliveredName, generation: number, records: number): Promise<void> {
    const before = this.#files[stage]?.file;
    const file = `${stage}.${generation}.known`;
    this.#files = { ...this.#files, [stage]: { generation, file, records } };
    await writeState(join(this.directory, 'known.json'), this.#files);
    if (before !== undefined && before !== file) await rm(join(this.directory, before), { force: true });
  }

  /** Makes the files written at `next` those of their stages, all at once and durably. */
  async replaceAll(generation: number, records: ReadonlyMap<DeliveredName, number>): Promise<void> {
    const files = [...records].map(([stage, count]) => [
      stage,
      { generation, file: `${stage}.${generation}.known`, records: count },
    ]);
    this.#files = { ...this.#files, ...(Object.fromEntries(files) as Files) };
    await writeState(join(this.directory, 'known.json'), this.#files);
  }

  /** The newest generation of any file. */
  get newest(): number {
    return Math.max(0, ...Object.values(this.#files).map(({ generation }) => generation));
  }
}

/** Removes everything in a directory of an inventory but what a generation needs. */
export async function removeGenerations(directory: string, keep: number | undefined): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const generation = /^generation-(\d+)$/.exec(name)?.[1];
    if (generation !== undefined && Number(generation) !== keep)
      await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isFiles(value: unknown): value is Files {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((file: Partial<StageFile> | null) => typeof file?.file === 'string')
  );
}
