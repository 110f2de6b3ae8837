import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { DeadLetterReason } from '../../mappings/dead-letter.js';
import type { NameOutcome } from '../../mappings/directory-names.js';
import { classNameOf, ocsfTarget } from '../../schemas/ocsf-target.js';
import type { InventoryObserver } from '../inventory/observer.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import type { CommitReport } from '../pipeline/observer.js';
import type { Cursor } from '../position/cursor.js';
import { isLive } from '../position/lane-name.js';
import { type ReconciledHour, type ReconciledHours, reconciledHours } from '../reconcile/hour-report.js';
import type { LaneObserver } from '../reconcile/observer.js';
import type { ActionRecord } from '../response/action-journal.js';
import type { SinkUpkeep } from '../sinks/sink.js';
import type { RequestOutcome } from '../webhook/receiver.js';
import { LabelLimiter } from './label-limiter.js';
import { Lag } from './lag.js';
import { addProcessMetrics } from './process-metrics.js';

/** The metrics of a process. Names begin with `jumpcloud_ocsf_`, units are base units. */
export interface Metrics {
  /** Opens the series of one feed; one that was opened before goes on with what it counted. */
  feed(options: FeedMetricsOptions): FeedMetrics;
  /**
   * Whether a feed is paused or polls only when it is asked to, and when JumpCloud forgets what it has not read (epoch
   * milliseconds; undefined: it polls by itself).
   */
  atRest(feed: string, atRest: boolean, deadline: number | undefined): void;
  /** Opens the series of a feed's response. */
  response(feed: string): ResponseMetrics;
  /** Removes the series of a feed. */
  forget(feed: string): Promise<void>;
  /** Whether the process is ready, as /readyz says. */
  ready(ready: boolean): void;
  readonly contentType: string;
  /** All series in Prometheus' text format. */
  text(): Promise<string>;
}

export interface FeedMetricsOptions {
  readonly feed: string;
  /** `tables`, `kafka` or `stdout`. */
  readonly sink: string;
  /** Epoch milliseconds of the server's clock. */
  readonly now: () => number;
  /** Epoch milliseconds at which the key in use expires; undefined: unknown or never. Asked at every scrape. */
  readonly keyExpires?: () => number | undefined;
  /** JumpCloud's clock less the local one in milliseconds; undefined before the first answer. Asked at every scrape. */
  readonly skewMs?: () => number | undefined;
  /** How the sink keeps in order what it holds; undefined: it has nothing to say. Asked at every scrape. */
  readonly upkeep?: () => SinkUpkeep | undefined;
}

/** The observers that update a feed's series, and setters for what no observer reports. */
export interface FeedMetrics {
  readonly observer: LaneObserver;
  readonly client: ClientObserver;
  /** Opens the series of the feed's inventory with what it reports first. */
  readonly inventory: InventoryObserver;
  /** Counts how each name came out that was looked up in the directory. */
  readonly name: (outcome: NameOutcome) => void;
  ready(ready: boolean): void;
  /** True while no new record came for longer than the feed's threshold. */
  noData(silent: boolean): void;
  /** Opens the series of the feed's webhooks. */
  webhook(): WebhookMetrics;
}

/** Setters for what a feed's webhooks come to. */
export interface WebhookMetrics {
  readonly onRequest: (outcome: RequestOutcome) => void;
  readonly onMissed: (notices: number) => void;
}

/** Setters for what a feed's response comes to. */
export interface ResponseMetrics {
  set(now: {
    /** What the journal holds. */
    readonly actions: Iterable<Pick<ActionRecord, 'intentAt' | 'outcome'>>;
    /** Epoch milliseconds; undefined: unknown or never. */
    readonly secretExpires: number | undefined;
    /** Whether the journal's events cannot be delivered at the moment. */
    readonly undelivered: boolean;
  }): void;
  /** Removes the series. */
  close(): void;
}

const prefix = 'jumpcloud_ocsf_';
const lane = ['feed', 'lane'] as const;
const question = ['feed', 'question'] as const;
/** Values of a label that strangers choose: more than this many become `other`. */
const mostTypes = 100;
const latenessBuckets = [1, 10, 60, 300, 900, 1800, 3600, 7200, 21_600, 86_400, 259_200];
const pollBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const commitBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * @param version the program's own
 * @param collects false for a process that collects nothing: it has no `ready`, whose absence says that no collector is scraped
 */
export function createMetrics(options: { version: string; collects?: boolean }): Metrics {
  const registry = new Registry();
  const series = createSeries(registry);
  series.build.set({ version: options.version, ocsf_version: ocsfTarget.version, node_version: process.version }, 1);
  series.ready.set(0);
  if (options.collects === false) registry.removeSingleMetric(`${prefix}ready`);
  addProcessMetrics(registry, prefix);
  const feeds = new Map<string, OpenFeed>();
  return {
    feed: (of) => {
      const { lags, services } = feeds.get(of.feed) ?? { lags: new Map<string, Lag>(), services: new Set<string>() };
      const opened = { of, lags, services };
      feeds.set(of.feed, opened);
      // A question that is no longer watched has no backlog.
      void removeFeed(series.questionBacklog, of.feed);
      return feedMetrics(series, opened);
    },
    atRest: (feed, atRest, deadline) => {
      series.atRest.set({ feed }, atRest ? 1 : 0);
      if (deadline === undefined) series.retention.remove({ feed });
      else series.retention.set({ feed }, deadline / 1000);
    },
    response: (feed) => ({
      set: (now) => measureResponse(series, feed, now),
      close: () => {
        for (const result of actionResults) series.responseActions.remove({ feed, result });
        series.responseSecret.remove({ feed });
        series.responseUndelivered.remove({ feed });
      },
    }),
    forget: async (feed) => {
      feeds.delete(feed);
      for (const metric of Object.values(series)) await removeFeed(metric, feed);
    },
    ready: (ready) => series.ready.set(ready ? 1 : 0),
    contentType: registry.contentType,
    text: async () => {
      for (const { of, lags } of feeds.values()) measure(series, of, lags);
      return registry.metrics();
    },
  };
}

interface OpenFeed {
  readonly of: FeedMetricsOptions;
  readonly lags: Map<string, Lag>;
  /** Services that have series of the reconciliation. */
  readonly services: Set<string>;
}

async function removeFeed(metric: Counter | Gauge | Histogram, feed: string): Promise<void> {
  const { values } = await metric.get();
  for (const { labels } of values) {
    // The buckets of a histogram go with it.
    const { le: _, ...own } = labels as Record<string, string | number>;
    if (own.feed === feed) metric.remove(own);
  }
}

/** What changes while nothing happens is measured when it is asked for. */
function measure(
  series: Series,
  { feed, now, keyExpires, skewMs, upkeep }: FeedMetricsOptions,
  lags: Map<string, Lag>,
): void {
  for (const [name, lag] of lags) {
    const ms = lag.at(now());
    if (ms !== undefined) series.lag.set({ feed, lane: name }, ms / 1000);
  }
  const known: [Gauge<'feed'>, number | undefined][] = [
    [series.keyExpiry, keyExpires?.()],
    [series.skew, skewMs?.()],
  ];
  for (const [gauge, ms] of known) {
    if (ms === undefined) gauge.remove({ feed });
    else gauge.set({ feed }, ms / 1000);
  }
  const kept = upkeep?.();
  if (kept === undefined) return;
  series.unlogged.set({ feed }, kept.unlogged);
  series.backlog.set({ feed }, kept.backlog);
  series.repairs.set({ feed }, kept.repairs);
  series.upkeepFailures.set({ feed }, kept.failures);
}

const actionResults = ['verified', 'no_change', 'failed', 'unknown', 'refused', 'begun'] as const;

function measureResponse(
  series: Series,
  feed: string,
  { actions, secretExpires, undelivered }: Parameters<ResponseMetrics['set']>[0],
): void {
  const now = [...actions].map(
    ({ outcome, intentAt }) => outcome?.result ?? (intentAt === undefined ? 'planned' : 'begun'),
  );
  for (const result of actionResults)
    series.responseActions.set({ feed, result }, now.filter((one) => one === result).length);
  if (secretExpires === undefined) series.responseSecret.remove({ feed });
  else series.responseSecret.set({ feed }, secretExpires / 1000);
  series.responseUndelivered.set({ feed }, undelivered ? 1 : 0);
}

type Series = ReturnType<typeof createSeries>;

function createSeries(registry: Registry) {
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({ name: prefix + name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Gauge({ name: prefix + name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[], buckets: number[]) =>
    new Histogram({ name: prefix + name, help, labelNames, buckets, registers });
  return {
    build: gauge('build_info', 'Always 1; the versions are in the labels.', [
      'version',
      'ocsf_version',
      'node_version',
    ]),
    ready: gauge('ready', '1 while /readyz answers 200.', []),
    feedReady: gauge('feed_ready', '1 while the feed collects and delivers.', ['feed']),
    atRest: gauge('feed_at_rest', '1 while the feed is paused or DISABLED: it does not poll by itself.', ['feed']),
    retention: gauge(
      'retention_deadline_timestamp_seconds',
      'When JumpCloud forgets the oldest record that a feed at rest has not read; absent while it polls by itself.',
      ['feed'],
    ),
    received: counter('records_received_total', 'Records of committed searches, as JumpCloud sent them.', lane),
    published: counter('events_published_total', 'Events committed to the sink.', [
      ...lane,
      'class_uid',
      'class_name',
      'sink',
    ]),
    discarded: counter(
      'events_discarded_total',
      'Records that were not delivered as events, each with its reason; all are intentional but dead_letter.',
      [...lane, 'reason', 'intentional'],
    ),
    late: counter('events_late_total', 'Records that became visible after a search had passed their time.', lane),
    lateness: histogram(
      'event_lateness_seconds',
      "Time between a late record's own time and its delivery.",
      lane,
      latenessBuckets,
    ),
    duplicates: counter('events_duplicate_total', 'Records received again and dropped by identity.', lane),
    variants: counter(
      'records_variant_total',
      'Of the duplicates: records that came again with another text, among at least the last 25,000 records of a lane.',
      lane,
    ),
    reusedIds: counter(
      'ids_reused_total',
      'Records delivered as events of their own though another record (of other time, type or outcome) bore their id, among at least the last 25,000 records of a lane.',
      [...lane, 'event_type'],
    ),
    unmapped: counter(
      'events_unmapped_total',
      'Events of a type that the catalogue does not know, delivered as Base Event.',
      [...lane, 'event_type'],
    ),
    deadLetters: counter('dead_letters_total', 'Records that could not become a valid event.', [...lane, 'reason']),
    polls: histogram('poll_duration_seconds', 'Time a search took, with its commits.', lane, pollBuckets),
    requests: counter(
      'http_requests_total',
      'Requests to JumpCloud by status, or by error code where no answer came.',
      ['feed', 'purpose', 'code'],
    ),
    receivedBytes: counter('http_received_bytes_total', "Bytes of JumpCloud's answers after decompression.", [
      'feed',
      'purpose',
    ]),
    retries: counter('http_retries_total', 'Requests that were repeated.', ['feed', 'purpose', 'code']),
    limited: counter('rate_limited_seconds_total', "Time waited because of JumpCloud's rate limit.", ['feed']),
    failures: counter('failures_total', 'Failures that retries did not cure.', [...lane, 'part', 'code']),
    lag: gauge(
      'lag_seconds',
      'Age of what was delivered last, measured against the end of the last poll; absent before the first delivery.',
      lane,
    ),
    success: gauge('last_success_timestamp_seconds', 'When a search was last read and delivered to its end.', lane),
    lastNew: gauge('last_record_timestamp_seconds', 'When a new record was last delivered.', lane),
    cursor: gauge('cursor_timestamp_seconds', 'Position: the next search starts here.', lane),
    skew: gauge('clock_skew_seconds', "JumpCloud's clock less the local one; absent before the first answer.", [
      'feed',
    ]),
    keyExpiry: gauge(
      'api_key_expiry_timestamp_seconds',
      'When the key in use expires; absent where that is unknown or never.',
      ['feed'],
    ),
    keyRefused: gauge('api_key_refused', '1 while JumpCloud refuses the key in use.', ['feed']),
    noData: gauge('no_data', '1 while no new record came for longer than health.noDataAfter.', ['feed']),
    commits: histogram(
      'commit_duration_seconds',
      'Time the sink took for a commit, acknowledgements included.',
      [...lane, 'sink'],
      commitBuckets,
    ),
    state: counter('state_writes_total', 'Positions written, each in one commit with the records it follows.', lane),
    difference: gauge(
      'reconcile_difference_records',
      "Records of JumpCloud's own count that the reconciliation of the last three days neither found delivered nor explained; absent where that cannot be known.",
      ['feed', 'service'],
    ),
    hour: gauge(
      'reconcile_hour_records',
      'Records of the last hour that was compared, by what became of them; absent where that cannot be known.',
      ['feed', 'service', 'kind'],
    ),
    hourStart: gauge(
      'reconcile_hour_timestamp_seconds',
      "Start of the last hour that was compared with JumpCloud's own count; absent before the first.",
      ['feed'],
    ),
    webhookRequests: counter('webhook_requests_total', "Requests to the feed's webhook, by what they were answered.", [
      'feed',
      'outcome',
    ]),
    webhookMissed: counter(
      'webhook_alerts_missed_total',
      'Notices of alerts that the list of alerts showed and no webhook had brought; they are delivered.',
      ['feed'],
    ),
    inventoryKnown: gauge('inventory_known', 'Objects or relationships known of a stage.', ['feed', 'stage']),
    inventoryHeld: gauge('inventory_removals_held', 'Removals of a stage that wait for an operator.', [
      'feed',
      'stage',
    ]),
    inventoryIncomplete: gauge('inventory_incomplete', '1 while the last reading of a stage is not complete.', [
      'feed',
      'stage',
    ]),
    inventoryComplete: gauge(
      'inventory_complete_timestamp_seconds',
      'When a stage was last read completely; absent before.',
      ['feed', 'stage'],
    ),
    inventoryChanges: counter('inventory_changes_total', 'Changes of the directory that were delivered, by kind.', [
      'feed',
      'stage',
      'change',
    ]),
    names: counter(
      'enrichment_names_total',
      'Names without a uid in events that were looked up in the directory, by what came of it.',
      ['feed', 'outcome'],
    ),
    inventoryFailures: counter('inventory_failures_total', 'Readings of the directory that failed.', ['feed']),
    responseActions: gauge(
      'response_actions',
      'Actions in the journal of response by their result; begun: without an outcome yet.',
      ['feed', 'result'],
    ),
    responseSecret: gauge(
      'response_secret_expiry_timestamp_seconds',
      'When the client secret of response expires; absent where that is unknown or never.',
      ['feed'],
    ),
    responseUndelivered: gauge(
      'response_events_undelivered',
      '1 while the events of response cannot be delivered; its journal has them.',
      ['feed'],
    ),
    questionRows: counter(
      'question_new_rows_total',
      'New rows of a watched question. Each becomes a finding.',
      question,
    ),
    questionFailures: counter(
      'question_failures_total',
      'Times that a watched question had no answer, by error code.',
      [...question, 'code'],
    ),
    questionAnswered: gauge(
      'question_last_success_timestamp_seconds',
      'When a watched question was last answered.',
      question,
    ),
    questionBacklog: gauge(
      'question_backlog_moments',
      'As of how many moments a watched question is still to be asked until it has caught up.',
      question,
    ),
    unlogged: gauge(
      'tables_unlogged_files',
      "Committed files that the tables' logs do not have yet: other engines do not see them.",
      ['feed'],
    ),
    backlog: gauge('tables_merge_backlog_files', 'Files that were to be merged and were not, at the last look.', [
      'feed',
    ]),
    repairs: gauge(
      'tables_repairs',
      'Lanes whose last commits were brought into the logs after a crash, since the start.',
      ['feed'],
    ),
    upkeepFailures: gauge('tables_maintenance_failures', 'Merges and other upkeep that failed, since the start.', [
      'feed',
    ]),
    refused: gauge('services_refused', 'Services that JumpCloud refuses and that are suspended.', lane),
  };
}

function feedMetrics(series: Series, { of: { feed, sink, now }, lags, services }: OpenFeed): FeedMetrics {
  const types = new LabelLimiter(mostTypes);
  series.feedReady.set({ feed }, 0);
  series.noData.set({ feed }, 0);
  series.keyRefused.set({ feed }, 0);
  series.limited.inc({ feed }, 0);
  return {
    observer: feedObserver(series, { feed, sink, now, types, lags, services }),
    client: clientObserver(series, feed),
    inventory: inventoryObserver(series, feed),
    name: (outcome) => series.names.inc({ feed, outcome }),
    ready: (ready) => series.feedReady.set({ feed }, ready ? 1 : 0),
    noData: (silent) => series.noData.set({ feed }, silent ? 1 : 0),
    webhook() {
      for (const outcome of Object.keys(requestOutcomes)) series.webhookRequests.inc({ feed, outcome }, 0);
      series.webhookMissed.inc({ feed }, 0);
      return {
        onRequest: (outcome) => series.webhookRequests.inc({ feed, outcome }),
        onMissed: (notices) => series.webhookMissed.inc({ feed }, notices),
      };
    },
  };
}

interface Of {
  readonly feed: string;
  readonly sink: string;
  readonly now: () => number;
  readonly types: LabelLimiter;
  readonly lags: OpenFeed['lags'];
  readonly services: OpenFeed['services'];
}

function feedObserver(series: Series, of: Of): LaneObserver {
  const { feed, now, lags } = of;
  return (event) => {
    const { lane } = event;
    // A backfill reads the past: its distance to the present says nothing.
    const lag = isLive(lane) ? lags.get(lane) : undefined;
    switch (event.type) {
      case 'opened':
        if (isLive(lane) && lag === undefined) lags.set(lane, new Lag());
        zeros(series, { feed, lane });
        positions(series, { feed, lane }, event.cursor);
        if (isLive(lane)) reconciled(series, of, reconciledHours(event.cursor));
        return;
      case 'searching':
        return lag?.searching(event.search, now());
      case 'committed':
        lag?.committed(event.cursor);
        return committed(series, of, lane, event);
      case 'searched':
        series.polls.observe({ feed, lane }, event.durationMs / 1000);
        return series.success.set({ feed, lane }, now() / 1000);
      case 'caughtUp':
        return lag?.caughtUp(now());
      case 'failed':
        lag?.failed();
        return series.failures.inc({ feed, lane, part: event.part, code: event.error.code });
      case 'refused':
        return series.failures.inc({ feed, lane, part: 'service', code: event.error.code }, event.services.length);
      case 'reconciled':
        return reconciled(series, of, event.report);
      case 'questionAnswered':
        series.questionRows.inc({ feed, question: event.question }, event.found);
        series.questionBacklog.set({ feed, question: event.question }, event.left);
        return series.questionAnswered.set({ feed, question: event.question }, now() / 1000);
      case 'questionFailed':
        return series.questionFailures.inc({ feed, question: event.question, code: event.error.code });
      case 'questionBehind':
      case 'unasked':
      case 'noted':
      case 'page':
      case 'idle':
      case 'closed':
        return;
      default:
        // A new event: count it above, or say here that it is not counted.
        event satisfies never;
    }
  };
}

function positions(series: Series, labels: { feed: string; lane: string }, { position }: Cursor): void {
  series.cursor.set(labels, position.watermark);
  series.refused.set(labels, Object.values(position.perService).filter(({ refused }) => refused).length);
}

/** The hours as the reconciliation has left them: what is no longer known has no series any more. */
function reconciled(series: Series, { feed, services }: Of, { compared, hours }: ReconciledHours): void {
  for (const service of services) {
    series.difference.remove({ feed, service });
    for (const kind of Object.values(hourKinds)) series.hour.remove({ feed, service, kind });
  }
  services.clear();
  series.hourStart.remove({ feed });
  if (compared === undefined) return;
  series.hourStart.set({ feed }, compared);
  for (const hour of hours) {
    const { service } = hour;
    services.add(service);
    if (hour.difference !== null) series.difference.inc({ feed, service }, Math.max(0, hour.difference));
    if (Date.parse(hour.hour) !== compared * 1000) continue;
    for (const [field, kind] of Object.entries(hourKinds) as [keyof typeof hourKinds, string][]) {
      const records = hour[field];
      if (records !== null) series.hour.set({ feed, service, kind }, records);
    }
  }
}

/** The figures of an hour, and the label under which each is shown. */
const hourKinds = {
  jumpcloud: 'jumpcloud',
  delivered: 'delivered',
  deadLetters: 'dead_letters',
  raw: 'raw',
  notSelected: 'not_selected',
  explained: 'explained',
  difference: 'difference',
} as const satisfies Partial<Record<keyof ReconciledHour, string>>;

/** Series that are watched for their rise must be there before they rise. */
function zeros(series: Series, labels: { feed: string; lane: string }): void {
  for (const counter of [series.received, series.late, series.duplicates, series.variants, series.state])
    counter.inc(labels, 0);
  for (const [reason, intentional] of reasons) series.discarded.inc({ ...labels, reason, intentional }, 0);
  for (const reason of Object.keys(deadLetterReasons)) series.deadLetters.inc({ ...labels, reason }, 0);
}

/** As a record, so that a reason more in the contract is one the compiler asks for here. */
const deadLetterReasons: Record<DeadLetterReason, true> = {
  not_an_object: true,
  id_missing: true,
  timestamp_missing: true,
  timestamp_unreadable: true,
  nested_too_deeply: true,
  too_large: true,
  forbidden_key: true,
  schema_violation: true,
  mapping_failed: true,
  refused_by_sink: true,
  unknown_shape: true,
  wrong_organization: true,
};

const requestOutcomes: Record<RequestOutcome, true> = {
  accepted: true,
  test: true,
  test_of_other: true,
  unauthorized: true,
  unavailable: true,
  malformed: true,
  cut: true,
};

const reasons = [
  ['duplicate', 'true'],
  ['not_selected', 'true'],
  ['class_not_selected', 'true'],
  ['dead_letter', 'false'],
] as const;

function committed(series: Series, { feed, sink, now, types }: Of, name: string, report: CommitReport): void {
  const labels = { feed, lane: name };
  const { counts, cursor } = report;
  const numbers = [counts.duplicates, counts.notSelected, counts.raw, counts.deadLetters];
  reasons.forEach(([reason, intentional], index) => {
    series.discarded.inc({ ...labels, reason, intentional }, numbers[index]!);
  });
  series.received.inc(labels, counts.records);
  series.duplicates.inc(labels, counts.duplicates);
  series.variants.inc(labels, report.variants);
  for (const type of report.reusedIds) series.reusedIds.inc({ ...labels, event_type: types.name(type) });
  series.late.inc(labels, counts.late);
  for (const seconds of report.lateness) series.lateness.observe(labels, seconds);
  for (const { reason } of report.deadLetters) series.deadLetters.inc({ ...labels, reason });
  for (const type of report.unknownTypes) {
    const eventCode = type.slice(type.indexOf('/') + 1);
    const events = report.events.filter(
      (event) => event.classUid === ocsfTarget.classes.base_event.uid && event.eventCode === eventCode,
    ).length;
    series.unmapped.inc({ ...labels, event_type: types.name(type) }, events);
  }
  for (const [classUid, events] of countBy(report.events, (event) => event.classUid)) {
    const class_name = classNameOf(ocsfTarget, classUid) ?? 'unknown';
    series.published.inc({ ...labels, class_uid: String(classUid), class_name, sink }, events);
  }
  series.commits.observe({ ...labels, sink }, report.durationMs / 1000);
  series.state.inc(labels);
  positions(series, labels, cursor);
  if (counts.records > counts.duplicates) series.lastNew.set(labels, now() / 1000);
}

function countBy<T>(items: readonly T[], by: (item: T) => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const item of items) counts.set(by(item), (counts.get(by(item)) ?? 0) + 1);
  return counts;
}

function inventoryObserver(series: Series, feed: string): InventoryObserver {
  return (event) => {
    series.inventoryFailures.inc({ feed }, event.type === 'failed' ? 1 : 0);
    if (event.type === 'delivered') {
      const { stage } = event;
      series.inventoryChanges.inc({ feed, stage, change: 'upsert' }, event.upserts);
      series.inventoryChanges.inc({ feed, stage, change: 'gone' }, event.gone);
    }
    if (event.type !== 'position') return;
    const { marker, readAt } = event.position;
    if (marker === undefined) return;
    for (const { stage, complete, count, held = 0 } of marker.stages) {
      series.inventoryKnown.set({ feed, stage }, count);
      series.inventoryHeld.set({ feed, stage }, held);
      series.inventoryIncomplete.set({ feed, stage }, complete ? 0 : 1);
    }
    for (const [stage, at] of Object.entries(readAt)) series.inventoryComplete.set({ feed, stage }, at / 1000);
  };
}

function clientObserver(series: Series, feed: string): ClientObserver {
  return {
    onRequest: ({ purpose, status, code, bytes }) => {
      series.requests.inc({ feed, purpose, code: status === undefined ? (code ?? 'unknown') : String(status) });
      series.receivedBytes.inc({ feed, purpose }, bytes);
      if (purpose === 'api' && status !== undefined && status < 300) series.keyRefused.set({ feed }, 0);
    },
    onRetry: ({ purpose, code, waitMs }) => {
      series.retries.inc({ feed, purpose, code });
      if (code === 'RATE_LIMITED') series.limited.inc({ feed }, waitMs / 1000);
    },
    onKeyChanged: () => series.keyRefused.set({ feed }, 0),
    onKeyRefused: () => series.keyRefused.set({ feed }, 1),
  };
}
