import type { Clock } from '../clock.js';
import type { ConfiguredFeed, InvalidFeed } from '../config/configured-feed.js';
import type { LoadedConfig } from '../config/load-config.js';
import { asCollectorError, CollectorError, exitCodes } from '../errors.js';
import type { ActivityRange, ActivitySeries } from '../monitoring/activity.js';
import type { FeedHistory } from '../monitoring/feed-history.js';
import type { LogLine } from '../monitoring/log-ring.js';
import { retentionOf, retentionWarning } from '../monitoring/retention.js';
import type { Retention, Supervision, SupervisionView } from '../monitoring/status/supervision.js';
import { isLive } from '../position/lane-name.js';
import type { RepairQueue } from '../reconcile/repair-queue.js';
import { type FeedEnvironment, startFeedRun } from './collect-feed.js';
import { FeedMember, type MemberOptions } from './feed-member.js';
import { openPauses, type Pauses } from './pauses.js';
import type { Applied, ReloadReport, SupervisedFeed, Supervisor } from './supervisor.js';

export interface SupervisorOptions {
  readonly environment: FeedEnvironment;
  readonly clock: Clock;
  /** The configuration as it was read at start. */
  readonly config: LoadedConfig;
  /** Reads it again. @throws CollectorError CONFIG_… */
  readonly read: () => LoadedConfig;
  /** Told of each configuration that was read again and is sound, before it is applied. */
  readonly onRead: (config: LoadedConfig) => void;
  /** Aborts when the process is to end. */
  readonly signal: AbortSignal;
  /** Absent: nothing is kept for screens. */
  readonly history?: FeedHistory;
  /** The file of the pauses; absent: nobody can pause a feed. */
  readonly pauses?: string;
  /** True: the process goes on when all feeds have ended. */
  readonly staysAlive: boolean;
}

/** Milliseconds between two looks at what only time changes. */
const LOOK_EVERY_MS = 1_000;
const RETENTION_EVERY_MS = 60_000;

/** The feeds of the process. */
export class FeedSupervisor implements Supervisor {
  /** Resolves with the exit code when the process has nothing left to do. */
  readonly finished: Promise<number>;
  /** What the board asks. */
  readonly supervision: Supervision;
  #members = new Map<string, FeedMember>();
  #config: LoadedConfig;
  #finish: (code: number) => void = () => undefined;
  /** While a set of feeds is applied, that nothing runs means nothing. */
  #isApplying = true;
  #reloading: Promise<unknown> = Promise.resolve();
  #forgetting: Promise<void> = Promise.resolve();
  /** Feeds that came back while the sink of their removed predecessor had not let go. */
  readonly #returning = new Map<string, ConfiguredFeed>();
  readonly #closed = new AbortController();
  readonly #pauses: Pauses | undefined;
  readonly #member: MemberOptions;

  /** @throws CollectorError STORAGE_FAILED where the pauses cannot be read */
  constructor(private readonly options: SupervisorOptions) {
    const { config, clock, signal, staysAlive } = options;
    this.#config = config;
    this.#pauses = options.pauses === undefined ? undefined : openPauses(options.pauses);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.supervision = { list: () => this.#views(), readyWithoutFeeds: staysAlive };
    const environment: FeedEnvironment = {
      ...options.environment,
      ...(options.history === undefined ? {} : { observe: (feed) => options.history!.observe(feed) }),
    };
    this.#member = {
      clock,
      signal,
      launch: (feed, either, onOpen) => startFeedRun(feed, environment, either, onOpen),
      retention: (feed, readUpTo) => this.#retention(feed, readUpTo),
      onChange: (member) => this.#changed(member),
    };
  }

  /** Starts every feed of the configuration, and looks after what only time changes. */
  begin(): void {
    const { config, signal } = this.options;
    for (const feed of [...config.configured, ...config.invalid]) this.#add(feed);
    for (const feed of config.invalid) this.#logInvalid(feed);
    signal.addEventListener('abort', () => this.#finishIfDone());
    void this.#look();
    this.#isApplying = false;
    this.#finishIfDone();
  }

  /** Looks after nothing any more. */
  close(): void {
    this.#closed.abort();
  }

  list(): readonly SupervisedFeed[] {
    return [...this.#members.values()].map((member) => this.#supervised(member));
  }

  find(name: string): SupervisedFeed | undefined {
    const member = this.#members.get(name);
    return member && this.#supervised(member);
  }

  async start(feed: ConfiguredFeed): Promise<Applied> {
    const { name } = feed.config;
    if ([...this.#members.keys()].some((taken) => taken.toLowerCase() === name.toLowerCase()))
      throw new CollectorError('USAGE', `There is a feed ${name} already.`, { cure: 'Choose another name.' });
    this.#redact(feed);
    return this.#add(feed);
  }

  async replace(name: string, feed: ConfiguredFeed): Promise<Applied> {
    const member = this.#known(name);
    this.#redact(feed);
    return member.apply(feed);
  }

  async stop(name: string, reason: string): Promise<Applied> {
    return this.#known(name).stop(reason);
  }

  async restart(name: string, reason: string): Promise<Applied> {
    return this.#known(name).restart(reason);
  }

  async remove(name: string, reason: string): Promise<Applied> {
    const member = this.#known(name);
    if (this.#pauses?.get(name) !== undefined) await this.#pauses.set(name, undefined);
    const applied = await member.remove(reason);
    await this.#forgetting;
    return applied;
  }

  wake(name: string): boolean {
    const member = this.#members.get(name);
    if (member?.isRunning !== true) return false;
    member.run?.wake();
    return true;
  }

  async pause(name: string, { by, reason, until }: { by: string; reason: string; until?: string }): Promise<Applied> {
    const member = this.#known(name);
    const since = new Date(this.options.clock.now()).toISOString();
    const readUpTo = member.pause?.readUpTo ?? this.#readUpTo(name);
    const pause = { by, since, reason, ...(until && { until }), ...(readUpTo && { readUpTo }) };
    await this.#pauses?.set(name, pause);
    this.#log(name).warn(`paused by ${by}: ${reason}`, { until });
    return member.pauseNow(pause);
  }

  async resume(name: string, by: string): Promise<Applied> {
    const member = this.#known(name);
    if (member.pause === undefined) return 'unchanged';
    await this.#pauses?.set(name, undefined);
    this.#log(name).info(`resumed by ${by}`);
    return member.resume();
  }

  /** One reload at a time: each reads the files as they are when its turn has come. */
  reload(): Promise<ReloadReport> {
    const reload = this.#reloading.then(() => this.#reload());
    this.#reloading = reload.catch(() => undefined);
    return reload;
  }

  /** Reads the files of the credentials in use again. */
  reloadCredentials(): void {
    for (const member of this.#members.values()) if (member.isRunning) member.run?.reloadCredential();
  }

  readFeed(name: string, yaml: string, file: string): ConfiguredFeed | InvalidFeed {
    return this.#config.readFeed(name, yaml, file);
  }

  repairs(name: string): Pick<RepairQueue, 'ask'> | undefined {
    return this.#members.get(name)?.run?.repairs();
  }

  activity(name: string, range: ActivityRange): ActivitySeries | undefined {
    return this.options.history?.activity(name, range);
  }

  log(name: string, after: number): readonly LogLine[] {
    return this.options.history?.log(name, after) ?? [];
  }

  async #reload(): Promise<ReloadReport> {
    const { read, onRead, environment } = this.options;
    const applied = new Map<string, Applied>();
    let config: LoadedConfig;
    try {
      config = read();
    } catch (error) {
      const { message, cure } = asCollectorError(error);
      environment.log.warn('the configuration has become invalid: the one that was read before stays in force');
      environment.log.failure(error);
      return { applied, refused: { message, cure } };
    }
    this.#config = config;
    onRead(config);
    this.#isApplying = true;
    try {
      await this.#applyAll(config, applied);
    } finally {
      this.#isApplying = false;
    }
    this.#finishIfDone();
    return { applied, refused: undefined };
  }

  async #applyAll(config: LoadedConfig, applied: Map<string, Applied>): Promise<void> {
    const names = new Set([...config.configured.map((feed) => feed.config.name), ...config.invalid.map(nameOf)]);
    this.#returning.clear();
    const gone = [...this.#members.keys()].filter((name) => !names.has(name));
    const remember = async (name: string, change: Promise<Applied>) => void applied.set(name, await change);
    await Promise.all(gone.map((name) => remember(name, this.remove(name, 'the configuration no longer holds it'))));
    await Promise.all(config.configured.map((feed) => remember(feed.config.name, this.#applyOrAdd(feed))));
    for (const feed of config.invalid) {
      const member = this.#members.get(feed.name);
      applied.set(feed.name, member === undefined ? this.#add(feed) : member.invalidate(feed));
      this.#logInvalid(feed);
    }
    const order = [...names].flatMap((name) => this.#members.get(name) ?? []);
    this.#members = new Map([...order, ...this.#members.values()].map((member) => [member.name, member]));
    for (const [name, change] of applied)
      if (change !== 'unchanged' && change !== 'invalid')
        this.#log(name).info(`the configuration has changed: ${change}`);
  }

  async #applyOrAdd(feed: ConfiguredFeed): Promise<Applied> {
    const { name } = feed.config;
    const member = this.#members.get(name);
    if (member === undefined) return this.#add(feed);
    if (!member.isRemoved) return member.apply(feed);
    this.#returning.set(name, feed);
    return 'stopping';
  }

  #add(feed: ConfiguredFeed | InvalidFeed): Applied {
    const name = 'config' in feed ? feed.config.name : feed.name;
    const member = new FeedMember(feed, this.#pauses?.get(name), this.#member);
    this.#members.set(name, member);
    return member.begin();
  }

  #known(name: string): FeedMember {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    throw new CollectorError('USAGE', `There is no feed ${name}.`, { cure: 'Name one of those that /status shows.' });
  }

  #changed(member: FeedMember): void {
    if (member.isRemoved && !member.isRunning) this.#forgetting = this.#forget(member);
    else this.#measure(member);
    this.#finishIfDone();
  }

  async #forget({ name }: FeedMember): Promise<void> {
    const { board, metrics } = this.options.environment;
    this.#members.delete(name);
    board.forget(name);
    await metrics.forget(name);
    await this.options.history?.forget(name);
    const back = this.#returning.get(name);
    this.#returning.delete(name);
    if (back !== undefined && !this.options.signal.aborted) this.#add(back);
  }

  /** The process ends when nothing runs, unless something may still come. */
  #finishIfDone(): void {
    const { signal, staysAlive, environment, config } = this.options;
    const members = [...this.#members.values()];
    const returns = this.#returning.size > 0 && !signal.aborted;
    if (this.#isApplying || returns || members.some((member) => member.isRunning)) return;
    const mayCome =
      staysAlive || (members.length === 0 && config.shared.feedsDirectory !== undefined && !environment.once);
    if (!signal.aborted && mayCome) return;
    const codes = members.map(({ exitCode }) => exitCode);
    this.#finish(codes.find((code) => code !== exitCodes.done) ?? exitCodes.done);
  }

  /** Ends pauses, and warns before JumpCloud forgets. */
  async #look(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.#closed;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      for (const { name, pause } of this.#members.values())
        if (pause?.until !== undefined && Date.parse(pause.until) <= clock.now())
          await this.resume(name, 'the end of the pause').catch((error: unknown) =>
            this.#log(name).failing('pause', error),
          );
      if (clock.monotonic() - lookedAt >= RETENTION_EVERY_MS) {
        lookedAt = clock.monotonic();
        for (const member of this.#members.values()) this.#measure(member);
      }
      await clock.sleep(this.#pauses === undefined ? RETENTION_EVERY_MS : LOOK_EVERY_MS, signal);
    }
  }

  #measure(member: FeedMember): void {
    const { manual, pause, retention } = member.view();
    const deadline = retention === null ? undefined : Date.parse(retention.deadline);
    this.options.environment.metrics.atRest(member.name, manual || pause !== null, deadline);
    const days = retention === null ? undefined : retentionWarning(retention, member.warned);
    if (retention === null || days === undefined) {
      if (retention === null || retention.daysLeft > 14) member.warned = undefined;
      return;
    }
    member.warned = days;
    const state = pause === null ? 'DISABLED' : 'paused';
    const fields = {
      days: retention.daysLeft,
      cure: pause === null ? 'Run it (console: Run now), or set poll.interval.' : 'Resume it.',
    };
    if (retention.daysLeft < 0)
      this.#log(member.name).error(
        `${state}, and since ${retention.deadline} JumpCloud forgets records that it has not read`,
        fields,
      );
    else
      this.#log(member.name).warn(
        `${state}: JumpCloud forgets what it has not read from ${retention.deadline} on (15 days after ${retention.readUpTo} on the lowest plan)`,
        fields,
      );
  }

  #retention(feed: string, readUpTo: string | undefined): Retention | undefined {
    const moment = readUpTo ?? this.#readUpTo(feed);
    return moment === undefined ? undefined : retentionOf(Date.parse(moment), this.options.clock.now());
  }

  /** Up to which moment the feed has read, as its position says. */
  #readUpTo(feed: string): string | undefined {
    const lanes = this.options.environment.board.viewOf(feed)?.lanes ?? [];
    return lanes.find(({ name }) => isLive(name))?.position?.settled;
  }

  #views(): SupervisionView[] {
    return [...this.#members.values()].map((member) => member.view());
  }

  #supervised(member: FeedMember): SupervisedFeed {
    const view = this.options.environment.board.viewOf(member.name);
    return { ...member.view(), configured: member.configured ?? null, view: view ?? null };
  }

  #redact({ secrets }: ConfiguredFeed): void {
    for (const secret of secrets) this.options.environment.log.redact(secret.reveal());
  }

  #logInvalid({ name, problems }: InvalidFeed): void {
    for (const { where, message } of problems)
      this.#log(name).error(`${where}: ${message}`, {
        code: 'CONFIG_INVALID',
        cure: 'Correct the file. The other feeds go on, and this one with the configuration before where there is one.',
      });
  }

  #log(feed: string) {
    return this.options.environment.log.child({ feed });
  }
}

function nameOf({ name }: InvalidFeed): string {
  return name;
}
