import { formatSecond } from '../../mappings/instant.js';
import { asCollectorError, CollectorError, type ErrorCode } from '../errors.js';
import type { CollectDependencies, CollectSettings, ReadSoFar } from '../pipeline/collect.js';
import type { IdleTask, WorkQueue } from '../pipeline/idle-task.js';
import type { Lane } from '../pipeline/lane.js';
import { type Counts, serviceOwnedFrom } from '../position/cursor.js';
import type { Range } from '../position/time-range.js';
import { reread } from './reread.js';

/** Where a running feed is asked to repair. */
export const repairPath = '/repair';

/** One repair as /status shows it. Times are RFC 3339. */
export interface RepairView {
  /** Tells this request from the ones before and after it. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** asked: it waits for the poll at hand; running: it is read between polls; done and failed: it has ended. */
  readonly state: 'asked' | 'running' | 'done' | 'failed';
  readonly minutes: number;
  readonly minutesRead: number;
  /** Records that were missing and are delivered now: events, dead letters and raw ones. */
  readonly found: number;
  /** Failures in a row that it goes on after. */
  readonly failures: number;
  readonly askedAt: string;
  readonly endedAt: string | null;
  /** Why it failed, or what it last went on after. */
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly cure: string } | null;
}

/** Why a repair is not taken on: `range`: this one never; `now`: not as things stand. */
export interface RepairRefusal {
  readonly refused: 'range' | 'now';
  readonly message: string;
  readonly cure: string;
}

interface Task extends Range {
  readonly id: string;
  readonly askedAt: number;
  /** Second up to which it is read. */
  at: number;
  /** Seconds of the next search. */
  length: number;
  state: RepairView['state'];
  found: number;
  failures: number;
  endedAt: number | undefined;
  error: CollectorError | undefined;
}

const LONGEST_SEARCH = 3600;
/** A search of one second is read to its end: shorter there is none. */
const SHORTEST_SEARCH = 1;
/** Failures in a row, one a poll, after which a repair is given up. */
const MOST_FAILURES = 5;
/** What a search may overrun its time by, at least, before it is broken off in the middle of a request. */
const LEAST_PATIENCE_MS = 30_000;

/**
 * Repairs that a running feed is asked for: its live lane reads a range again between two polls and delivers what the sink
 * does not hold. One at a time; a restart forgets it, what it delivered stays.
 */
export class RepairQueue implements IdleTask {
  readonly name = 'a repair';
  readonly queue: WorkQueue;
  #lane: Lane | undefined;
  #task: Task | undefined;
  #asked = 0;
  #wake: () => void = () => undefined;

  /**
   * @param told is called when a repair is asked for and when it has ended
   */
  constructor(
    private readonly settings: CollectSettings,
    private readonly parts: CollectDependencies,
    private readonly told: (view: RepairView) => void = () => undefined,
  ) {
    const isPending = () => this.#isPending;
    this.queue = {
      get isPending() {
        return isPending();
      },
      arrival: (signal) => this.#arrival(signal),
    };
  }

  /** The last repair; undefined before the first. */
  get view(): RepairView | undefined {
    return this.#task && viewOf(this.#task);
  }

  /** The live lane while it is open; undefined when it was closed. */
  attach(lane: Lane | undefined): void {
    this.#lane = lane;
  }

  /** Takes a repair on, or says why not. */
  ask(range: Range): RepairView | RepairRefusal {
    const refusal = this.#refusal(range);
    if (refusal) return refusal;
    this.#asked += 1;
    this.#task = {
      ...range,
      id: `${this.#now().toString(36)}-${this.#asked}`,
      askedAt: this.#now(),
      at: range.from,
      length: LONGEST_SEARCH,
      state: 'asked',
      found: 0,
      failures: 0,
      endedAt: undefined,
      error: undefined,
    };
    this.told(viewOf(this.#task));
    this.#wake();
    return viewOf(this.#task);
  }

  get #isPending(): boolean {
    return this.#task !== undefined && this.#task.endedAt === undefined;
  }

  #now(): number {
    return this.parts.clock.now();
  }

  #arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /**
   * Reads on until `deadline` (monotonic milliseconds), stopping behind a page, or until a search failed: then it goes on
   * after the next poll.
   * @throws CollectorError where the lane is broken by it, or must not go on; the repair itself goes on once it is opened again
   */
  async run(lane: Lane, deadline: number, signal: AbortSignal): Promise<void> {
    const task = this.#task;
    // After a step back no service shares the lane's position until it has caught up: the repair waits for that.
    if (lane.cursor.position.services.length === 0) return;
    while (task && task.endedAt === undefined && !signal.aborted && this.parts.clock.monotonic() < deadline) {
      task.state = 'running';
      if (!(await this.#search(task, lane, deadline, signal))) return;
      if (task.at >= task.to) this.#end(task, 'done');
    }
  }

  /** The feed has ended: what is under way will not go on. */
  close(): void {
    this.#lane = undefined;
    const task = this.#task;
    if (task === undefined || task.endedAt !== undefined) return;
    task.error = new CollectorError('REPAIR_BROKEN_OFF', 'The collector was stopped before the repair had ended.', {
      cure: 'Ask again once it runs: what was delivered stays.',
      transient: true,
    });
    this.#end(task, 'failed');
  }

  /** One search. False: it failed, and the next poll comes first. */
  async #search(task: Task, lane: Lane, deadline: number, signal: AbortSignal): Promise<boolean> {
    const { settings, parts } = this;
    const start = task.at;
    const end = Math.min(task.to, start + task.length);
    const before = delivered(lane.cursor.counts);
    const until = task.length === SHORTEST_SEARCH ? Number.POSITIVE_INFINITY : deadline;
    const ownedFrom = (service: string) => serviceOwnedFrom(lane.cursor, service);
    const range = { services: lane.cursor.position.services, start, end, ownedFrom, ownedTo: () => end };
    const advance = ({ complete, readTo }: ReadSoFar) => {
      if (!complete && readTo !== undefined) task.at = Math.max(task.at, Math.min(readTo, end));
      return {};
    };
    const patience = patienceOf(parts, deadline, signal);
    try {
      await reread(lane, range, settings, stoppable(parts, until), patience.signal, advance);
      task.at = end;
      task.length = Math.min(LONGEST_SEARCH, task.length * 2);
      task.failures = 0;
      return true;
    } catch (error) {
      if (!(error instanceof TimeIsOver)) return this.#failed(task, lane, error, patience.isOver(), signal);
      task.failures = 0;
      // Not a second further: records too dense, or out of order, for what was asked at once.
      if (task.at === start) task.length = Math.max(SHORTEST_SEARCH, Math.floor((end - start) / 2));
      return true;
    } finally {
      patience.release();
      task.found += delivered(lane.cursor.counts) - before;
    }
  }

  #failed(task: Task, lane: Lane, thrown: unknown, isLate: boolean, signal: AbortSignal): false {
    const failure = isLate && !lane.commitInDoubt ? tooSlow() : asCollectorError(thrown);
    if (signal.aborted && !lane.commitInDoubt) return false;
    task.failures += 1;
    task.error = failure;
    if (!failure.transient || task.failures >= MOST_FAILURES) this.#end(task, 'failed');
    if (lane.commitInDoubt || failure.code === 'INTERNAL' || failure.code === 'ORGANIZATION_CHANGED') throw failure;
    return false;
  }

  #end(task: Task, state: 'done' | 'failed'): void {
    task.state = state;
    task.endedAt = this.#now();
    if (state === 'done') task.error = undefined;
    this.told(viewOf(task));
  }

  #refusal({ from, to }: Range): RepairRefusal | undefined {
    const lane = this.#lane;
    if (lane === undefined)
      return refuse('now', 'The feed does not hold its live lane at the moment.', 'Ask again when /readyz is 200.');
    if (this.#isPending) {
      const { from: start, to: end, minutesRead, minutes } = viewOf(this.#task!);
      const message = `A repair of ${start} to ${end} is under way (${minutesRead} of ${minutes} minutes).`;
      return refuse('now', message, 'Ask again when /status shows that it has ended.');
    }
    const { cursor } = lane;
    if (!lane.canFindDelivered)
      return refuse(
        'range',
        'This sink cannot tell what it holds: a repair would deliver everything twice.',
        'Collect into tables or Kafka.',
      );
    if (from >= to)
      return refuse('range', 'The range is empty: from is not before to.', 'Swap them, or widen the range.');
    if (from < cursor.position.ownedFrom)
      return refuse(
        'range',
        `The live lane owns what is of ${formatSecond(cursor.position.ownedFrom)} and later; what is older belongs to backfills.`,
        `Run \`jumpcloud-ocsf reconcile --repair\` up to ${formatSecond(cursor.position.ownedFrom)} for what a backfill has read, \`jumpcloud-ocsf backfill\` for what none has.`,
      );
    if (cursor.position.services.length === 0)
      return refuse(
        'now',
        'The live lane reads again from a position set by hand.',
        'Ask again when it has caught up.',
      );
    if (to > cursor.position.watermark)
      return refuse(
        'range',
        `The live lane still reads what is of ${formatSecond(cursor.position.watermark)} and later by itself.`,
        `End the range at ${formatSecond(cursor.position.watermark)}, or wait.`,
      );
    return undefined;
  }
}

/** The range was not read to its end because the next poll is due. */
class TimeIsOver extends Error {}

/** The same parts with a source that stops behind the first page after `until`; a repair's searches are no polls. */
function stoppable(parts: CollectDependencies, until: number): CollectDependencies {
  const { source, clock, observer } = parts;
  return {
    ...parts,
    observer: (event) => {
      if (event.type !== 'searching' && event.type !== 'searched') observer(event);
    },
    source: {
      count: source.count.bind(source),
      async *pages(search, signal) {
        for await (const page of source.pages(search, signal)) {
          yield page;
          if (!page.last && clock.monotonic() >= until) throw new TimeIsOver('the next poll is due');
        }
      },
    },
  };
}

/** Breaks a search off that hangs for longer than a poll may wait. */
function patienceOf({ clock }: Pick<CollectDependencies, 'clock'>, deadline: number, signal: AbortSignal) {
  const over = new AbortController();
  const released = new AbortController();
  const left = deadline - clock.monotonic();
  void clock.sleep(left + Math.max(left, LEAST_PATIENCE_MS), released.signal).then(() => {
    if (!released.signal.aborted) over.abort();
  });
  return {
    signal: AbortSignal.any([signal, over.signal]),
    isOver: () => over.signal.aborted,
    release: () => released.abort(),
  };
}

function tooSlow(): CollectorError {
  return new CollectorError('TIMED_OUT', 'JumpCloud did not answer the search in the time between two polls.', {
    cure: 'It is tried again after the next poll; lengthen poll.interval where JumpCloud is that slow.',
    transient: true,
  });
}

function refuse(refused: RepairRefusal['refused'], message: string, cure: string): RepairRefusal {
  return { refused, message, cure };
}

function viewOf(task: Task): RepairView {
  const { id, from, to, at, state, found, failures, error } = task;
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    id,
    from: formatSecond(from),
    to: formatSecond(to),
    state,
    minutes: Math.ceil((to - from) / 60),
    minutesRead: at >= to ? Math.ceil((to - from) / 60) : Math.floor((at - from) / 60),
    found,
    failures,
    askedAt: time(task.askedAt),
    endedAt: task.endedAt === undefined ? null : time(task.endedAt),
    error: error === undefined ? null : { code: error.code, message: error.message, cure: error.cure },
  };
}

function delivered({ events, deadLetters, raw }: Counts): number {
  return events + deadLetters + raw;
}
