import { expect, onTestFinished } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { CollectorError } from '../../collector/errors.js';
import { combineClientObservers } from '../../collector/monitoring/log-observer.js';
import { createMetrics, type Metrics } from '../../collector/monitoring/metrics.js';
import { FeedStatus, type FeedView } from '../../collector/monitoring/status/feed-status.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import { combineObservers } from '../../collector/pipeline/observer.js';
import { type Assembled, assemble } from '../../collector/runtime/assemble.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import type { KeyTrigger } from '../../mappings/key-warning.js';
import type { VirtualTime } from '../pipeline/virtual-time.js';

export const DAY = 86_400_000;
/** 2026-11-21T12:00:00Z. */
export const noon = Date.UTC(2026, 10, 21, 12);

/** What one run of the program told of the key. */
export interface Run {
  readonly failure: CollectorError | undefined;
  readonly warnings: readonly KeyTrigger[];
  readonly status: FeedView;
  readonly metrics: Metrics;
  readonly made: Assembled;
}

/** A tenant whose records are few, over the days before `to`, closed after the test. */
export async function tenantAt(time: VirtualTime, options: TenantOptions): Promise<Tenant> {
  const tenant = await startTenant({ seed: 5, records: 20, now: time.world, ...options });
  onTestFinished(() => tenant.close());
  return tenant;
}

/** One run of the program as a pod without volumes has it: everything new, only the sink keeps what it was given. */
export async function runOnce(
  tenant: Tenant,
  sink: Sink,
  time: VirtualTime,
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const config = loadConfig({
    env: {
      FEED_NAME: 'acme',
      JUMPCLOUD_BASE_URL: tenant.baseUrl,
      ...(env.JUMPCLOUD_AUTHORIZATION === 'service-account' ? {} : { JUMPCLOUD_API_KEY: tenant.apiKey }),
      POLL_START: '1d',
      POLL_REQUESTS_PER_SECOND: '50',
      RECONCILE_ENABLED: 'false',
      ...env,
    },
    readFile: readFileFromDisk,
  }).feeds[0]!;
  const made: { all?: Assembled } = {};
  const key = () => made.all?.guard.status();
  const now = () => made.all?.client.clock.serverNow() ?? time.now();
  const metrics = createMetrics({ version: '0.0.0' });
  const measured = metrics.feed({ feed: 'acme', sink: sink.kind, now, keyExpires: () => key()?.life.expiresAt });
  const status = new FeedStatus({ config, sink, now, key });
  const warnings: KeyTrigger[] = [];
  const all = assemble(config, {
    sink,
    timing: time,
    observer: combineObservers([measured.observer, status.observer]),
    clientObserver: combineClientObservers([measured.client, status.client]),
    onKeyWarning: (_, trigger) => warnings.push(trigger),
  });
  made.all = all;
  const life = await all.client.keyLife();
  if (life.kind === 'known') all.guard.setReportedLifetime(life);
  let failure: CollectorError | undefined;
  try {
    await runFeed(all.settings, all.parts, { once: true, signal: new AbortController().signal });
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    failure = error;
  }
  const view = status.view();
  all.client.close();
  return { failure, warnings, status: view, metrics, made: all };
}

/** Moves the world to an instant, both clocks with it. */
export function moveTo(time: VirtualTime, at: number): void {
  time.pass(at - time.world());
}

/** The day of creation of the key that `liveThrough` ages. */
export const declared = { JUMPCLOUD_KEY_CREATED: new Date(noon - 50 * DAY).toISOString() };

/** Runs the program again and again, a little before and after each threshold, until the key has expired. */
export async function liveThrough(
  open: () => Sink,
  time: VirtualTime,
  env: Readonly<Record<string, string>>,
  console: 'full' | 'refused',
): Promise<{ days: number[]; refusals: number }> {
  const expires = noon + 40 * DAY;
  const tenant = await tenantAt(time, {
    keys: [{ createdAt: new Date(noon - 50 * DAY).toISOString(), expiresAt: new Date(expires).toISOString() }],
    quirks: { console: { self: console, users: console, serviceAccounts: console } },
  });
  const days: number[] = [];
  let refusals = 0;
  for (const left of [40, 30.01, 29.9, 20, 13.9, 7.5, 6.9, 2.9, 2.5, 1.9, 0.9, 0.1, -0.1, -1]) {
    moveTo(time, expires - left * DAY);
    for (let restart = 0; restart < 2; restart += 1) {
      const sink = open();
      const { warnings, failure, status, metrics, made } = await runOnce(tenant, sink, time, env);
      await sink.close();
      days.push(...warnings.map((trigger) => (trigger.kind === 'expires' ? trigger.threshold : Number.NaN)));
      if (failure !== undefined) expect(failure.code).toBe('CREDENTIAL_REFUSED');
      if (failure !== undefined) refusals += 1;
      expect(made.guard.status()?.daysLeft).toBe(Math.ceil(left));
      expect(status.key).toMatchObject({ daysLeft: Math.ceil(left), expiresAt: new Date(expires).toISOString() });
      const seconds = /jumpcloud_ocsf_\S*key_expir\S* ([\d.e+]+)/.exec(await metrics.text())?.[1];
      expect(Number(seconds)).toBe(expires / 1000);
    }
  }
  return { days, refusals };
}
