import { join } from 'node:path';
import { CollectorError, storageFailed } from '../../errors.js';
import { fileNameOf } from '../../files/file-name.js';
import { decodeCursor, encodeCursor } from '../../position/cursor-codec.js';
import { DedupeFiles } from '../files/dedupe-files.js';
import type { Closable } from '../files/held-lock.js';
import { SideFile } from '../files/side-file.js';
import { type SocketLock, takeLaneLock } from '../files/socket-lock.js';
import { readLastState, writeState } from '../files/state-file.js';
import type { Batch, Committed, LaneSink } from '../sink.js';
import { isLaneState, type LaneState } from './lane-state.js';
import type { Lines } from './lines.js';
import { type SideBytes, type SideFiles, writeBatch } from './write-batch.js';

/** What a lane of stdout needs of the program around it. */
export interface LaneSetting {
  /** The feed's own directory. */
  readonly directory: string;
  readonly lines: Lines;
  /** The sink's lanes that hold their locks. */
  readonly open: Set<Closable>;
  /** Says where others can write to the directory. */
  readonly lookAtDirectory: () => Promise<void>;
  readonly checkpoint: (step: string) => Promise<void>;
  readonly notice: (message: string) => void;
}

/** Directory of a feed's state. */
export function stateDirectory(directory: string, feed: string): string {
  return join(directory, fileNameOf(feed));
}

const nothing: SideBytes = { deadLetterBytes: 0, rawBytes: 0 };

/** One lane of stdout: lines first, then the files next to the state, then the state. */
export class StdoutLane implements LaneSink {
  readonly #base: string;
  readonly #dedupe: DedupeFiles;
  readonly #beside: SideFiles;
  #lock: SocketLock | undefined;
  /** What is open; undefined: closed, or a commit is in flight or has failed. */
  #opened: { readonly state: LaneState | undefined } | undefined;

  constructor(
    readonly name: string,
    private readonly setting: LaneSetting,
  ) {
    this.#base = join(setting.directory, fileNameOf(name));
    this.#dedupe = new DedupeFiles(`${this.#base}.seen`);
    this.#beside = {
      deadLetters: new SideFile(`${this.#base}.dead-letters.ndjson`),
      raw: new SideFile(`${this.#base}.raw-records.ndjson`),
    };
  }

  async open(): Promise<Committed | undefined> {
    return this.#storing(async () => {
      this.#lock = await takeLaneLock(this.setting.directory, this.name);
      this.setting.open.add(this);
      try {
        await this.setting.lookAtDirectory();
        const state = await this.#lastState();
        const { deadLetterBytes, rawBytes } = state ?? nothing;
        await this.#beside.deadLetters.cutTo(deadLetterBytes);
        await this.#beside.raw.cutTo(rawBytes);
        await this.#dedupe.removeOthers(state?.seen ?? []);
        const dedupe = await this.#dedupe.read(state?.seen ?? []);
        this.#opened = { state };
        return state && { cursor: decodeCursor(state.cursor), dedupe };
      } catch (error) {
        await this.close();
        throw error;
      }
    });
  }

  async commit(batch: Batch): Promise<void> {
    await this.#storing(async () => {
      if (!this.#opened)
        throw new CollectorError('INTERNAL', `Lane ${this.name} is not open.`, {
          cure: 'This is a defect: a lane must be opened again after a commit that failed.',
        });
      const before = this.#opened.state;
      this.#opened = undefined;
      const { lines, checkpoint } = this.setting;
      const sequence = (before?.sequence ?? 0) + 1;
      const bytes = await writeBatch(batch, lines, this.#beside, before ?? nothing, () => checkpoint('commit:written'));
      const seen = await this.#dedupe.write(sequence, before?.seen ?? [], batch.dedupeAdditions, batch.evictBefore);
      const state: LaneState = { sequence, cursor: encodeCursor(batch.cursor), seen, ...bytes };
      await writeState(`${this.#base}.json`, state, () => checkpoint('commit:state'));
      await checkpoint('commit:point');
      await writeState(`${this.#base}.bak`, state);
      await this.#dedupe.removeOthers([...seen, ...(before?.seen ?? [])]);
      await checkpoint('commit:done');
      this.#opened = { state };
    });
  }

  async close(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    this.#opened = undefined;
    this.setting.open.delete(this);
    try {
      await lock?.release();
    } catch (error) {
      this.setting.notice(`The lock of lane ${this.name} was not released cleanly: ${String(error)}`);
    }
  }

  /** The last state; its copy where it is damaged: going back a commit repeats lines, which this sink may. */
  async #lastState(): Promise<LaneState | undefined> {
    const last = await readLastState(this.#base, isLaneState);
    if (last?.copied === undefined) return last?.state;
    await writeState(`${this.#base}.json`, last.state);
    this.setting.notice(
      `The state of lane ${this.name} (${this.#base}.json) could not be used: ${last.copied}. Restored from its copy; the last lines may come again.`,
    );
    return last.state;
  }

  async #storing<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw storageFailed(error, this.setting.directory);
    }
  }
}
