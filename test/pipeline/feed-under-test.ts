import { onTestFinished } from 'vitest';
import type { CollectorError } from '../../collector/errors.js';
import { type Client, type ClientOptions, createClient } from '../../collector/jumpcloud/client.js';
import type { FeedDependencies, FeedSettings } from '../../collector/pipeline/dependencies.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import { MemoryBudget } from '../../collector/pipeline/memory-budget.js';
import { combineObservers } from '../../collector/pipeline/observer.js';
import type { LaneObserver, ReconcileReport } from '../../collector/reconcile/observer.js';
import type { ReconcileSettings } from '../../collector/reconcile/reconcile-state.js';
import { reconciliation } from '../../collector/reconcile/reconciliation.js';
import type { Sink } from '../../collector/sinks/sink.js';
import type { CompareOptions, Comparison, Ledger } from '../../fixtures/tenant/ledger.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import type { JsonValue } from '../../mappings/json.js';
import { redactText } from '../../mappings/redact.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import type { VirtualTime } from './virtual-time.js';

/** 2026-11-03T12:00:00Z, a Tuesday. */
export const noon = Date.UTC(2026, 10, 3, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** What a feed told while it ran. */
export interface Told {
  readonly failures: CollectorError[];
  readonly notes: string[];
  readonly refused: string[];
  readonly reconciled: ReconcileReport[];
  readonly lateness: number[];
  readonly unasked: number[];
  polls: number;
}

export interface FeedUnderTest {
  readonly settings: FeedSettings;
  readonly parts: FeedDependencies;
  readonly client: Client;
  readonly told: Told;
  /** Lets another observer look on. */
  watch(observer: LaneObserver): void;
  /** Polls once, until caught up. */
  once(): Promise<void>;
  /** Polls for ever, until so much of the world's time has passed. */
  until(epochMs: number): Promise<void>;
}

export const usualReconcile: ReconcileSettings = {
  interval: 10 * MINUTE,
  reach: 2 * 3600,
  longInterval: 24 * HOUR,
  longReach: 3 * 86_400,
};

/** Settings of a feed of everything, from the start of the records on. */
export function settingsFor(tenant: Pick<Tenant, 'baseUrl'>, changes: Partial<FeedSettings> = {}): FeedSettings {
  return {
    name: 'under-test',
    baseUrl: tenant.baseUrl,
    organization: undefined,
    families: new Set(['login', 'admin', 'other']),
    services: ['all'],
    classes: undefined,
    start: (now) => now - 8 * 86_400,
    interval: MINUTE,
    overlap: 1800,
    slice: 6 * 3600,
    rawData: true,
    mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
    target: ocsfTarget,
    batchSize: 500,
    ...changes,
  };
}

/** Services of logins and administration, without those that a tenant of the test may not know. */
export const namedServices = servicesFor(['login', 'admin', 'other']);

export async function tenantFor(time: VirtualTime, options: TenantOptions): Promise<Tenant> {
  const tenant = await startTenant({ now: time.world, ...options });
  onTestFinished(() => tenant.close());
  return tenant;
}

/** What a feed of a test has otherwise than the usual one. */
export type FeedChanges = Partial<FeedSettings> & {
  readonly reconcile?: ReconcileSettings;
  readonly memory?: MemoryBudget;
};

/** A feed over a tenant of the test, with the real client, in virtual time. */
export function feedFor(
  tenant: Tenant,
  sink: Sink,
  time: VirtualTime,
  { reconcile, memory = new MemoryBudget(64_000_000, time), ...changes }: FeedChanges = {},
  options: Partial<ClientOptions> = {},
): FeedUnderTest {
  const client = createClient({
    baseUrl: tenant.baseUrl,
    secret: { value: tenant.apiKey, where: 'JUMPCLOUD_API_KEY' },
    authorization: 'x-api-key',
    requestsPerSecond: 50,
    env: {},
    timing: time,
    ...options,
  });
  onTestFinished(() => client.close());
  const told: Told = { failures: [], notes: [], refused: [], reconciled: [], lateness: [], unasked: [], polls: 0 };
  const ended = { at: Number.POSITIVE_INFINITY, controller: new AbortController() };
  const observers: LaneObserver[] = [
    observerFor(told, () => {
      if (time.world() >= ended.at) ended.controller.abort();
    }),
  ];
  const observer = combineObservers(observers);
  const settings = settingsFor(tenant, changes);
  const collecting = { source: client, clock: time, clocks: () => client.clock.reading(), observer, memory };
  const parts: FeedDependencies = {
    ...collecting,
    sink,
    random: time.random,
    ...reconciliation(reconcile, settings, collecting, observer),
    credentialChanged: async (signal) => {
      await client.credential.waitForChange(Number.MAX_SAFE_INTEGER, signal);
    },
  };
  return {
    settings,
    parts,
    client,
    told,
    watch: (watcher) => observers.push(watcher),
    once: () => runFeed(settings, parts, { once: true, signal: new AbortController().signal }),
    async until(epochMs) {
      ended.at = epochMs;
      ended.controller = new AbortController();
      await runFeed(settings, parts, { once: false, signal: ended.controller.signal });
    },
  };
}

/** Takes down what a feed tells. */
export function observerFor(told: Told, afterPoll: () => void): LaneObserver {
  return (event) => {
    if (event.type === 'noted') told.notes.push(event.message);
    if (event.type === 'committed') told.lateness.push(...event.lateness);
    if (event.type === 'refused') told.refused.push(...event.services);
    if (event.type === 'reconciled') told.reconciled.push(event.report);
    if (event.type === 'unasked') told.unasked.push(event.found.records);
    if (event.type === 'failed') told.failures.push(event.error);
    if (event.type === 'caughtUp') told.polls += 1;
    if (event.type === 'caughtUp' || event.type === 'failed') afterPoll();
  };
}

/** A record's text as a sink keeps it. */
function kept(text: string): string {
  let value: JsonValue = null;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON: kept as it is.
  }
  return redactText({ text, value, depth: 1 }).text;
}

/** What a sink holds against the ledger, told in one line where they differ. */
export async function compare(
  ledger: Ledger,
  texts: Iterable<string> | AsyncIterable<string>,
  options: CompareOptions = {},
): Promise<Comparison> {
  return ledger.compare(texts, { kept, examples: 3, ...options });
}
