import { formatSecond } from '../../../mappings/instant.js';
import { ocsfTarget } from '../../../schemas/ocsf-target.js';
import type { CollectorError } from '../../errors.js';
import type { Search } from '../../jumpcloud/insights/source.js';
import type { CommitReport, FeedEvent } from '../../pipeline/observer.js';
import { addCounts, type Counts, type Cursor, noCounts } from '../../position/cursor.js';
import { encodeCursor } from '../../position/cursor-codec.js';
import { isLive } from '../../position/lane-name.js';
import { type SteppedBack, steppedBackIn } from '../../position/step-back.js';
import { LabelLimiter } from '../label-limiter.js';
import { Lag } from '../lag.js';
import { Rate } from './rolling-rate.js';

/**
 * starting: nothing was read yet; catching_up: reading the past; collecting: up to date, polling; failing: JumpCloud
 * cannot be read; blocked: the sink does not take what was read; disabled: open, polls only when it is asked to; stopped:
 * the lane is closed or has given up.
 */
export type LaneState = 'starting' | 'catching_up' | 'collecting' | 'failing' | 'blocked' | 'disabled' | 'stopped';

/** A lane as /status shows it. Times are RFC 3339, null where there is none yet. */
export interface LaneView {
  readonly name: string;
  readonly state: LaneState;
  readonly reason: string;
  readonly since: string;
  readonly lastPoll: string | null;
  readonly lastCommit: string | null;
  readonly lastNewRecord: string | null;
  readonly nextPoll: string | null;
  readonly lagSeconds: number | null;
  readonly position: { readonly settled: string; readonly newest: string; readonly origin: string } | null;
  /** Since the lane's first commit, and since this process started. */
  readonly counts: { readonly total: Counts; readonly sinceStart: Counts };
  readonly rates: {
    readonly records5m: number;
    readonly records24h: number;
    readonly events5m: number;
    readonly events24h: number;
  };
  readonly late: { readonly samples: readonly { readonly at: string; readonly seconds: number }[] };
  readonly unmapped: readonly { readonly type: string; readonly events: number }[];
  /** Since this process started, of at least the last 25,000 records. */
  readonly variants: number;
  readonly reusedIds: readonly { readonly type: string; readonly records: number }[];
  readonly deadLetters: {
    readonly byReason: Readonly<Record<string, number>>;
    readonly samples: readonly DeadLetterView[];
  };
  readonly refusedServices: readonly {
    readonly service: string;
    readonly code: string;
    readonly message: string;
    readonly retryAt: string;
  }[];
}

export interface DeadLetterView {
  readonly at: string;
  readonly uid: string;
  readonly reason: string;
  readonly message: string;
  readonly service: string;
  readonly eventType: string;
}

const samplesKept = 5;
const typesKept = 50;
/** Longer than any retry or request: a lane without a sign of life for this long hangs. */
const stallMs = 15 * 60_000;

/** Derives the status of one lane from what its observer reports. */
export class LaneStatus {
  #state: LaneState = 'starting';
  #reason = 'nothing was read yet';
  #since: number;
  #sign: number;
  #lastPoll: number | undefined;
  #lastCommit: number | undefined;
  #lastNew: number | undefined;
  #nextPoll: number | undefined;
  #cursor: Cursor | undefined;
  #sinceStart: Counts = noCounts;
  #variants = 0;
  readonly #reusedIds = new Map<string, number>();
  #late: { at: string; seconds: number }[] = [];
  #letters: DeadLetterView[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #unmapped = new Map<string, number>();
  readonly #types = new LabelLimiter(typesKept);
  readonly #records = new Rate();
  readonly #events = new Rate();
  readonly #lag = new Lag();

  constructor(
    readonly name: string,
    private readonly now: () => number,
  ) {
    this.#since = now();
    this.#sign = now();
  }

  get state(): LaneState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  get since(): number {
    return this.#since;
  }

  /** Epoch milliseconds of the last new record; undefined before the first. */
  get lastNew(): number | undefined {
    return this.#lastNew;
  }

  /** True once a search was read and delivered to its end, and nothing failed since; and while nothing is to be read. */
  get works(): boolean {
    if (this.#state === 'disabled') return true;
    return this.#lastPoll !== undefined && (this.#state === 'collecting' || this.#state === 'catching_up');
  }

  /** A damaged position, until what it passed over was compared. */
  get steppedBack(): SteppedBack | undefined {
    return this.#cursor && steppedBackIn(this.#cursor);
  }

  /** Milliseconds without a sign of life beyond what is normal; undefined while all is well. */
  get stalledFor(): number | undefined {
    const silent = this.now() - Math.max(this.#sign, this.#nextPoll ?? 0);
    const isAtRest = this.#state === 'stopped' || this.#state === 'disabled';
    return !isAtRest && silent > stallMs ? silent : undefined;
  }

  /** Takes in an event of this lane. */
  observe(event: FeedEvent): void {
    switch (event.type) {
      case 'opened':
        this.#opened(event.cursor, event.resumed);
        break;
      case 'searching':
        this.#searching(event.search);
        break;
      case 'page':
        this.#alive();
        break;
      case 'committed':
        this.#committed(event);
        break;
      case 'searched':
        this.#searched(event.search);
        break;
      case 'caughtUp':
        this.#caughtUp(event.nextPollMs);
        break;
      case 'idle':
        this.#idle();
        break;
      case 'failed':
        this.#failed(event.part, event.error, event.retryMs);
        break;
      case 'closed':
        this.#closed();
        break;
      default:
    }
  }

  #opened(cursor: Cursor, resumed: boolean): void {
    this.#alive();
    this.#cursor = cursor;
    if (this.#state === 'stopped') this.#enter('starting', 'opened again');
    if (this.#state === 'starting')
      this.#reason = `${resumed ? 'goes on' : 'first run,'} from ${formatSecond(cursor.position.watermark)}`;
  }

  #searching(search: Search): void {
    this.#alive();
    if (this.#state === 'disabled') this.#enter('catching_up', 'was asked to poll');
    this.#nextPoll = undefined;
    this.#lag.searching(search, this.now());
  }

  #committed(report: CommitReport): void {
    const now = this.#alive();
    const at = new Date(now).toISOString();
    this.#cursor = report.cursor;
    this.#lastCommit = now;
    this.#lag.committed(report.cursor);
    this.#sinceStart = addCounts(this.#sinceStart, report.counts);
    this.#records.add(report.counts.records, now);
    this.#events.add(report.counts.events, now);
    if (report.counts.records > report.counts.duplicates) this.#lastNew = now;
    this.#late = keep(
      this.#late,
      report.lateness.map((seconds) => ({ at, seconds })),
    );
    const letters = report.deadLetters.map(({ uid, reason, message, service, event_type: eventType }) => ({
      at,
      uid,
      reason,
      message,
      service,
      eventType,
    }));
    this.#letters = keep(this.#letters, letters);
    for (const { reason } of letters) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    for (const type of report.unknownTypes) {
      const name = this.#types.name(type);
      const eventCode = type.slice(type.indexOf('/') + 1);
      const events = report.events.filter(
        (event) => event.classUid === ocsfTarget.classes.base_event.uid && event.eventCode === eventCode,
      ).length;
      this.#unmapped.set(name, (this.#unmapped.get(name) ?? 0) + events);
    }
    this.#variants += report.variants;
    for (const type of report.reusedIds) {
      const name = this.#types.name(type);
      this.#reusedIds.set(name, (this.#reusedIds.get(name) ?? 0) + 1);
    }
    if (this.#state === 'blocked' || this.#state === 'starting')
      this.#enter('catching_up', `delivered up to ${formatSecond(report.cursor.position.watermark)}`);
  }

  #searched(search: Search): void {
    this.#lastPoll = this.#alive();
    if (search.end !== undefined) this.#enter('catching_up', `read up to ${new Date(search.end * 1000).toISOString()}`);
    else if (this.#state !== 'collecting') this.#enter('collecting', 'reads what JumpCloud shows and delivers it');
  }

  #caughtUp(nextPollMs: number): void {
    const now = this.#alive();
    this.#nextPoll = now + nextPollMs;
    this.#lag.caughtUp(now);
    if (this.#state !== 'collecting') this.#enter('collecting', 'reads what JumpCloud shows and delivers it');
  }

  #idle(): void {
    this.#alive();
    this.#nextPoll = undefined;
    this.#enter('disabled', 'polls only when it is asked to');
  }

  #failed(part: 'source' | 'sink', error: CollectorError, retryMs: number | undefined): void {
    const now = this.#alive();
    this.#lag.failed();
    this.#nextPoll = retryMs === undefined ? undefined : now + retryMs;
    const state = retryMs === undefined ? 'stopped' : part === 'source' ? 'failing' : 'blocked';
    this.#enter(state, `${error.code}: ${error.message}`);
  }

  #closed(): void {
    this.#alive();
    // A broken lane is closed and reopened: what broke it stays the reason.
    if (this.#state !== 'failing' && this.#state !== 'blocked' && this.#state !== 'stopped')
      this.#enter('stopped', 'closed');
  }

  view(): LaneView {
    const now = this.now();
    const lag = isLive(this.name) ? this.#lag.at(now) : undefined;
    const cursor = this.#cursor;
    return {
      name: this.name,
      state: this.#state,
      reason: this.#reason,
      since: time(this.#since)!,
      lastPoll: time(this.#lastPoll),
      lastCommit: time(this.#lastCommit),
      lastNewRecord: time(this.#lastNew),
      nextPoll: time(this.#nextPoll),
      lagSeconds: lag === undefined ? null : Math.round(lag / 1000),
      position: cursor === undefined ? null : positionView(cursor),
      counts: { total: cursor?.counts ?? noCounts, sinceStart: this.#sinceStart },
      rates: {
        records5m: this.#records.over(5, now),
        records24h: this.#records.over(1440, now),
        events5m: this.#events.over(5, now),
        events24h: this.#events.over(1440, now),
      },
      late: { samples: this.#late },
      unmapped: [...this.#unmapped].map(([type, events]) => ({ type, events })),
      variants: this.#variants,
      reusedIds: [...this.#reusedIds].map(([type, records]) => ({ type, records })),
      deadLetters: { byReason: Object.fromEntries(this.#reasons), samples: this.#letters },
      refusedServices: Object.entries(cursor?.position.perService ?? {}).flatMap(([service, { refused }]) =>
        refused === undefined
          ? []
          : [
              {
                service,
                code: refused.code,
                message: refused.message,
                retryAt: new Date(refused.retryAt).toISOString(),
              },
            ],
      ),
    };
  }

  #alive(): number {
    this.#sign = this.now();
    return this.#sign;
  }

  #enter(state: LaneState, reason: string): void {
    if (state !== this.#state) this.#since = this.now();
    this.#state = state;
    this.#reason = reason;
  }
}

function keep<T>(old: readonly T[], fresh: readonly T[]): T[] {
  return [...old, ...fresh.slice(-samplesKept)].slice(-samplesKept);
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function positionView(cursor: Cursor): LaneView['position'] {
  const { settled, newest, origin } = encodeCursor(cursor);
  return { settled, newest, origin };
}
