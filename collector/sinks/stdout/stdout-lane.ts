import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CollectorError } from '../../errors.js';
import { exists, fileMode, isMissing, storageFailed, syncDirectory } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { SeenFiles } from '../files/dedupe-files.js';
import type { Closable } from '../files/held-lock.js';
import { readState, writeState } from '../files/state-file.js';
import type { Batch, Committed, Entity, LaneSink } from '../sink.js';
import { isStdoutState, type StdoutState } from './lane-state.js';
import type { Lines } from './lines.js';
import { SocketLock } from './socket-lock.js';

/** What a lane of stdout needs of the program around it. */
export interface StdoutSetting {
  /** The feed's own directory. */
  readonly directory: string;
  readonly lines: Lines;
  /** The sink's lanes that hold their locks. */
  readonly open: Set<Closable>;
  readonly checkpoint: (step: string) => Promise<void>;
  readonly notice: (message: string) => void;
}

/** Directory of a feed's state. */
export function stateDirectory(directory: string, feed: string): string {
  return join(directory, fileNameOf(feed));
}

/** Takes the lock of a lane. @throws CollectorError LANE_IN_USE */
export async function takeLock(directory: string, lane: string): Promise<SocketLock> {
  const lock = await SocketLock.take(`${join(directory, fileNameOf(lane))}.lock`);
  if (lock) return lock;
  throw new CollectorError('LANE_IN_USE', `Lane ${lane} is in use by another collector.`, {
    cure: 'Let the running collector do the work, or stop it first.',
  });
}

/** One lane of stdout: lines first, then the files beside the state, then the state. */
export class StdoutLane implements LaneSink {
  readonly #base: string;
  readonly #seen: SeenFiles;
  #lock: SocketLock | undefined;
  #state: StdoutState | undefined;
  #ready = false;

  constructor(
    readonly name: string,
    private readonly setting: StdoutSetting,
  ) {
    this.#base = join(setting.directory, fileNameOf(name));
    this.#seen = new SeenFiles(`${this.#base}.seen`);
  }

  async open(): Promise<Committed | undefined> {
    return this.#storing(async () => {
      this.#lock = await takeLock(this.setting.directory, this.name);
      this.setting.open.add(this);
      try {
        const state = await this.#lastState();
        await cutTo(this.#deadLetterFile, state?.deadLetterBytes ?? 0);
        await cutTo(this.#rawFile, state?.rawBytes ?? 0);
        await this.#seen.removeOthers(state?.seen ?? []);
        const seen = await this.#seen.read(state?.seen ?? []);
        this.#state = state;
        this.#ready = true;
        return state && { cursor: state.cursor, dedupe: seen };
      } catch (error) {
        await this.close();
        throw error;
      }
    });
  }

  async commit(batch: Batch): Promise<void> {
    await this.#storing(async () => {
      if (!this.#ready)
        throw new CollectorError('INTERNAL', `Lane ${this.name} is not open.`, {
          cure: 'This is a defect: a lane is to be opened anew after a commit that failed.',
        });
      this.#ready = false;
      const before = this.#state;
      const sequence = (before?.sequence ?? 0) + 1;
      await this.setting.lines.write([...batch.events.map(({ text }) => text), ...batch.entities.map(entityLine)]);
      await this.setting.checkpoint('commit:written');
      const deadLetterBytes = await append(this.#deadLetterFile, batch.deadLetters);
      const rawBytes = await append(this.#rawFile, batch.raw);
      const seen = await this.#seen.write(sequence, before?.seen ?? [], batch.dedupeAdditions, batch.evictBefore);
      const state: StdoutState = { sequence, cursor: batch.cursor, seen, deadLetterBytes, rawBytes };
      await writeState(`${this.#base}.json`, state, () => this.setting.checkpoint('commit:state'));
      await this.setting.checkpoint('commit:point');
      await writeState(`${this.#base}.bak`, state);
      await this.#seen.removeOthers([...seen, ...(before?.seen ?? [])]);
      await this.setting.checkpoint('commit:done');
      this.#state = state;
      this.#ready = true;
    });
  }

  async close(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    this.#ready = false;
    this.setting.open.delete(this);
    try {
      await lock?.release();
    } catch (error) {
      this.setting.notice(`The lock of lane ${this.name} was not given back cleanly: ${String(error)}`);
    }
  }

  get #deadLetterFile(): string {
    return `${this.#base}.dead-letters.ndjson`;
  }

  get #rawFile(): string {
    return `${this.#base}.raw-records.ndjson`;
  }

  /** The last state; its copy where it is damaged: going back a commit repeats lines, which this sink may. */
  async #lastState(): Promise<StdoutState | undefined> {
    const stored = await readState(`${this.#base}.json`, isStdoutState);
    if (stored.kind === 'valid') return stored.state;
    const copy = await readState(`${this.#base}.bak`, isStdoutState);
    if (stored.kind === 'absent' && copy.kind === 'absent') return undefined;
    const reason = stored.kind === 'absent' ? 'it is missing' : stored.reason;
    if (copy.kind !== 'valid')
      throw new CollectorError(
        'STATE_CORRUPT',
        `The state of lane ${this.name} (${this.#base}.json) cannot be used: ${reason}.`,
        {
          cure: 'Restore the state’s directory from a backup, or move it away to start anew.',
        },
      );
    await writeState(`${this.#base}.json`, copy.state);
    this.setting.notice(
      `The state of lane ${this.name} (${this.#base}.json) could not be used: ${reason}. Restored from its copy; the last lines may come again.`,
    );
    return copy.state;
  }

  async #storing<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw storageFailed(error, this.setting.directory);
    }
  }
}

/** An entity as a line among those of events: a reader knows it by its only member. */
function entityLine({ type, key, value, observedAt }: Entity): string {
  const head = JSON.stringify({ type, key, observed_at: observedAt, deleted: value === undefined });
  return `{"entity":${head.slice(0, -1)},"value":${value ?? 'null'}}}`;
}

/** Appends one JSON value a line, durably, and returns the file's bytes. */
async function append(path: string, values: readonly unknown[]): Promise<number> {
  if (values.length === 0) return sizeOf(path);
  const isNew = !(await exists(path));
  const handle = await open(path, 'a', fileMode);
  try {
    for (const value of values) await handle.appendFile(`${JSON.stringify(value)}\n`);
    await handle.sync();
    const { size } = await handle.stat();
    if (isNew) await syncDirectory(join(path, '..'));
    return size;
  } finally {
    await handle.close();
  }
}

/** Cuts off what a commit that did not come to pass appended. */
async function cutTo(path: string, bytes: number): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r+');
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  try {
    if ((await handle.stat()).size > bytes) await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const handle = await open(path, 'r');
    try {
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
