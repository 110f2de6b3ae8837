import { join } from 'node:path';
import type { Clock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { fileNameOf } from '../../files/file-name.js';
import { decodeCursor, encodeCursor } from '../../position/cursor-codec.js';
import { DedupeFiles, dedupeFileName } from '../files/dedupe-files.js';
import type { Closable } from '../files/held-lock.js';
import { readState, type StateRead, writeCopy, writeState } from '../files/state-file.js';
import type { Rewriting } from '../rewriting.js';
import type { Batch, Committed, LaneSink, RewritableLane } from '../sink.js';
import {
  type Appended,
  appendToLogs,
  missingNotice,
  nothingUnlogged,
  repairLogs,
  type Unlogged,
} from './append-to-logs.js';
import { type DataFile, laneId } from './data-file.js';
import { Engine, type EngineLimits } from './engine.js';
import { tablesFailed } from './error-table.js';
import { noteRetention } from './feed-retention.js';
import { LaneFiles } from './lane-files.js';
import { isLaneState, type LaneState } from './lane-state.js';
import { filePrefix, sequenceOf, stateDirectory } from './layout.js';
import { takeLock } from './lock-file.js';
import { describeParquet } from './parquet.js';
import { rewriteFiles } from './rewrite-files.js';
import { classTables } from './table-catalog.js';
import { awaitTables } from './table-lock.js';
import { TablesLogs } from './tables-logs.js';
import { readTables, unloggedOf } from './tables-snapshot.js';
import { writeBatch } from './write-batch.js';

/** What a lane of the tables needs of the program around it. */
export interface LaneSetting {
  readonly directory: string;
  readonly feed: string;
  readonly limits: EngineLimits;
  /** The sink's lanes that hold their locks. */
  readonly open: Set<Closable>;
  readonly clock: Pick<Clock, 'now'>;
  /** Says where others can write to the directory. */
  readonly lookAtDirectory: () => Promise<void>;
  /** Called at each step that a crash may follow; tests stop there. */
  readonly checkpoint: (step: string) => Promise<void>;
  /** Days that the feed keeps; undefined: all. */
  readonly keepDays: number | undefined;
  /** Called once a lane is open, and after each commit. */
  readonly afterOpen: () => Promise<void>;
  readonly afterCommit: () => Promise<void>;
  /** Told how many committed files a lane's logs lack. */
  readonly unlogged: (lane: string, files: number) => void;
  /** Called with what an operator should read. */
  readonly notice: (message: string) => void;
}

/** A lane while it is open. */
interface Opened {
  readonly engine: Engine;
  readonly state: LaneState | undefined;
  /** What is committed and has not reached the tables' logs. */
  readonly unlogged: Unlogged;
}

/**
 * One lane of the tables. A commit stages its files, then replaces the lane's state file, which names them: that is the
 * commit point. Then the files are published (renamed into the tables' directories) and added to the tables' logs. What a
 * crash leaves undone after the commit point is done by whoever opens the lane or the table next, what it leaves before is
 * deleted by `open`.
 */
export class TablesLane implements LaneSink, RewritableLane {
  readonly #id: string;
  readonly #logs: TablesLogs;
  readonly #files: LaneFiles;
  readonly #seen: DedupeFiles;
  readonly #prefix: string;
  readonly #stateFile: string;
  readonly #backupFile: string;
  readonly #lockDirectory: string;
  #unlock: (() => Promise<void>) | undefined;
  #engine: Engine | undefined;
  #opened: Opened | undefined;

  constructor(
    readonly name: string,
    private readonly setting: LaneSetting,
  ) {
    const base = join(stateDirectory(setting.directory, setting.feed), fileNameOf(name));
    this.#id = laneId(setting.feed, name);
    this.#logs = TablesLogs.of(setting.directory);
    this.#prefix = filePrefix(setting.feed, name);
    this.#stateFile = `${base}.json`;
    this.#backupFile = `${base}.bak`;
    this.#lockDirectory = `${base}.held`;
    this.#files = new LaneFiles(setting.directory, `${base}.aside`);
    this.#seen = new DedupeFiles(`${base}.seen`);
  }

  async open(): Promise<Committed | undefined> {
    return this.#storing(async () => {
      this.#unlock = await takeLock(this.#lockDirectory, this.name);
      const engine = Engine.of(this.setting.directory, this.setting.limits);
      this.#engine = engine;
      this.setting.open.add(this);
      try {
        await this.setting.lookAtDirectory();
        const { state, unlogged } = await this.#recover(engine);
        const seen = state ? await this.#seen.read(state.seen) : [];
        await noteRetention(this.setting.directory, this.setting.feed, this.setting.keepDays);
        await this.setting.afterOpen();
        this.#opened = { engine, state, unlogged };
        return state && { cursor: decodeCursor(state.cursor), dedupe: seen };
      } catch (error) {
        await this.close();
        throw error;
      }
    });
  }

  async commit(batch: Batch): Promise<void> {
    await this.#storing(async () => {
      const opened = this.#take();
      await this.setting.checkpoint('commit:begin');
      const before = opened.state;
      const sequence = (before?.sequence ?? 0) + 1;
      // Nothing waits there: a commit that fails closes the lane, and what it leaves goes when the lane is opened.
      const files = await writeBatch(batch, {
        engine: opened.engine,
        files: this.#files,
        lane: this.#id,
        prefix: this.#prefix,
        sequence,
        written: () => this.setting.checkpoint('commit:file'),
      });
      const seen = await this.#seen.write(sequence, before?.seen ?? [], batch.dedupeAdditions, batch.evictBefore);
      await this.setting.checkpoint('commit:seen');
      const { replaced } = opened.unlogged;
      const state: LaneState = {
        sequence,
        cursor: encodeCursor(batch.cursor),
        files: [...opened.unlogged.files, ...files],
        replaced,
        seen,
      };
      const unlogged = await this.#publish(state, files, 'commit', opened.unlogged);
      // The state's copy may still be the one before, should this process end here: what it names stays for one commit more.
      await this.#seen.removeOthers([...seen, ...(before?.seen ?? [])]);
      await this.setting.checkpoint('commit:done');
      await this.setting.afterCommit();
      this.#opened = { ...opened, state, unlogged };
    });
  }

  /**
   * Rewrites the lane's events of some days. What `decide` changes goes into new files, with all other events of its file; they
   * take the place of the old ones at one commit point, which readers see as a whole.
   * @param agreed asked before the commit point; false: nothing was changed
   */
  async rewrite(rewriting: Rewriting, agreed: () => Promise<boolean>): Promise<void> {
    await this.#storing(async () => {
      const { engine, state } = this.#take();
      if (!state) return;
      // From here on nobody merges: what is read is what is replaced.
      const unlock = await awaitTables(this.setting.directory, eventTables, this.setting);
      try {
        // Another lane that was rewriting events may have died: what it replaced must not be replaced again.
        await repairLogs(this.#logs, this.setting.clock.now());
        await this.#files.clearStaged();
        const sequence = state.sequence + 1;
        const content = await readTables(this.setting.directory);
        const own = [...content.values()].flatMap((table) => table.files).filter(({ lanes }) => this.#id in lanes);
        const { files, replaced } = await rewriteFiles(own, rewriting, {
          engine,
          files: this.#files,
          lane: this.#id,
          prefix: this.#prefix,
          sequence,
          written: () => this.setting.checkpoint('remap:file'),
        });
        if (files.length === 0 || !(await agreed())) return this.#files.clearStaged();
        await this.#files.syncStaged();
        await this.#publish({ ...state, sequence, files, replaced }, files, 'remap', nothingUnlogged);
        await this.setting.checkpoint('remap:done');
      } finally {
        await unlock();
      }
    });
  }

  async close(): Promise<void> {
    this.setting.open.delete(this);
    const [engine, unlock] = [this.#engine, this.#unlock];
    this.#engine = undefined;
    this.#unlock = undefined;
    this.#opened = undefined;
    try {
      await engine?.close();
    } finally {
      await unlock?.();
    }
  }

  /** What is open, taken away: a commit that rejects leaves the lane closed for further ones. */
  #take(): Opened {
    const opened = this.#opened;
    if (!opened) throw notOpen(this.name);
    this.#opened = undefined;
    return opened;
  }

  /**
   * Makes a state the lane's last one, and the directory and the logs look like it.
   * @param files that it adds
   * @returns what the logs still lack
   */
  async #publish(
    state: LaneState,
    files: readonly DataFile[],
    phase: 'commit' | 'remap',
    before: Unlogged,
  ): Promise<Unlogged> {
    await writeState(this.#stateFile, state, () => this.setting.checkpoint(`${phase}:state`));
    await this.setting.checkpoint(`${phase}:point`);
    const names = files.map(({ file }) => file);
    const lost = await this.#files.publish(names, () => this.setting.checkpoint(`${phase}:shown`));
    if (lost.length > 0) throw new Error(`${lost[0]} vanished between its commit and its place`);
    await writeCopy(this.#backupFile, state);
    const logged = () => this.setting.checkpoint(`${phase}:logged`);
    return (await this.#append({ files: state.files, replaced: state.replaced }, before, logged)).left;
  }

  /** Writes to the logs; says when that begins to fail, and when it works again. */
  async #append(unlogged: Unlogged, before: Unlogged, logged?: () => Promise<void>): Promise<Appended> {
    const appended = await appendToLogs(this.#logs, this.#id, unlogged, this.setting.clock.now(), logged);
    this.setting.unlogged(this.name, appended.left.files.length + appended.left.replaced.length);
    const failedBefore = before.files.length + before.replaced.length > 0;
    if (appended.error !== undefined && !failedBefore)
      this.setting.notice(
        `The last commit of lane ${this.name} is not in the tables’ logs yet, so that other engines do not see it: ${appended.error instanceof Error ? appended.error.message : String(appended.error)}. It is tried again with each commit.`,
      );
    if (appended.error === undefined && failedBefore)
      this.setting.notice(`The tables’ logs have every commit of lane ${this.name} again.`);
    return appended;
  }

  /** The last state, with everything done that a crash left undone after it. */
  async #recover(engine: Engine): Promise<Pick<Opened, 'state' | 'unlogged'>> {
    const state = await this.#lastState(engine);
    await this.setting.checkpoint('open:state');
    let left = nothingUnlogged;
    if (state) {
      const { files, replaced } = unloggedOf({ id: this.#id, state }, await this.#logs.snapshots());
      const names = files.map(({ file }) => file);
      // Syncs the directory too: the process that made the state may have been killed before it did, and what follows relies on it.
      await writeState(this.#backupFile, state);
      const lost = new Set(await this.#files.publish(names, () => this.setting.checkpoint('open:shown')));
      const missing = files.filter(({ file }) => lost.has(file));
      for (const message of missingNotice({ lane: this.#id, missing })) this.setting.notice(message);
      const there = files.filter(({ file }) => !lost.has(file));
      const logged = () => this.setting.checkpoint('open:logged');
      ({ left } = await this.#append({ files: there, replaced }, nothingUnlogged, logged));
    }
    await this.#files.clearStaged();
    await this.#seen.removeOthers(state?.seen ?? []);
    return { state, unlogged: left };
  }

  async #lastState(engine: Engine): Promise<LaneState | undefined> {
    const stored = await readState(this.#stateFile, isLaneState);
    const sequences = await this.#files.list(this.#prefix);
    const logged = [...(await this.#logs.snapshots()).values()].map(({ txns }) => txns.get(this.#id)?.version ?? 0);
    const newest = Math.max(0, ...sequences.values(), ...logged);
    if (stored.kind === 'valid') {
      if (newest <= stored.state.sequence) return stored.state;
      throw this.#corrupt(
        `it ends at commit ${stored.state.sequence}, but the tables hold commit ${newest}: it is an old copy`,
      );
    }
    const backup = await readState(this.#backupFile, isLaneState);
    if (stored.kind === 'absent' && backup.kind === 'absent' && newest === 0) return undefined;
    const files = [...sequences].filter(([, n]) => n === newest).map(([file]) => file);
    return this.#restore(stored, backup, newest, files, engine);
  }

  /**
   * Puts the copy of the state back in place of one that is damaged, if that loses and repeats nothing: no commit
   * after it may be visible, or just the next one, whose identities were stored before it became visible.
   */
  async #restore(
    stored: Exclude<StateRead<LaneState>, { kind: 'valid' }>,
    backup: StateRead<LaneState>,
    newest: number,
    newestFiles: readonly string[],
    engine: Engine,
  ): Promise<LaneState> {
    const reason = stored.kind === 'absent' ? 'it is missing' : stored.reason;
    if (backup.kind !== 'valid')
      throw this.#corrupt(
        `${reason}, and ${backup.kind === 'absent' ? 'there is no copy' : `of its copy, ${backup.reason}`}`,
      );
    const state =
      newest > backup.state.sequence ? await this.#forward(backup.state, newest, newestFiles, engine) : backup.state;
    if (!state)
      throw this.#corrupt(
        `${reason}; its copy ends at commit ${backup.state.sequence}, but the tables hold commit ${newest}`,
      );
    await writeState(this.#stateFile, state);
    this.setting.notice(
      `The state of lane ${this.name} (${this.#stateFile}) could not be used: ${reason}. Restored from its copy; the tables show that nothing is lost or repeated by that.`,
    );
    return state;
  }

  /** The state after one more commit, put together from what that commit stored; undefined where that cannot be known. */
  async #forward(
    state: LaneState,
    newest: number,
    newestFiles: readonly string[],
    engine: Engine,
  ): Promise<LaneState | undefined> {
    const name = dedupeFileName(newest);
    const pieces = await this.#seen.readFile(name);
    if (newest !== state.sequence + 1 || !pieces) return undefined;
    const waiting = (await this.#files.listStaged()).filter(
      (file) => sequenceOf(this.#prefix, file.slice(file.lastIndexOf('/') + 1)) === newest,
    );
    const lastMinute = pieces.reduce((last, { minute }) => Math.max(last, minute), 0);
    const files: DataFile[] = [];
    for (const [file, path] of [
      ...newestFiles.map((one) => [one, this.#files.published(one)] as const),
      ...waiting.map((one) => [one, this.#files.staged(one)] as const),
    ])
      files.push({ file, ...(await describeParquet(engine, path)), lanes: { [this.#id]: newest } });
    return {
      ...state,
      sequence: newest,
      files: [...state.files, ...files],
      seen: [...state.seen, { name, lastMinute }],
    };
  }

  #corrupt(reason: string): CollectorError {
    return new CollectorError(
      'STATE_CORRUPT',
      `The state of lane ${this.name} (${this.#stateFile}) cannot be used: ${reason}.`,
      {
        cure: 'Restore the tables’ directory with its .state from one backup, or move it away as a whole to start from the beginning.',
      },
    );
  }

  async #storing<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw tablesFailed(error, this.setting.directory);
    }
  }
}

const eventTables = [...classTables.values()].map(({ name }) => name);

function notOpen(lane: string): CollectorError {
  return new CollectorError('INTERNAL', `Lane ${lane} is not open.`, {
    cure: 'This is a defect: a lane must be opened again after a commit that failed.',
  });
}
