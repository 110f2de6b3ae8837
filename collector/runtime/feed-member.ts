import type { Clock } from '../clock.js';
import { type ConfiguredFeed, changeBetween, type FeedSource, type InvalidFeed } from '../config/configured-feed.js';
import type { Problem } from '../config/setting.js';
import { type CollectorError, exitCodes } from '../errors.js';
import type { FeedFailure, FeedRunState, Retention, SupervisionView } from '../monitoring/status/supervision.js';
import type { FeedRun } from './collect-feed.js';
import type { StoredPause } from './pauses.js';
import type { Applied } from './supervisor.js';

/** How long a change waits for a sink to let go; what was asked for follows by itself. */
const STOP_WAIT_MS = 5_000;

/** What a feed of the set needs of the rest of the process. */
export interface MemberOptions {
  readonly clock: Clock;
  /** Aborts when the process ends: nothing is started from then on. */
  readonly signal: AbortSignal;
  readonly launch: (feed: ConfiguredFeed, signal: AbortSignal, onOpen: () => void) => FeedRun;
  /** What JumpCloud forgets and when; undefined while nothing was read. */
  readonly retention: (feed: string, readUpTo: string | undefined) => Retention | undefined;
  /** Told after each change of state. */
  readonly onChange: (member: FeedMember) => void;
}

/** What follows the end of a run. */
type Then = 'start' | 'pause' | 'stop' | 'remove';

/** One feed of the set, running or not: at most one run at a time, and one wish for what follows it. */
export class FeedMember {
  readonly name: string;
  #source: FeedSource;
  #configured: ConfiguredFeed | undefined;
  #problems: readonly Problem[] = [];
  #state: FeedRunState = 'stopped';
  #since: number;
  #reason: string | undefined;
  #failure: FeedFailure | undefined;
  #exitCode: number = exitCodes.done;
  #pause: StoredPause | undefined;
  #current: { readonly run: FeedRun; readonly abort: AbortController } | undefined;
  /** The last run: what it says of itself stays when it has ended. */
  #last: FeedRun | undefined;
  #next: Then | undefined;
  /** The lowest threshold of retention, in days, that was warned of. */
  warned: number | undefined;

  constructor(
    feed: ConfiguredFeed | InvalidFeed,
    pause: StoredPause | undefined,
    private readonly options: MemberOptions,
  ) {
    this.name = 'config' in feed ? feed.config.name : feed.name;
    this.#source = feed.source;
    this.#since = options.clock.now();
    this.#pause = pause;
    if ('config' in feed) this.#configured = feed;
    else this.#problems = feed.problems;
  }

  get configured(): ConfiguredFeed | undefined {
    return this.#configured;
  }

  get pause(): StoredPause | undefined {
    return this.#pause;
  }

  /** The run under way or, where there is none, the last one. */
  get run(): FeedRun | undefined {
    return this.#last;
  }

  get isRunning(): boolean {
    return this.#current !== undefined;
  }

  get isRemoved(): boolean {
    return this.#next === 'remove';
  }

  /** What the process ends with for this feed. */
  get exitCode(): number {
    return this.#exitCode;
  }

  view(): SupervisionView {
    const manual = this.#configured?.config.poll.intervalMs === Number.POSITIVE_INFINITY;
    const { readUpTo, ...pause } = this.#pause ?? {};
    const rests = manual || this.#pause !== undefined;
    return {
      name: this.name,
      source: this.#source,
      state: this.#state,
      since: new Date(this.#since).toISOString(),
      reason: this.#reason ?? null,
      failure: this.#failure ?? null,
      pause: this.#pause === undefined ? null : (pause as StoredPause),
      manual,
      retention: rests ? (this.options.retention(this.name, readUpTo) ?? null) : null,
      problems: this.#problems,
    };
  }

  /** Starts it, unless it is paused or its file is invalid. */
  begin(): Applied {
    if (this.#configured === undefined) {
      this.#exitCode = exitCodes.configuration;
      this.#enter('invalid');
      return 'invalid';
    }
    if (this.#pause !== undefined) {
      this.#enter('paused');
      return 'paused';
    }
    this.#launch(this.#configured);
    return 'started';
  }

  /** Takes over what its file says now. */
  async apply(feed: ConfiguredFeed): Promise<Applied> {
    const before = this.#configured;
    this.#configured = feed;
    this.#source = feed.source;
    this.#problems = [];
    const change = before === undefined ? 'restart' : changeBetween(before.settings, feed.settings);
    if (this.#pause !== undefined) return change === 'none' ? 'unchanged' : 'paused';
    if (this.#state === 'invalid') return this.begin();
    if (change === 'none') return 'unchanged';
    if (change === 'live') {
      this.#last?.describe(feed.config);
      return 'live';
    }
    return this.#startAgain('its configuration has changed');
  }

  /** Its file cannot be used: a run goes on as it is. */
  invalidate({ problems, source }: InvalidFeed): Applied {
    this.#problems = problems;
    this.#source = source;
    if (this.#current === undefined && this.#pause === undefined) {
      this.#exitCode = exitCodes.configuration;
      this.#enter('invalid');
    }
    return 'invalid';
  }

  async restart(reason: string): Promise<Applied> {
    if (this.#configured === undefined) return 'invalid';
    if (this.#pause !== undefined) return 'paused';
    return this.#startAgain(reason);
  }

  stop(reason: string): Promise<Applied> {
    return this.#end('stop', reason, 'stopped');
  }

  /** @param pause is in force from now on */
  pauseNow(pause: StoredPause): Promise<Applied> {
    this.#pause = pause;
    return this.#end('pause', pause.reason, 'paused');
  }

  /** The pause is over. */
  resume(): Applied {
    this.#pause = undefined;
    this.warned = undefined;
    this.#failure = undefined;
    this.#reason = undefined;
    if (this.#current === undefined) return this.begin();
    this.#next = 'start';
    return 'stopping';
  }

  /** Ends it for good; `onChange` is called when nothing of it is left. */
  remove(reason: string): Promise<Applied> {
    return this.#end('remove', reason, 'removed');
  }

  async #startAgain(reason: string): Promise<Applied> {
    if (this.#current === undefined) {
      this.#failure = undefined;
      this.#reason = undefined;
      return this.begin();
    }
    return this.#end('start', reason, 'restarted');
  }

  /** Ends the run; without one, what follows it is done at once. */
  async #end(next: Then, reason: string, done: Applied): Promise<Applied> {
    // A feed that is being removed is not kept by a later wish.
    if (this.#next !== 'remove') this.#next = next;
    this.#reason = next === 'start' ? undefined : reason;
    const current = this.#current;
    if (current === undefined) {
      this.#proceed();
      return done;
    }
    current.abort.abort();
    this.#enter('stopping');
    const waited = new AbortController();
    await Promise.race([current.run.ended, this.options.clock.sleep(STOP_WAIT_MS, waited.signal)]);
    waited.abort();
    return this.#current === current ? 'stopping' : done;
  }

  #launch(feed: ConfiguredFeed): void {
    const { signal, launch } = this.options;
    if (signal.aborted) return;
    const abort = new AbortController();
    this.#failure = undefined;
    this.#reason = undefined;
    const run = launch(feed, AbortSignal.any([signal, abort.signal]), () => {
      if (this.#state === 'starting') this.#enter('running');
    });
    const current = { run, abort };
    this.#current = current;
    this.#last = run;
    this.#enter('starting');
    void run.ended.then((failure) => this.#ended(failure));
  }

  #ended(failure: CollectorError | undefined): void {
    this.#current = undefined;
    this.#exitCode = failure?.exitCode ?? exitCodes.done;
    if (failure !== undefined && this.#next === undefined) {
      const { code, message, cure } = failure;
      this.#failure = { at: new Date(this.options.clock.now()).toISOString(), code, message, cure };
    }
    this.#proceed();
  }

  #proceed(): void {
    const next = this.options.signal.aborted && this.#next !== 'remove' ? undefined : this.#next;
    if (next !== 'remove') this.#next = undefined;
    if (next === 'start' && this.#configured !== undefined && this.#pause === undefined) this.#launch(this.#configured);
    else this.#enter(this.#pause === undefined ? 'stopped' : 'paused');
  }

  #enter(state: FeedRunState): void {
    if (state !== this.#state) this.#since = this.options.clock.now();
    this.#state = state;
    this.options.onChange(this);
  }
}
