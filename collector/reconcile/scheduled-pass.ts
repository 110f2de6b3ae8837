import { MINUTES_PER_HOUR, SECONDS_PER_MINUTE } from '../../mappings/time-units.js';
import { earlierOf } from '../clock.js';
import { CollectorError } from '../errors.js';
import { emptyBatch } from '../pipeline/batch-builder.js';
import type { CollectDependencies, CollectSettings, ReadSoFar } from '../pipeline/collect.js';
import type { IdleTask } from '../pipeline/idle-task.js';
import type { Lane } from '../pipeline/lane.js';
import type { HourOutcomes } from '../pipeline/outcome-counts.js';
import { type Counts, serviceOwnedFrom } from '../position/cursor.js';
import { steppedBackIn } from '../position/step-back.js';
import { comparableHours, compareHours, needComparing } from './compare-hours.js';
import { reconciledHours } from './hour-report.js';
import { type LedgerExtension, recounted } from './hourly-ledger.js';
import {
  acceptCount,
  blocks,
  type CountLedger,
  type CountSpan,
  endOf,
  expectedCount,
  isOneHour,
  middleOf,
  spansFrom,
  spansOfHour,
  withReread,
} from './minute-counts.js';
import type { ReconcileObserver, ReconcileReport } from './observer.js';
import type { ReconcileSettings, ReconcileState } from './reconcile-state.js';
import { reread } from './reread.js';
import { Counter, CountRefused } from './source-count.js';

/** A range of at most so many minutes and records is read again rather than counted further: a count costs a request too. */
const SMALL_MINUTES = 15;
const SMALL_RECORDS = 1_000;
/** Minutes of one search where everything is read again. */
const WIDE_MINUTES = 60;

/** Runs the passes of a live lane when they are due. Kept as long as the process: what failed is not tried at once again. */
export class Reconciler implements IdleTask {
  readonly name = 'reconciliation';
  readonly compares = true;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly settings: ReconcileSettings,
    private readonly context: PassContext,
  ) {}

  /** Compares, and delivers what is found, where a pass is due. */
  async run(lane: Lane, deadline: number, signal: AbortSignal): Promise<void> {
    const report = await this.#passWhenDue(lane, deadline, signal);
    if (report) this.context.observer({ type: 'reconciled', lane: lane.name, report });
  }

  /** Undefined where nothing was due. */
  async #passWhenDue(lane: Lane, deadline: number, signal: AbortSignal): Promise<ReconcileReport | undefined> {
    const { state, parts } = this.context;
    if (parts.clock.monotonic() < this.#notBefore) return undefined;
    const { short, long } = state.of(lane.cursor);
    const now = parts.clock.now();
    const healing = steppedBackIn(lane.cursor) !== undefined;
    const isLong = healing || (long !== undefined && isDue(long, this.settings.longInterval, now));
    if (!isLong && short !== undefined && !isDue(short, this.settings.interval, now)) return undefined;
    // A pass that fails is repeated no sooner than the next would be due.
    this.#notBefore = parts.clock.monotonic() + this.settings.interval;
    // What came within reach while no pass was finished (a stop, an outage, a slow API) must not leave it unseen.
    const missed = short === undefined ? 0 : Math.max(0, (now - Date.parse(short)) / 1000);
    const reach = isLong ? this.settings.longReach : Math.min(this.settings.longReach, this.settings.reach + missed);
    const pass = new Pass(lane, this.context, deadline, signal);
    if (!(await pass.compare(reach))) {
      this.#notBefore = Number.NEGATIVE_INFINITY;
      return pass.report(false);
    }
    const at = new Date(now).toISOString();
    state.replace({ ledger: pass.ledger, short: at, long: isLong ? at : (state.of(lane.cursor).long ?? at) });
    await lane.commit(emptyBatch, { steppedBack: null });
    await pass.compareHours(isLong);
    return pass.report(true);
  }
}

/** What the passes of a live lane work with. */
export interface PassContext {
  readonly settings: CollectSettings;
  readonly parts: CollectDependencies;
  readonly observer: ReconcileObserver;
  readonly state: ReconcileState;
  readonly hourly: LedgerExtension;
}

/** One comparison, from the end of the ledger back. */
class Pass {
  ledger: CountLedger;
  readonly #counter: Counter;
  readonly #before: number;
  readonly #end: number;
  #from = 0;
  #reread = 0;
  #unknown = 0;
  #reason: string | undefined;
  #countsRefused = false;

  constructor(
    private readonly lane: Lane,
    private readonly context: PassContext,
    private readonly deadline: number,
    private readonly signal: AbortSignal,
  ) {
    this.ledger = context.state.of(lane.cursor).ledger;
    this.#before = delivered(lane.cursor.counts);
    this.#end = endOf(this.ledger) ?? 0;
    this.#counter = new Counter(context.parts.source, signal);
  }

  /** Compares over all services, and delivers what is found. False: out of time. */
  async compare(reach: number): Promise<boolean> {
    // A ledger that ran ahead must not leave the present out.
    const now = Math.floor(earlierOf(this.context.parts.clocks()) / 1000 / SECONDS_PER_MINUTE);
    this.#from = Math.min(this.#end, now) - Math.ceil(reach / SECONDS_PER_MINUTE);
    if (this.#inReach.length === 0) return true;
    return (await this.#readUnread(this.#inReach)) && (await this.#compareAll(this.#inReach));
  }

  /**
   * Compares the whole hours within reach, and those since the last comparison, service by service, and stores the
   * figures: where an hour has come behind the ledger, where something was read or delivered since, and always when `all`,
   * which also reads explained hours again.
   */
  async compareHours(all: boolean): Promise<void> {
    const { lane } = this;
    const hourly = () => this.context.hourly.current;
    const ownedFrom = (service: string) => serviceOwnedFrom(lane.cursor, service);
    // After a first start or a long rest the hours since the last comparison lie beyond the reach of a pass.
    const since = ((hourly().compared ?? -1) + 1) * MINUTES_PER_HOUR;
    const hours = comparableHours(this.ledger, hourly(), Math.min(this.#from, since));
    const isDue = all || this.#reread > 0 || needComparing(hours, hourly(), this.ledger, ownedFrom);
    if (this.#countsRefused || hours.length === 0 || !isDue) return;
    try {
      const compared = await compareHours(hours, {
        counter: this.#counter,
        ledger: () => this.ledger,
        hourly,
        ownedFrom,
        readHour: (hour) => this.#readHour(hour),
        isOver: () => this.#isOver(),
        looksAgain: all,
      });
      this.#keepLedger();
      this.context.hourly.replace(compared);
      await lane.commit(emptyBatch, {});
    } catch (error) {
      // Refused in the midst of it: what was not compared stays unknown until the next pass.
      if (!(error instanceof CountRefused)) throw error;
      this.#reason = `JumpCloud gives no counts (${error.reason.message}).`;
    }
  }

  report(finished: boolean): ReconcileReport {
    const spans = this.#inReach;
    return {
      from: (spans[0]?.start ?? this.#end) * SECONDS_PER_MINUTE,
      to: this.#end * SECONDS_PER_MINUTE,
      asked: this.#counter.asked,
      reread: this.#reread,
      found: delivered(this.lane.cursor.counts) - this.#before,
      explained: spans.reduce((sum, { explained }) => sum + Math.abs(explained), 0),
      unknown: this.#unknown,
      reason: this.#reason,
      finished,
      ...reconciledHours(this.lane.cursor),
    };
  }

  get #inReach(): readonly CountSpan[] {
    return spansFrom(this.ledger, this.#from);
  }

  /** Reads what was never read in full: a gap, or the time before the services changed. False: out of time. */
  async #readUnread(spans: readonly CountSpan[]): Promise<boolean> {
    for (const block of blocks(
      spans.filter(({ length }) => length === undefined),
      WIDE_MINUTES,
    )) {
      if (this.#isOver()) return false;
      await this.#read(block);
    }
    return true;
  }

  async #compareAll(spans: readonly CountSpan[]): Promise<boolean> {
    try {
      for (const known of blocks(
        spans.filter(({ length }) => length !== undefined),
        Number.POSITIVE_INFINITY,
      )) {
        if (!(await this.#compare(known))) return false;
      }
      return true;
    } catch (error) {
      if (!(error instanceof CountRefused)) throw error;
      this.#countsRefused = true;
      this.#reason = `JumpCloud gives no counts (${error.reason.message}): everything is read again instead.`;
      return this.#readAll(spans);
    }
  }

  /** Halves a range whose count has changed until it is small enough to be read. False: out of time. */
  async #compare(spans: readonly CountSpan[]): Promise<boolean> {
    if (this.#isOver()) return false;
    const expected = expectedCount(spans);
    const [from, to] = [spans[0]!.start, spans.at(-1)!.end];
    const count = await this.#counter.count(
      this.ledger.services,
      from * SECONDS_PER_MINUTE,
      to * SECONDS_PER_MINUTE,
      expected,
    );
    if (count === expected) return true;
    const isSmall = to - from <= SMALL_MINUTES && count <= SMALL_RECORDS && isOneHour(spans);
    if (spans.length === 1 || isSmall) {
      if (await this.#read(spans)) this.ledger = acceptCount(this.ledger, from, to, count);
      return true;
    }
    const middle = middleOf(spans);
    return (await this.#compare(spans.slice(0, middle))) && (await this.#compare(spans.slice(middle)));
  }

  /** False: out of time. */
  async #readAll(spans: readonly CountSpan[]): Promise<boolean> {
    for (const block of blocks(spans, WIDE_MINUTES)) {
      if (this.#isOver()) return false;
      await this.#read(block);
    }
    return true;
  }

  /** Reads an hour again and settles what JumpCloud counts otherwise. False where the sink cannot find delivered records. */
  async #readHour(hour: number): Promise<boolean> {
    const spans = spansOfHour(this.ledger, hour);
    if (spans === undefined) return false;
    const [from, to] = [spans[0]!.start, spans.at(-1)!.end];
    // Before it is read: a record that appears in between makes the next pass look again.
    const count = await this.#counter.count(
      this.ledger.services,
      from * SECONDS_PER_MINUTE,
      to * SECONDS_PER_MINUTE,
      expectedCount(spans),
    );
    if (!(await this.#read(spans, hour))) return false;
    this.ledger = acceptCount(this.ledger, from, to, count);
    return true;
  }

  /**
   * Reads spans again and delivers what the sink does not hold. False where the sink cannot find delivered records.
   * @param hour since the epoch, where the spans are just that hour
   */
  async #read(spans: readonly CountSpan[], hour?: number): Promise<boolean> {
    const [from, to] = [spans[0]!.start, spans.at(-1)!.end];
    const { lane } = this;
    const { hourly, settings, parts } = this.context;
    if (!lane.canFindDelivered) return this.#cannotKnow(to - from, 'This sink cannot tell what it holds.');
    const [start, end] = [from * SECONDS_PER_MINUTE, to * SECONDS_PER_MINUTE];
    const batches: HourOutcomes[] = [];
    const advance = (read: ReadSoFar) => {
      batches.push(...read.hours);
      if (read.complete) this.ledger = withReread(this.ledger, { start: from, end: to, minutes: read.minutes });
      this.#keepLedger();
      if (read.complete && hour !== undefined) hourly.replace(recounted(hourly.current, hour, batches));
      return {};
    };
    const ownedFrom = (service: string) => serviceOwnedFrom(lane.cursor, service);
    const range = { services: this.ledger.services, start, end, ownedFrom, ownedTo: () => end };
    try {
      await reread(lane, range, settings, parts, this.signal, advance);
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'SINK_REFUSED' || lane.commitInDoubt) throw error;
      return this.#cannotKnow(to - from, error.message);
    }
    this.#reread += to - from;
    return true;
  }

  /** What was read again is stored with the next commit. */
  #keepLedger(): void {
    const { state } = this.context;
    state.replace({ ...state.of(this.lane.cursor), ledger: this.ledger });
  }

  #cannotKnow(minutes: number, reason: string): false {
    this.#unknown += minutes;
    this.#reason = reason;
    return false;
  }

  #isOver(): boolean {
    return this.signal.aborted || this.context.parts.clock.monotonic() > this.deadline;
  }
}

/** A pass is due after its interval, and where the clock went back before it. */
function isDue(last: string, interval: number, now: number): boolean {
  const since = now - Date.parse(last);
  return !(since >= 0 && since < interval);
}

function delivered({ events, deadLetters, raw }: Counts): number {
  return events + deadLetters + raw;
}
