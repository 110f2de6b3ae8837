import { type DataFile, dayOfFile } from './data-file.js';
import { groupBy } from './group-by.js';
import { dayOf } from './layout.js';
import { entityTable } from './table-catalog.js';

/** When small files become one, and how long what was replaced stays readable. */
export interface MaintenanceRules {
  /** A day counts as closed this long after its end. */
  readonly closedAfterMs: number;
  /** A closed day is merged once nothing was added to it for this long. */
  readonly quietMs: number;
  /** So many small files of a day are merged even while more come. */
  readonly mostSmall: number;
  /** Up to this many bytes a file is small. */
  readonly smallBytes: number;
  /** The most files and bytes of one merge. */
  readonly mostInputs: number;
  readonly mostBytes: number;
  /** A file is merged no sooner than this after it was written, so that whoever reads the tables meanwhile need not begin again. */
  readonly settledMs: number;
  /** How long removed files stay for whoever reads an earlier version of the log. */
  readonly graceMs: number;
  /** So many versions after a checkpoint the next one is written. */
  readonly versionsPerCheckpoint: number;
  /** How often a running collector has its tables maintained. */
  readonly maintainEveryMs: number;
}

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;
const MIB = 1024 * 1024;

/** How long a removed file stays readable, and how long versions of a log stay. */
export const RETENTION_MS = 60 * MS_PER_MINUTE;

export const maintenanceRules: MaintenanceRules = {
  closedAfterMs: 120 * MS_PER_MINUTE,
  quietMs: 15 * MS_PER_MINUTE,
  mostSmall: 16,
  smallBytes: 64 * MIB,
  mostInputs: 64,
  mostBytes: 128 * MIB,
  settledMs: MS_PER_MINUTE,
  graceMs: RETENTION_MS,
  versionsPerCheckpoint: 20,
  maintainEveryMs: 5 * MS_PER_MINUTE,
};

/** Files of one table and day that are to become one, in the order of their times. */
export interface Merge<File extends DataFile = DataFile> {
  readonly group: string;
  readonly inputs: readonly File[];
}

/**
 * The next merges of a table, those that save readers most first; no file is in two of them.
 * @param keeps files that must not be merged with one another differ in this
 */
export function planMerges<File extends DataFile>(
  files: readonly File[],
  keeps: (file: File) => string,
  now: number,
  rules: MaintenanceRules,
): Merge<File>[] {
  const merges: Merge<File>[] = [];
  const groups = groupBy(files, (file) => `${keeps(file)} ${groupNameOf(file)}`);
  for (const ofGroup of groups.values())
    for (const inputs of runsOf(ofGroup, now, rules)) merges.push({ group: groupNameOf(inputs[0]!), inputs });
  return merges.sort((a, b) => b.inputs.length - a.inputs.length);
}

/**
 * Files of days that end more than the days kept before today, UTC; never those of entities, nor of instants without a day.
 * @param keepDays of each feed with rows in the file; undefined: it keeps all
 */
export function planExpiry<File extends DataFile>(
  files: readonly File[],
  keepDays: (file: File) => readonly (number | undefined)[],
  now: number,
): File[] {
  return files.filter((file) => {
    const day = dayOfFile(file.file);
    const days = keepDays(file);
    if (day === undefined || days.length === 0 || file.file.startsWith(`${entityTable.name}/`)) return false;
    return days.every((kept) => kept !== undefined && day < firstDayKept(kept, now));
  });
}

/** The first day, `YYYY-MM-DD` in UTC, of those that a feed keeps. */
export function firstDayKept(keepDays: number, now: number): string {
  return dayOf(now - keepDays * MS_PER_DAY);
}

function* runsOf<File extends DataFile>(
  files: readonly File[],
  now: number,
  rules: MaintenanceRules,
): Generator<File[]> {
  const settled = files.filter(({ writtenAt }) => writtenAt + rules.settledMs <= now);
  const small = settled.filter(({ bytes }) => bytes <= rules.smallBytes);
  if (!isClosed(files, now, rules) && small.length < rules.mostSmall) return;
  // Smaller ones first, so that a file is rewritten no more often than its size calls for.
  const waiting = small.toSorted((a, b) => a.bytes - b.bytes || (a.file < b.file ? -1 : 1));
  while (waiting.length > 1) {
    const run: File[] = [];
    for (let bytes = 0; waiting[0] !== undefined && run.length < rules.mostInputs; run.push(waiting.shift()!)) {
      bytes += waiting[0].bytes;
      if (bytes > rules.mostBytes) break;
    }
    if (run.length < 2) return;
    yield run.toSorted((a, b) => (a.times?.first ?? 0) - (b.times?.first ?? 0));
  }
}

function isClosed(files: readonly DataFile[], now: number, rules: MaintenanceRules): boolean {
  const day = Date.parse(`${dayOfFile(files[0]?.file ?? '') ?? '0001-01-01'}T00:00:00Z`);
  const quiet = files.every(({ writtenAt }) => writtenAt + rules.quietMs < now);
  return quiet && day + MS_PER_DAY + rules.closedAfterMs < now;
}

function groupNameOf({ file }: DataFile): string {
  return file.slice(0, file.lastIndexOf('/'));
}
