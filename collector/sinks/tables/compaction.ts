import { groupBy } from './group-by.js';
import { dayOf, dayOfGroup } from './layout.js';
import { entityTable } from './table-catalog.js';

/** When small files become one, and how long what was replaced stays readable. */
export interface CompactionRules {
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
  /** How long retired files stay for queries that began before. */
  readonly graceMs: number;
  /** How often lanes that nobody runs are looked after. */
  readonly maintainEveryMs: number;
}

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;
const MIB = 1024 * 1024;

export const compactionRules: CompactionRules = {
  closedAfterMs: 120 * MS_PER_MINUTE,
  quietMs: 15 * MS_PER_MINUTE,
  mostSmall: 16,
  smallBytes: 16 * MIB,
  // DuckDB's memory grows with the files that it reads at once.
  mostInputs: 8,
  mostBytes: 256 * MIB,
  graceMs: 10 * MS_PER_MINUTE,
  maintainEveryMs: 60 * MS_PER_MINUTE,
};

/** A live file of a lane. */
export interface OwnFile {
  readonly file: string;
  readonly bytes: number;
  /** Epoch milliseconds at which it was written. */
  readonly writtenAt: number;
}

/** Files of one table and day that are to become one, in the order of their commits. */
export interface Merge {
  readonly group: string;
  readonly inputs: readonly string[];
}

/** The merge that saves readers most, if there is one. */
export function planMerge(files: readonly OwnFile[], now: number, rules: CompactionRules): Merge | undefined {
  let best: Merge | undefined;
  for (const [group, ofGroup] of groupBy(files, ({ file }) => groupNameOf(file))) {
    const inputs = inputsOf(group, ofGroup, now, rules);
    if (inputs.length > (best?.inputs.length ?? 1)) best = { group, inputs };
  }
  return best;
}

/** Files of days that end more than `keepDays` whole days before today, UTC; never those of entities. */
export function planExpiry(files: readonly OwnFile[], now: number, keepDays: number | undefined): string[] {
  if (keepDays === undefined) return [];
  const first = dayOf(now - keepDays * MS_PER_DAY);
  const isExpired = (group: string) =>
    !group.startsWith(`${entityTable.name}/`) && (dayOfGroup(group) ?? first) < first;
  return files.map(({ file }) => file).filter((file) => isExpired(groupNameOf(file)));
}

function inputsOf(group: string, files: readonly OwnFile[], now: number, rules: CompactionRules): string[] {
  const day = Date.parse(`${dayOfGroup(group) ?? ''}T00:00:00Z`);
  const closed = day + MS_PER_DAY + rules.closedAfterMs < now;
  const quiet = files.every(({ writtenAt }) => writtenAt + rules.quietMs < now);
  const small = files.filter(({ bytes }) => bytes <= rules.smallBytes);
  const candidates = closed && quiet ? files : small.length >= rules.mostSmall ? small : [];
  const inputs: string[] = [];
  let bytes = 0;
  // The smallest first, so that a file is rewritten no more often than its size calls for.
  for (const candidate of candidates.toSorted((a, b) => a.bytes - b.bytes || (a.file < b.file ? -1 : 1))) {
    if (inputs.length === rules.mostInputs || bytes + candidate.bytes > rules.mostBytes) break;
    inputs.push(candidate.file);
    bytes += candidate.bytes;
  }
  return inputs.length > 1 ? inputs.sort() : [];
}

function groupNameOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/'));
}
