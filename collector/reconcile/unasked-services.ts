import { UNDOCUMENTED } from '../../mappings/catalogue/index-by-type.js';
import { formatSecond, parseInstant } from '../../mappings/instant.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import { earlierOf } from '../clock.js';
import { asCollectorError } from '../errors.js';
import type { Source } from '../jumpcloud/insights/source.js';
import { emptyBatch } from '../pipeline/batch-builder.js';
import type { CollectDependencies } from '../pipeline/collect.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { IdleTask } from '../pipeline/idle-task.js';
import type { Lane } from '../pipeline/lane.js';
import type { Cursor } from '../position/cursor.js';
import type { ReconcileObserver } from './observer.js';

/** Records that JumpCloud holds of services that the catalogue does not know, and so nobody asks for. */
export interface UnaskedServices {
  readonly records: number;
  /** Whole seconds since the epoch, `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

const KEY = 'unasked';
const DAY_MS = SECONDS_PER_DAY * 1000;
/** What JumpCloud counts of the last two hours still moves. */
const SETTLED_SECONDS = 2 * SECONDS_PER_HOUR;

/**
 * Counts, of a day that ended two hours ago, what JumpCloud holds of services that the catalogue does not know. Counted
 * twice: a count that still moves proves nothing. Services that JumpCloud refuses to count are left out.
 * @param now whole second that has passed
 * @returns undefined where JumpCloud gives no such count, or its counts move
 * @throws CollectorError any other failure
 */
export async function countUnasked(
  source: Pick<Source, 'count'>,
  now: number,
  signal: AbortSignal,
): Promise<UnaskedServices | undefined> {
  const to = now - SETTLED_SECONDS;
  const from = to - SECONDS_PER_DAY;
  const count = () => source.count({ services: [UNDOCUMENTED], start: from, end: to }, signal);
  try {
    const records = await count();
    return records === 0 || (await count()) === records ? { records, from, to } : undefined;
  } catch (error) {
    if (asCollectorError(error).is('refusesCount')) return undefined;
    throw error;
  }
}

/** What the last look of a lane has found; undefined before the first. */
export function unaskedServicesIn({ extensions }: Pick<Cursor, 'extensions'>): UnaskedServices | undefined {
  const { records, from, to } = stored(extensions[KEY]);
  const [start, end] = [parseInstant(from), parseInstant(to)];
  if (typeof records !== 'number' || start === undefined || end === undefined) return undefined;
  return { records, from: Number(start / 1_000_000_000n), to: Number(end / 1_000_000_000n) };
}

/** Looks once a day, between two polls, whether JumpCloud holds records of services that a feed does not ask for. */
export class UnaskedServicesLook implements IdleTask, CommitExtension {
  readonly name = 'the look for services that are not asked for';
  readonly key = KEY;
  #state: unknown;
  /** Of this process: a look that fails is not repeated at each poll. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly parts: CollectDependencies,
    private readonly observer: ReconcileObserver,
  ) {}

  restore(state: unknown): void {
    this.#state = state;
  }

  beforeCommit(): { state: unknown } {
    return { state: this.#state };
  }

  async run(lane: Lane, deadline: number, signal: AbortSignal): Promise<void> {
    const { clock, clocks, source } = this.parts;
    const { at } = stored(this.#state);
    const since = clock.now() - Date.parse(String(at));
    const isDone = since >= 0 && since < DAY_MS;
    if (isDone || clock.monotonic() < this.#notBefore || clock.monotonic() >= deadline) return;
    this.#notBefore = clock.monotonic() + SECONDS_PER_HOUR * 1000;
    const found = await countUnasked(source, Math.floor(earlierOf(clocks()) / 1000), signal);
    const range = found && { records: found.records, from: formatSecond(found.from), to: formatSecond(found.to) };
    this.#state = { at: new Date(clock.now()).toISOString(), ...range };
    await lane.commit(emptyBatch, {});
    if (found) this.observer({ type: 'unasked', lane: lane.name, found, refused: refusedIn(lane.cursor) });
  }
}

function refusedIn({ position }: Cursor): string[] {
  return Object.entries(position.perService).flatMap(([service, { refused }]) => (refused ? [service] : []));
}

function stored(state: unknown): Readonly<Record<string, JsonValue>> {
  return isObject(state as JsonValue) ? (state as Readonly<Record<string, JsonValue>>) : {};
}

/** The finding in one sentence, for log and `check`. @param refused services that JumpCloud refuses: `all` may hold theirs */
export function describeUnasked({ records, from }: UnaskedServices, refused: readonly string[]): string {
  const besides = refused.length === 0 ? '' : `, or of those that it refuses (${refused.join(', ')})`;
  return `JumpCloud holds ${records} records, of the day from ${formatSecond(from)} on, of services that this version does not know${besides}: no event type of this feed asks for them`;
}

/** What the operator can do about it. */
export const unaskedCure =
  'Add `other` to jumpcloud.eventTypes: it takes every service, under its own name; a newer version of this program may map them.';
