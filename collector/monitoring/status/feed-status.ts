import { formatSecond } from '../../../mappings/instant.js';
import type { FeedConfig } from '../../config/feed-config.js';
import type { CollectorError } from '../../errors.js';
import type { InventoryObserver } from '../../inventory/observer.js';
import type { AuthorizationMode, ClientObserver } from '../../jumpcloud/http/observer.js';
import { APART_MS } from '../../jumpcloud/http/server-clock.js';
import { type KeyStatus, type KeyView, viewKey } from '../../key-expiry/monitor.js';
import { isLive, LIVE_LANE } from '../../position/lane-name.js';
import type { SteppedBack } from '../../position/step-back.js';
import { type ReconciledHour, reconciledHours } from '../../reconcile/hour-report.js';
import type { LaneObserver } from '../../reconcile/observer.js';
import type { RepairView } from '../../reconcile/repair-queue.js';
import { type UnaskedServices, unaskedServicesIn } from '../../reconcile/unasked-services.js';
import type { Sink } from '../../sinks/sink.js';
import type { ReceiverView, WebhookLaneView } from '../../webhook/receiver.js';
import { InventoryStatus, type InventoryView } from './inventory-status.js';
import { LaneStatus, type LaneView } from './lane-status.js';

/** Why a feed is not ready. */
export interface NotReady {
  readonly feed: string;
  readonly lane: string;
  /**
   * What is broken: its file cannot be used (`configuration`), nothing has run yet (`start`), reading (`collection`), the sink (`delivery`), no sign of life
   * (`stall`), or the stored position was damaged and what it passed over is not compared yet (`position`).
   */
  readonly part: 'configuration' | 'start' | 'collection' | 'delivery' | 'stall' | 'position';
  readonly message: string;
  /** RFC 3339. */
  readonly since: string;
  /** Of the failure that is the reason; absent where none is. */
  readonly code?: string;
  readonly cure?: string;
}

/** One of the last failures, with how often it came in a row. */
export interface FailureView {
  readonly first: string;
  readonly last: string;
  readonly times: number;
  readonly lane: string;
  readonly part: 'source' | 'sink' | 'service';
  readonly code: string;
  readonly message: string;
  readonly cure: string;
}

/** A feed as /status shows it. */
export interface FeedView {
  readonly name: string;
  readonly contact: { readonly name: string | null; readonly email: string | null };
  readonly ready: boolean;
  readonly organization: string | null;
  readonly source: { readonly baseUrl: string; readonly region: string | null; readonly eventTypes: readonly string[] };
  readonly sink: { readonly kind: string; readonly target: string; readonly guarantee: string };
  readonly authorization: { readonly configured: AuthorizationMode; readonly used: AuthorizationMode | null };
  readonly key: (KeyView & { readonly refused: boolean }) | null;
  readonly clockSkewSeconds: number | null;
  /** True while JumpCloud's clock and the local one differ by more than five minutes: the position follows the records alone. */
  readonly clocksApart: boolean;
  readonly noData: { readonly since: string; readonly thresholdSeconds: number } | null;
  readonly lanes: readonly LaneView[];
  /** Whole hours of the last three days, service by service. */
  readonly reconciliation: readonly ReconciledHour[];
  /**
   * Records of one day that JumpCloud holds of services that the feed does not ask for; times are RFC 3339. Null where
   * it asks for all, and before the first look.
   */
  readonly unaskedServices: { readonly records: number; readonly from: string; readonly to: string } | null;
  readonly errors: readonly FailureView[];
  /** The last repair that the feed was asked for since the process started. */
  readonly repair: RepairView | null;
  /** What came of webhooks since the process started; null: the feed takes none. */
  readonly webhook: (ReceiverView & WebhookLaneView) | null;
  /** What is known of the directory; null: it is read only when asked to, and never was. Never a reason not to be ready. */
  readonly inventory: InventoryView | null;
}

/** What a feed's status is made of. */
export interface FeedStatusOptions {
  readonly config: FeedConfig;
  readonly sink: Pick<Sink, 'kind' | 'target' | 'guarantee'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly key?: () => KeyStatus | undefined;
  /** JumpCloud's clock less the local one in milliseconds. */
  readonly skewMs?: () => number | undefined;
  /** The last repair that the feed was asked for. */
  readonly repair?: () => RepairView | undefined;
  readonly webhook?: () => (ReceiverView & WebhookLaneView) | undefined;
  /** Told whenever the feed becomes ready or stops being so. */
  readonly onReady?: (ready: boolean) => void;
  /** Told when no new record came for longer than `health.noDataAfter`, and when one came again. `since` is epoch milliseconds. */
  readonly onNoData?: (silent: boolean, since: number) => void;
}

const errorsKept = 5;

/** Derives the status of one feed from what its observers report. */
export class FeedStatus {
  readonly observer: LaneObserver;
  readonly client: ClientObserver;
  readonly inventory: InventoryObserver;
  readonly #inventory: InventoryStatus;
  #options: FeedStatusOptions;
  readonly #lanes = new Map<string, LaneStatus>();
  readonly #started: number;
  #hours: readonly ReconciledHour[] = [];
  #unasked: UnaskedServices | undefined;
  #errors: FailureView[] = [];
  #organization: string | undefined;
  #used: AuthorizationMode | undefined;
  #keyRefused = false;
  #ready = false;
  #silent = false;

  constructor(options: FeedStatusOptions) {
    this.#options = options;
    this.#started = options.now();
    this.observer = (event) => this.#observe(event);
    this.#inventory = new InventoryStatus(options.now);
    this.inventory = (event) => this.#inventory.observe(event);
    this.client = {
      onHeaderUsed: ({ used }) => {
        this.#used = used;
      },
      onRequest: ({ purpose, status }) => {
        if (purpose === 'api' && status !== undefined && status < 300) this.#keyRefused = false;
      },
      onKeyRefused: () => {
        this.#keyRefused = true;
      },
      onKeyChanged: () => {
        this.#keyRefused = false;
      },
    };
  }

  get name(): string {
    return this.#options.config.name;
  }

  get config(): FeedConfig {
    return this.#options.config;
  }

  /** Undefined: neither configured nor met yet. */
  get organization(): string | undefined {
    return this.#organization ?? this.#options.config.jumpcloud.orgId;
  }

  /** Takes over what describes the feed: contact, health and the like. */
  describe(config: FeedConfig): void {
    this.#options = { ...this.#options, config };
  }

  /** Checks what only time changes (silence, a lane that hangs) and reports changes. */
  evaluate(): NotReady[] {
    const reasons = this.#reasons();
    const ready = reasons.length === 0;
    if (ready !== this.#ready) this.#options.onReady?.(ready);
    this.#ready = ready;
    const since = this.#silentSince();
    const silent = since !== undefined;
    if (silent !== this.#silent) this.#options.onNoData?.(silent, since ?? this.#options.now());
    this.#silent = silent;
    return reasons;
  }

  view(): FeedView {
    const { config, sink, skewMs } = this.#options;
    const { jumpcloud, contact } = config;
    const ready = this.evaluate().length === 0;
    const since = this.#silentSince();
    const skew = skewMs?.();
    return {
      name: config.name,
      contact: { name: contact.name ?? null, email: contact.email ?? null },
      ready,
      organization: this.organization ?? null,
      source: {
        baseUrl: jumpcloud.endpoints.baseUrl,
        region: jumpcloud.endpoints.region ?? null,
        eventTypes: jumpcloud.eventTypes,
      },
      sink: { kind: sink.kind, target: sink.target, guarantee: sink.guarantee },
      authorization: { configured: jumpcloud.authorization, used: this.#used ?? null },
      key: this.#keyView(),
      clockSkewSeconds: skew === undefined ? null : skew / 1000,
      clocksApart: Math.abs(skew ?? 0) > APART_MS,
      noData:
        since === undefined
          ? null
          : { since: new Date(since).toISOString(), thresholdSeconds: (config.health.noDataAfterMs ?? 0) / 1000 },
      lanes: [...this.#lanes.values()].map((lane) => lane.view()),
      reconciliation: this.#hours,
      unaskedServices: this.#unaskedView(),
      errors: this.#errors,
      repair: this.#options.repair?.() ?? null,
      webhook: this.#options.webhook?.() ?? null,
      inventory: this.#inventory.view(config.inventory.intervalMs),
    };
  }

  #lane(name: string): LaneStatus {
    const lane = this.#lanes.get(name) ?? new LaneStatus(name, this.#options.now);
    this.#lanes.set(name, lane);
    return lane;
  }

  #observe(event: Parameters<LaneObserver>[0]): void {
    const { lane } = event;
    switch (event.type) {
      case 'noted':
      case 'questionAnswered':
      case 'questionBehind':
      case 'questionFailed':
        return;
      case 'reconciled':
        this.#hours = event.report.hours;
        return;
      case 'unasked':
        this.#unasked = event.found;
        return;
      case 'refused':
        this.#remember(lane, 'service', event.error);
        return;
      case 'failed':
        this.#remember(lane, event.part, event.error);
        break;
      case 'opened':
        if (isLive(lane)) this.#hours = reconciledHours(event.cursor).hours;
        if (isLive(lane)) this.#unasked = unaskedServicesIn(event.cursor);
        this.#organization = event.cursor.organization ?? this.#organization;
        break;
      case 'committed':
        this.#organization = event.cursor.organization ?? this.#organization;
        break;
      default:
    }
    this.#lane(lane).observe(event);
    if (event.type !== 'searching' && event.type !== 'page') this.evaluate();
  }

  #remember(lane: string, part: FailureView['part'], { code, message, cure }: CollectorError): void {
    const at = new Date(this.#options.now()).toISOString();
    const same = this.#errors.findIndex((old) => old.lane === lane && old.part === part && old.code === code);
    const before = this.#errors[same];
    const rest = this.#errors.filter((_, index) => index !== same);
    const failure = {
      first: before?.first ?? at,
      last: at,
      times: (before?.times ?? 0) + 1,
      lane,
      part,
      code,
      message,
      cure,
    };
    this.#errors = [...rest, failure].slice(-errorsKept);
  }

  #reasons(): NotReady[] {
    const feed = this.name;
    const live = this.#lanes.get(LIVE_LANE);
    if (live === undefined) {
      const since = new Date(this.#started).toISOString();
      return [{ feed, lane: LIVE_LANE, part: 'start', message: 'the feed has not opened its lane yet', since }];
    }
    const stalled = live.stalledFor;
    const since = new Date(live.since).toISOString();
    if (stalled !== undefined) {
      const message = `no sign of life for ${Math.round(stalled / 60_000)} minutes`;
      return [
        {
          feed,
          lane: live.name,
          part: 'stall',
          message,
          since,
          cure: 'Restart the collector; nothing is lost. Please report it with the log.',
        },
      ];
    }
    if (live.works) return live.steppedBack === undefined ? [] : [damaged(feed, live.name, live.steppedBack)];
    const part = live.state === 'blocked' ? 'delivery' : live.state === 'failing' ? 'collection' : 'start';
    const failure = this.#errors.findLast((error) => error.lane === live.name && live.reason.startsWith(error.code));
    const fix = failure === undefined ? {} : { code: failure.code, cure: failure.cure };
    return [{ feed, lane: live.name, part, message: live.reason, since, ...fix }];
  }

  /** Epoch milliseconds since when the feed is silent for longer than it may be; undefined while it is not. */
  #silentSince(): number | undefined {
    const threshold = this.#options.config.health.noDataAfterMs;
    const last = this.#lanes.get(LIVE_LANE)?.lastNew ?? this.#started;
    return threshold !== undefined && this.#options.now() - last > threshold ? last : undefined;
  }

  #unaskedView(): FeedView['unaskedServices'] {
    if (this.#unasked === undefined) return null;
    const { records, from, to } = this.#unasked;
    return { records, from: formatSecond(from), to: formatSecond(to) };
  }

  #keyView(): FeedView['key'] {
    const status = this.#options.key?.();
    return status === undefined ? null : { ...viewKey(status, this.#options.now()), refused: this.#keyRefused };
  }
}

function damaged(feed: string, lane: string, { from, to, since }: SteppedBack): NotReady {
  return {
    feed,
    lane,
    part: 'position',
    message: `the stored position ${from} was damaged; the lane went back to ${to} and compares what was passed over`,
    since,
    cure: 'Nothing to do: the next reconciliation delivers what is missing. Look for what set a clock wrong (NTP, a proxy that writes Date headers).',
  };
}
