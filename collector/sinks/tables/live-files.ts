import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorError } from '../../errors.js';
import { exists, namesIn } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { readState } from '../files/state-file.js';
import { isLaneState, type LaneState } from './lane-state.js';
import { filePrefix, RETIRED_ENDING, stagedName } from './layout.js';

/** A committed file, as of one moment. */
export interface LiveFile {
  readonly table: string;
  /** `YYYY-MM-DD` */
  readonly day: string;
  /** Whose it is; undefined where the lane's state cannot be read. */
  readonly feed: string | undefined;
  readonly lane: string | undefined;
  /** Where it is now, then where it may be a moment later. */
  readonly paths: readonly string[];
}

/** Whether a table's day is wanted. */
export type Selection = (table: string, day: string) => boolean;

const MOST_ATTEMPTS = 100;

/**
 * The files that hold every committed row once. For each lane it is what its state says at one moment, so a commit is
 * seen whole or not at all, and compaction is not seen at all.
 */
export async function liveFiles(directory: string, wanted: Selection = () => true): Promise<LiveFile[]> {
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const before = await readStates(directory);
    const found = await listLive(directory, before, wanted);
    const after = await readStates(directory);
    // A file that was renamed while the directory was read may have been missed.
    if (sameRetired(before, after)) return found;
    await sleep(Math.min(attempt * 2, 50));
  }
  throw new CollectorError('STORAGE_FAILED', `The tables in ${directory} changed faster than they could be listed.`, {
    cure: 'Try again.',
    transient: true,
  });
}

/** Files of the last commits that are nowhere, as they should be; of earlier commits no state says. */
export async function missingFiles(directory: string): Promise<LiveFile[]> {
  const missing: LiveFile[] = [];
  for (const { state, staging } of (await readStates(directory)).values()) {
    const retired = new Set(state.retired.map(({ file }) => file));
    for (const file of state.files) {
      const [table = '', group = ''] = file.split('/');
      const published = join(directory, file);
      const places = [join(staging, stagedName(file)), published, published + RETIRED_ENDING];
      // One after the other, in the order in which a file moves: looked at together it could be missed on its way.
      let isThere = retired.has(file);
      for (const place of places) isThere ||= await exists(place);
      if (!isThere)
        missing.push({ table, day: group.slice('event_day='.length), ...ownerOf(state), paths: [published] });
    }
  }
  return missing;
}

/** A lane's state and where its waiting files are, by the beginning of its files' names. */
type States = ReadonlyMap<string, { readonly state: LaneState; readonly staging: string }>;

async function readStates(directory: string): Promise<States> {
  const states = new Map<string, { state: LaneState; staging: string }>();
  const root = join(directory, '.state');
  for (const feed of await namesIn(root))
    for (const name of await namesIn(join(root, feed))) {
      if (name.startsWith('.') || !name.endsWith('.json')) continue;
      const read = await readState(join(root, feed, name), isLaneState);
      // A lane without a readable state: what is published was committed. Its collector says what is wrong.
      if (read.kind !== 'valid') continue;
      const { feed: feedName, lane } = read.state.cursor;
      const staging = join(root, feed, `${fileNameOf(lane)}.aside`);
      states.set(filePrefix(feedName, lane), { state: read.state, staging });
    }
  return states;
}

async function listLive(directory: string, states: States, wanted: Selection): Promise<LiveFile[]> {
  const found = new Map<string, LiveFile>();
  const retired = new Set<string>();
  for (const { state } of states.values()) for (const { file } of state.retired) retired.add(file);
  const consider = (table: string, group: string, name: string) => {
    const day = group.slice('event_day='.length);
    if (!wanted(table, day)) return;
    const hidden = name.endsWith(RETIRED_ENDING);
    const file = `${table}/${group}/${hidden ? name.slice(0, -RETIRED_ENDING.length) : name}`;
    const [, prefix = '', digits] = /^(.+-)(\d{10,})(?:\.\d+)?\.parquet(?:\.retired)?$/.exec(name) ?? [];
    if (digits === undefined || retired.has(file)) return;
    const lane = states.get(prefix);
    if (lane ? Number(digits) > lane.state.sequence : hidden) return;
    const published = join(directory, file);
    const paths = [published, published + RETIRED_ENDING];
    found.set(file, { table, day, ...ownerOf(lane?.state), paths: hidden ? paths.reverse() : paths });
  };
  for (const table of await namesIn(directory)) {
    if (table.startsWith('.')) continue;
    for (const group of await namesIn(join(directory, table)))
      for (const name of await namesIn(join(directory, table, group))) consider(table, group, name);
  }
  for (const { state, staging } of states.values())
    for (const file of state.files) {
      const [table = '', group = ''] = file.split('/');
      const day = group.slice('event_day='.length);
      if (found.has(file) || retired.has(file) || !wanted(table, day)) continue;
      const owner = ownerOf(state);
      const published = join(directory, file);
      const waiting = join(staging, stagedName(file));
      // In this order: a file that moves from there to here meanwhile is met.
      if (await exists(waiting)) found.set(file, { table, day, ...owner, paths: [waiting, published] });
      else if (await exists(published))
        found.set(file, { table, day, ...owner, paths: [published, published + RETIRED_ENDING] });
    }
  return [...found.values()];
}

function ownerOf(state: LaneState | undefined): Pick<LiveFile, 'feed' | 'lane'> {
  return { feed: state?.cursor.feed, lane: state?.cursor.lane };
}

function sameRetired(before: States, after: States): boolean {
  for (const [prefix, { state }] of after) {
    const known = new Set(before.get(prefix)?.state.retired.map(({ file }) => file));
    if (state.retired.some(({ file }) => !known.has(file))) return false;
  }
  return true;
}
