import { CollectorError } from '../../../errors.js';
import { type Action, actionsText, parseActions } from './actions.js';
import { readCheckpoint, type Statements, writeCheckpoint } from './checkpoint.js';
import { LogFiles, type LogListing } from './log-files.js';
import { checkpointActions, noTable, type TableSnapshot, withActions } from './table-snapshot.js';

/** What this program reads and writes of Delta Lake's protocol. */
export const PROTOCOL = { minReaderVersion: 1, minWriterVersion: 2 } as const;

const MOST_ATTEMPTS = 1000;

/** What a log needs of the program around it. */
export interface LogSetting {
  /** Lends what reads and writes Parquet; only asked where a checkpoint is read. */
  readonly withEngine: <T>(work: (engine: Statements) => Promise<T>) => Promise<T>;
  /** Runs its argument while no other process makes a version; only asked on file systems without hard links. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

/** One table's transaction log: its snapshot, and changes to it by optimistic concurrency. */
export class TableLog {
  readonly files: LogFiles;
  #snapshot: TableSnapshot = noTable;
  /** With more removals than this the snapshot is read again: those whose retention is over are in no checkpoint. */
  #mostRemoved = 0;
  #identity: string | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param directory the table's `_delta_log` */
  constructor(
    directory: string,
    private readonly setting: LogSetting,
  ) {
    this.files = new LogFiles(directory);
  }

  /**
   * The newest snapshot.
   * @throws CollectorError STORAGE_FAILED for a log that is damaged, or of a newer protocol
   */
  snapshot(): Promise<TableSnapshot> {
    return this.#inTurn(() => this.#refresh());
  }

  /**
   * Makes one version.
   * @param plan the version's actions, decided on the newest snapshot; asked again where another writer was faster.
   *   None: nothing is to be done.
   * @returns the snapshot after it
   * @throws what `plan` throws; CollectorError STORAGE_FAILED as for `snapshot`
   */
  change(plan: (snapshot: TableSnapshot) => readonly Action[]): Promise<TableSnapshot> {
    return this.#inTurn(async () => {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const before = await this.#refresh();
        const actions = plan(before);
        if (actions.length === 0) return before;
        this.#refuseWriting(before);
        const version = before.version + 1;
        if (!(await this.files.put(version, actionsText(actions), this.setting.exclusively))) continue;
        this.#identity ??= await this.files.identity();
        this.#snapshot = withActions(before, actions, version);
        return this.#snapshot;
      }
      throw this.#fault('changes faster than it can be written', 'Try again.', true);
    });
  }

  /** Writes a checkpoint of the newest snapshot, and removes versions that nobody needs any more. */
  checkpoint(engine: Statements, now: number, retention: { logMs: number; removedMs: number }): Promise<void> {
    return this.#inTurn(async () => {
      const snapshot = await this.#refresh();
      if (snapshot.version < 0) return;
      const actions = checkpointActions(snapshot, now - retention.removedMs);
      const temporary = this.files.temporaryPath();
      await writeCheckpoint(engine, actions, temporary);
      await this.files.putCheckpoint(temporary, snapshot.version, actions.length);
      this.#hold(withActions(noTable, actions, snapshot.version));
      await this.#clean(now - retention.logMs, now);
    });
  }

  /** Removes what lies before the newest checkpoint but one of which every version is old enough. */
  async #clean(before: number, now: number): Promise<void> {
    const listing = await this.files.list();
    const checkpoints = listing?.checkpoints.slice(0, -1).reverse() ?? [];
    for (const { version } of checkpoints)
      if (((await this.files.madeAt(version)) ?? 0) < before) return this.files.removeBefore(version, now);
  }

  async #refresh(): Promise<TableSnapshot> {
    const identity = await this.files.identity();
    if (identity !== this.#identity) this.#snapshot = noTable;
    this.#identity = identity;
    if (identity === undefined) return this.#snapshot;
    // Most changes follow one of this process: a log of a busy hour has thousands of names to list.
    if (this.#isWithinBounds && (await this.files.hasNothingAfter(this.#snapshot.version))) return this.#snapshot;
    for (let attempt = 1; ; attempt++) {
      const listing = (await this.files.list()) ?? { versions: [], checkpoints: [] };
      const snapshot = await this.#upTo(listing);
      // A version that was listed and is gone: another process has removed it after a newer checkpoint.
      if (snapshot === undefined && attempt < 5) continue;
      if (snapshot === undefined) throw this.#fault('lacks a version', RESTORE);
      this.#refuseReading(snapshot);
      if (this.#snapshot === noTable) this.#hold(snapshot);
      else this.#snapshot = snapshot;
      return snapshot;
    }
  }

  get #isWithinBounds(): boolean {
    return this.#snapshot.removed.size <= this.#mostRemoved;
  }

  #hold(snapshot: TableSnapshot): void {
    this.#snapshot = snapshot;
    this.#mostRemoved = 2 * snapshot.removed.size + 1000;
  }

  /** The snapshot of the newest version listed; undefined where a version on the way there is missing. */
  async #upTo({ versions, checkpoints }: LogListing): Promise<TableSnapshot | undefined> {
    const newest = Math.max(versions.at(-1) ?? -1, checkpoints.at(-1)?.version ?? -1);
    if (newest < this.#snapshot.version || !this.#isWithinBounds) this.#snapshot = noTable;
    const known = this.#snapshot;
    if (newest === known.version) return known;
    if (reaches(known.version, newest, versions)) {
      const snapshot = await this.#withVersions(known, newest);
      if (snapshot) return snapshot;
    }
    for (const { version, paths } of checkpoints.toReversed()) {
      if (!reaches(version, newest, versions)) continue;
      const actions = await this.setting.withEngine((engine) => readCheckpoint(engine, paths));
      // A corrupt checkpoint: an earlier one, or the log from its beginning, says the same.
      if (actions === undefined) continue;
      return this.#withVersions(withActions(noTable, actions, version), newest);
    }
    if (versions[0] === 0 && reaches(-1, newest, versions)) return this.#withVersions(noTable, newest);
    return undefined;
  }

  async #withVersions(from: TableSnapshot, newest: number): Promise<TableSnapshot | undefined> {
    const actions: Action[] = [];
    for (let version = from.version + 1; version <= newest; version++) {
      const text = await this.files.read(version);
      if (text === undefined) return undefined;
      const parsed = parseActions(text);
      if (parsed === undefined) throw this.#fault(`is damaged (version ${version})`, RESTORE);
      for (const action of parsed) actions.push(action);
    }
    return withActions(from, actions, newest);
  }

  #refuseReading({ version, protocol, metaData }: TableSnapshot): void {
    // Its directory is made before its first version is.
    if (version < 0) return;
    if (protocol === undefined || metaData === undefined) throw this.#fault('names no schema', RESTORE);
    if (protocol.minReaderVersion > PROTOCOL.minReaderVersion) throw this.#newer(protocol.minReaderVersion);
  }

  #refuseWriting({ protocol }: TableSnapshot): void {
    if (protocol !== undefined && protocol.minWriterVersion > PROTOCOL.minWriterVersion)
      throw this.#newer(protocol.minWriterVersion);
  }

  #newer(version: number): CollectorError {
    return this.#fault(
      `is of a newer protocol (${version})`,
      'Another program upgraded the table; use a version of this program that knows the protocol, or name a new directory.',
    );
  }

  #fault(what: string, cure: string, transient = false): CollectorError {
    return new CollectorError('STORAGE_FAILED', `The log ${this.files.directory} ${what}.`, {
      cure,
      detail: 'log',
      transient,
    });
  }

  /** One after the other within this process: between processes the version's name decides. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

const RESTORE =
  'Restore the tables’ directory from one backup, or name a new directory and fetch again what JumpCloud still keeps.';

/** Whether every version after `from` up to `newest` has a file. */
function reaches(from: number, newest: number, versions: readonly number[]): boolean {
  const first = versions.indexOf(from + 1);
  if (from === newest) return true;
  return first >= 0 && versions[first + newest - from - 1] === newest;
}
