import { join } from 'node:path';
import type { Clock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { fileNameOf } from '../../files/file-name.js';
import { decodeCursor, encodeCursor } from '../../position/cursor-codec.js';
import { DedupeFiles, dedupeFileName } from '../files/dedupe-files.js';
import type { Closable } from '../files/held-lock.js';
import { readState, type StateRead, writeState } from '../files/state-file.js';
import type { Rewriting } from '../rewriting.js';
import type { Batch, Committed, LaneSink, RewritableLane } from '../sink.js';
import { type CompactionRules, type Merge, type OwnFile, planExpiry, planMerge } from './compaction.js';
import { Engine, type EngineLimits } from './engine.js';
import { tablesFailed } from './error-table.js';
import { LaneFiles } from './lane-files.js';
import { isLaneState, type LaneState } from './lane-state.js';
import { fileName, filePrefix, RETIRED_ENDING, sequenceOf, stateDirectory } from './layout.js';
import { mergeParquet } from './parquet.js';
import { rewriteFiles } from './rewrite-files.js';
import { writeBatch } from './write-batch.js';

/** What a lane of the tables needs of the program around it. */
export interface LaneSetting {
  readonly directory: string;
  readonly feed: string;
  readonly limits: EngineLimits;
  /** The sink's lanes that hold their locks. */
  readonly open: Set<Closable>;
  /** Whole days that stay; undefined: all. */
  readonly keepDays: number | undefined;
  readonly compaction: CompactionRules;
  readonly clock: Pick<Clock, 'now'>;
  /** Says where others can write to the directory. */
  readonly lookAtDirectory: () => Promise<void>;
  /** Called at each step that a crash may follow; tests stop there. */
  readonly checkpoint: (step: string) => Promise<void>;
  /** Called after each commit. */
  readonly afterCommit: (lane: string) => Promise<void>;
  /** Called with what an operator should read. */
  readonly notice: (message: string) => void;
}

/** A lane while it is open. */
interface Opened {
  readonly engine: Engine;
  readonly state: LaneState | undefined;
  /** Its live files by name. */
  readonly own: Map<string, OwnFile>;
}

/** After a merge that failed the next one waits this long. */
const MERGE_RETRY_MS = 60 * 60_000;

/**
 * One lane of the tables. A commit stages its files, then replaces the lane's state file, which names them: that is
 * the commit point. Then the files are published (renamed into the tables' directories). What a crash leaves undone after the commit point is done by
 * `open`, what it leaves before is deleted there.
 */
export class TablesLane implements LaneSink, RewritableLane {
  readonly #files: LaneFiles;
  readonly #seen: DedupeFiles;
  readonly #prefix: string;
  readonly #stateFile: string;
  readonly #backupFile: string;
  readonly #lockDirectory: string;
  readonly #spillDirectory: string;
  #engine: Engine | undefined;
  #opened: Opened | undefined;
  #mergeNotBefore = 0;

  constructor(
    readonly name: string,
    private readonly setting: LaneSetting,
  ) {
    const base = join(stateDirectory(setting.directory, setting.feed), fileNameOf(name));
    this.#prefix = filePrefix(setting.feed, name);
    this.#stateFile = `${base}.json`;
    this.#backupFile = `${base}.bak`;
    this.#lockDirectory = `${base}.held`;
    this.#spillDirectory = `${base}.spill`;
    this.#files = new LaneFiles(setting.directory, `${base}.aside`, this.#prefix);
    this.#seen = new DedupeFiles(`${base}.seen`);
  }

  async open(): Promise<Committed | undefined> {
    return this.#storing(async () => {
      const engine = await Engine.open(this.#lockDirectory, this.#spillDirectory, this.setting.limits, this.name);
      this.#engine = engine;
      this.setting.open.add(this);
      try {
        await this.setting.lookAtDirectory();
        const state = await this.#recover();
        const seen = state ? await this.#seen.read(state.seen) : [];
        this.#opened = { engine, state, own: await this.#ownFiles(state) };
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
      await this.#files.clearStaged();
      const files = await writeBatch(batch, {
        engine: opened.engine,
        files: this.#files,
        prefix: this.#prefix,
        sequence,
        written: () => this.setting.checkpoint('commit:file'),
      });
      const seen = await this.#seen.write(sequence, before?.seen ?? [], batch.dedupeAdditions, batch.evictBefore);
      await this.setting.checkpoint('commit:seen');
      const state = { sequence, cursor: encodeCursor(batch.cursor), files, retired: before?.retired ?? [], seen };
      await this.#publish(state, 'commit');
      // The state's copy may still be the one before, should this process end here: what it names stays for one commit more.
      await this.#seen.removeOthers([...seen, ...(before?.seen ?? [])]);
      for (const file of files) opened.own.set(file, await this.#files.describe(file));
      await this.setting.checkpoint('commit:done');
      const maintained = await this.#maintain({ ...opened, state });
      await this.setting.afterCommit(this.name);
      this.#opened = maintained;
    });
  }

  /**
   * Maintains a lane that nobody runs: finishes what a crash left, merges its small files, lets old days go.
   * @throws CollectorError LANE_IN_USE where somebody runs it after all.
   */
  async maintain(): Promise<void> {
    await this.open();
    try {
      await this.#storing(async () => {
        let opened = this.#take();
        for (let before = -1; opened.state && opened.state.sequence !== before; ) {
          before = opened.state.sequence;
          opened = await this.#maintain(opened);
        }
      });
    } finally {
      await this.close();
    }
  }

  /**
   * Rewrites the lane's events of some days. What `decide` changes goes into new files, with all other events of its file; they
   * take the place of the old ones at one commit point, which readers see as a whole.
   * @param agreed asked before the commit point; false: nothing was changed
   */
  async rewrite(rewriting: Rewriting, agreed: () => Promise<boolean>): Promise<void> {
    await this.#storing(async () => {
      const opened = this.#take();
      const { engine, state, own } = opened;
      if (!state) return;
      await this.#files.clearStaged();
      const sequence = state.sequence + 1;
      const { files, retired } = await rewriteFiles([...own.keys()], rewriting, {
        engine,
        files: this.#files,
        prefix: this.#prefix,
        sequence,
        written: () => this.setting.checkpoint('remap:file'),
      });
      if (files.length === 0 || !(await agreed())) return this.#files.clearStaged();
      await this.#files.syncStaged();
      const at = this.setting.clock.now();
      const next = { ...state, sequence, files, retired: [...state.retired, ...retired.map((file) => ({ file, at }))] };
      await this.#publish(next, 'remap', retired);
      await this.setting.checkpoint('remap:done');
    });
  }

  async close(): Promise<void> {
    this.setting.open.delete(this);
    this.#engine?.close();
    this.#engine = undefined;
    this.#opened = undefined;
  }

  /** What is open, taken away: a commit that rejects leaves the lane closed for further ones. */
  #take(): Opened {
    const opened = this.#opened;
    if (!opened) throw notOpen(this.name);
    this.#opened = undefined;
    return opened;
  }

  /** Lets old days go, merges small files, unlinks what was replaced: at most one merge a call. */
  async #maintain(opened: Opened): Promise<Opened> {
    const state = opened.state;
    if (!state) return opened;
    const now = this.setting.clock.now();
    const over = state.retired.filter(({ at }) => at + this.setting.compaction.graceMs <= now).map(({ file }) => file);
    if (over.length > 0) await this.#files.unlink(over);
    const gone = new Set(over);
    const kept = { ...state, retired: state.retired.filter(({ file }) => !gone.has(file)) };
    const expired = planExpiry([...opened.own.values()], now, this.setting.keepDays);
    const left = [...opened.own.values()].filter(({ file }) => !expired.includes(file));
    const merged =
      now < this.#mergeNotBefore ? undefined : await this.#merge(opened.engine, left, state.sequence + 1, now);
    const retiring = [...expired, ...(merged?.inputs ?? [])];
    if (retiring.length === 0) return { ...opened, state: kept };
    const next: LaneState = {
      ...kept,
      sequence: state.sequence + 1,
      files: merged ? [merged.file] : [],
      retired: [...kept.retired, ...retiring.map((file) => ({ file, at: now }))],
    };
    await this.#publish(next, 'compaction', retiring);
    for (const file of retiring) opened.own.delete(file);
    if (merged) opened.own.set(merged.file, await this.#files.describe(merged.file));
    await this.setting.checkpoint('compaction:done');
    return { ...opened, state: next };
  }

  /** Stages the file that replaces several. A failure changes nothing and is tried again later. */
  async #merge(
    engine: Engine,
    files: readonly OwnFile[],
    sequence: number,
    now: number,
  ): Promise<{ file: string; inputs: readonly string[] } | undefined> {
    const plan: Merge | undefined = planMerge(files, now, this.setting.compaction);
    if (!plan) return undefined;
    const file = `${plan.group}/${fileName(this.#prefix, sequence, 0)}`;
    try {
      await this.#files.clearStaged();
      const inputs = plan.inputs.map((input) => this.#files.published(input));
      await mergeParquet(engine, inputs, this.#files.staged(file));
      await this.#files.syncStaged();
    } catch (error) {
      this.#mergeNotBefore = now + MERGE_RETRY_MS;
      this.setting.notice(
        `Merging ${plan.inputs.length} files of ${plan.group} failed and is tried again in an hour: ${error instanceof Error ? error.message : String(error)}`,
      );
      await this.#files.clearStaged();
      return undefined;
    }
    await this.setting.checkpoint('compaction:merged');
    return { file, inputs: plan.inputs };
  }

  async #ownFiles(state: LaneState | undefined): Promise<Map<string, OwnFile>> {
    const retired = new Set(state?.retired.map(({ file }) => file));
    const own = new Map<string, OwnFile>();
    for (const file of (await this.#files.list()).keys())
      if (!file.endsWith(RETIRED_ENDING) && !retired.has(file)) own.set(file, await this.#files.describe(file));
    return own;
  }

  /** Makes a state the lane's last one and the directory look like it. */
  async #publish(
    state: LaneState,
    phase: 'commit' | 'compaction' | 'remap',
    retiredNow: readonly string[] = [],
  ): Promise<void> {
    await writeState(this.#stateFile, state, () => this.setting.checkpoint(`${phase}:state`));
    await this.setting.checkpoint(`${phase}:point`);
    const lost = await this.#files.publish(state.files, () => this.setting.checkpoint(`${phase}:shown`));
    if (lost.length > 0) throw new Error(`${lost[0]} vanished between its commit and its place`);
    await this.#files.unpublish(retiredNow, () => this.setting.checkpoint(`${phase}:hidden`));
    await writeState(this.#backupFile, state);
  }

  /** The last state, with everything done that a crash left undone after it. */
  async #recover(): Promise<LaneState | undefined> {
    const state = await this.#lastState();
    await this.setting.checkpoint('open:state');
    if (state) {
      const retired = state.retired.map(({ file }) => file);
      const lost = await this.#files.publish(state.files, () => this.setting.checkpoint('open:shown'));
      for (const file of lost)
        this.setting.notice(`${file} of the last commit is gone: it was deleted by another program.`);
      await this.#files.unpublish(retired, () => this.setting.checkpoint('open:hidden'));
      await writeState(this.#backupFile, state);
    }
    await this.#files.clearStaged();
    await this.#seen.removeOthers(state?.seen ?? []);
    return state;
  }

  async #lastState(): Promise<LaneState | undefined> {
    const stored = await readState(this.#stateFile, isLaneState);
    const sequences = await this.#files.list();
    const newest = Math.max(0, ...sequences.values());
    if (stored.kind === 'valid') {
      if (newest <= stored.state.sequence) return stored.state;
      throw this.#corrupt(
        `it ends at commit ${stored.state.sequence}, but the tables hold commit ${newest}: it is an old copy`,
      );
    }
    const backup = await readState(this.#backupFile, isLaneState);
    if (stored.kind === 'absent' && backup.kind === 'absent' && newest === 0) return undefined;
    return this.#restore(
      stored,
      backup,
      newest,
      [...sequences].filter(([, n]) => n === newest).map(([file]) => file),
    );
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
  ): Promise<LaneState> {
    const reason = stored.kind === 'absent' ? 'it is missing' : stored.reason;
    if (backup.kind !== 'valid')
      throw this.#corrupt(
        `${reason}, and ${backup.kind === 'absent' ? 'there is no copy' : `of its copy, ${backup.reason}`}`,
      );
    const state =
      newest > backup.state.sequence ? await this.#forward(backup.state, newest, newestFiles) : backup.state;
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
  async #forward(state: LaneState, newest: number, newestFiles: readonly string[]): Promise<LaneState | undefined> {
    const name = dedupeFileName(newest);
    const pieces = await this.#seen.readFile(name);
    if (newest !== state.sequence + 1 || !pieces) return undefined;
    const waiting = (await this.#files.listStaged()).filter(
      (file) => sequenceOf(this.#prefix, file.slice(file.lastIndexOf('/') + 1)) === newest,
    );
    const lastMinute = pieces.reduce((last, { minute }) => Math.max(last, minute), 0);
    return {
      ...state,
      sequence: newest,
      files: [...newestFiles, ...waiting],
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

function notOpen(lane: string): CollectorError {
  return new CollectorError('INTERNAL', `Lane ${lane} is not open.`, {
    cure: 'This is a defect: a lane must be opened again after a commit that failed.',
  });
}
