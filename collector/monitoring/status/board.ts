import { ocsfTarget } from '../../../schemas/ocsf-target.js';
import { FeedStatus, type FeedStatusOptions, type FeedView, type NotReady } from './feed-status.js';
import { isAtRest, type Supervision, type SupervisionView, supervisedReason } from './supervision.js';

/** Answers of /readyz. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly (NotReady | { readonly part: 'process'; readonly message: string })[];
}

/** What /status answers. `version` changes when a field is removed or changes its meaning; fields may be added. */
export interface StatusView {
  readonly version: 1;
  readonly program: { readonly name: string; readonly version: string; readonly ocsf: string; readonly node: string };
  readonly startedAt: string;
  readonly now: string;
  readonly ready: boolean;
  readonly reasons: Readiness['reasons'];
  readonly feeds: readonly FeedView[];
  /** Each feed of the configuration, running or not, in its order. */
  readonly supervision: readonly SupervisionView[];
}

/** What the process knows of itself: fed by the feeds' observers, read by the health port. */
export class StatusBoard {
  readonly #feeds = new Map<string, FeedStatus>();
  readonly #started: number;
  #stopping = false;
  #supervision: Supervision = { list: () => [], readyWithoutFeeds: false };

  constructor(
    private readonly version: string,
    private readonly now: () => number = Date.now,
  ) {
    this.#started = now();
  }

  /** Who knows which feeds there are. */
  supervise(supervision: Supervision): void {
    this.#supervision = supervision;
  }

  /** Opens the status of one feed; a feed of the same name replaces the one before (after a reload of the configuration). */
  feed(options: FeedStatusOptions): FeedStatus {
    const status = new FeedStatus(options);
    this.#feeds.set(status.name, status);
    return status;
  }

  /** The feeds that have run in this process. */
  get feeds(): Iterable<FeedStatus> {
    return this.#feeds.values();
  }

  /** A feed that the configuration no longer holds. */
  forget(feed: string): void {
    this.#feeds.delete(feed);
  }

  /** From now on the process is not ready: it ends. */
  stopping(): void {
    this.#stopping = true;
  }

  /** Ready when every feed has read and delivered, and none is broken. */
  readiness(): Readiness {
    const supervised = this.#supervision.list();
    const atRest = new Set(supervised.filter(isAtRest).map(({ name }) => name));
    const reasons: Readiness['reasons'][number][] = [...this.#feeds.values()].flatMap((feed) => {
      const found = feed.evaluate();
      return atRest.has(feed.name) ? [] : found;
    });
    reasons.push(...supervised.flatMap((feed) => supervisedReason(feed, this.#feeds.has(feed.name)) ?? []));
    if (this.#stopping) reasons.push({ part: 'process', message: 'the collector is stopping' });
    if (this.#feeds.size === 0 && supervised.length === 0 && !this.#supervision.readyWithoutFeeds)
      reasons.push({ part: 'process', message: 'no feed has been started yet' });
    return { ready: reasons.length === 0, reasons };
  }

  /** What /status shows of one feed; undefined: it has not run in this process. */
  viewOf(feed: string): FeedView | undefined {
    return this.#feeds.get(feed)?.view();
  }

  /**
   * What /status shows of all feeds, of compared hours those alone that differ or cannot be known; or of one feed, with all
   * its hours: they are by far the most of it.
   */
  view(only?: string): StatusView {
    const { ready, reasons } = this.readiness();
    const views = [...this.#feeds.values()].filter(({ name }) => only === undefined || name === only);
    return {
      version: 1,
      program: { name: 'jumpcloud-ocsf', version: this.version, ocsf: ocsfTarget.version, node: process.version },
      startedAt: new Date(this.#started).toISOString(),
      now: new Date(this.now()).toISOString(),
      ready,
      reasons,
      feeds: views.map((feed) => (only === undefined ? withoutEqualHours(feed.view()) : feed.view())),
      supervision: this.#supervision.list(),
    };
  }
}

function withoutEqualHours(feed: FeedView): FeedView {
  return { ...feed, reconciliation: feed.reconciliation.filter(({ difference }) => difference !== 0) };
}
