import { asCollectorError, type CollectorError, type ErrorCode, exitCodes } from '../errors.js';
import { Reconciler } from '../reconcile/scheduled-pass.js';
import { nothingGathered } from './batch-builder.js';
import type { FeedParts, FeedSettings } from './dependencies.js';
import type { Lane } from './lane.js';
import { LIVE, openLive } from './open-live-lane.js';
import { poll } from './poll.js';

const SHORTEST_RECONCILE_MS = 30_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/** Failures that no waiting cures: the command ends with their exit code. */
const FATAL: ReadonlySet<ErrorCode> = new Set([
  'LANE_IN_USE',
  'STATE_CORRUPT',
  'ORGANIZATION_CHANGED',
  'CONFIG_INVALID',
  'BASE_URL_WRONG',
  'INTERNAL',
]);

const SINK_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'LANE_IN_USE',
  'FENCED',
  'STATE_CORRUPT',
  'STORAGE_FAILED',
  'SINK_UNAVAILABLE',
  'SINK_REFUSED',
  'SINK_IN_DOUBT',
]);

/**
 * Collects a feed's live lane: search, gather, commit, and again after the interval.
 * With `once` it returns when everything JumpCloud shows is delivered; otherwise when the signal aborts.
 * @throws CollectorError with `once`: the first failure that the source's own retries did not cure; always: a lane in
 *   use, corrupt state, or a key of another organization
 */
export async function runFeed(
  settings: FeedSettings,
  parts: FeedParts,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<void> {
  let lane: Lane | undefined;
  let failures = 0;
  const reconciler = settings.reconcile && new Reconciler(settings.reconcile);
  try {
    while (!signal.aborted) {
      try {
        lane ??= await openLive(settings, parts, signal, failures === 0);
        parts.repairs?.follow(lane);
        await poll(lane, settings, parts, signal);
        failures = 0;
        if (reconciler) await reconcileWhenDue(reconciler, lane, settings, parts, { once, signal });
        if (once) return;
        const wait = settings.interval * (0.9 + 0.2 * parts.random());
        parts.observer.caughtUp(lane.name, wait);
        await waitForPoll(lane, wait, settings, parts, signal);
      } catch (error) {
        const failure = asCollectorError(error);
        if (signal.aborted && failure.code === 'ABORTED') return;
        const part = lane?.broken || SINK_FAILURES.has(failure.code) ? 'sink' : 'source';
        const retryMs =
          once || signal.aborted || FATAL.has(failure.code)
            ? undefined
            : retryDelay(failure, failures, settings, parts);
        parts.observer.failed(LIVE, part, failure, retryMs);
        if (lane !== undefined && !FATAL.has(failure.code)) await deliverOwn(lane, parts);
        if (retryMs === undefined) throw failure;
        failures += 1;
        if (lane?.broken) {
          parts.repairs?.follow(undefined);
          await lane.close();
          lane = undefined;
        }
        await waitForCure(failure, retryMs, parts, signal);
      }
    }
  } finally {
    parts.repairs?.close();
    await lane?.close();
  }
}

/** The time between two polls belongs to the repairs that were asked for. */
async function waitForPoll(
  lane: Lane,
  ms: number,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<void> {
  const { repairs, clock } = parts;
  if (repairs === undefined) return clock.sleep(ms, signal);
  const due = clock.monotonic() + ms;
  while (!signal.aborted && clock.monotonic() < due) {
    if (!repairs.isPending) await repairs.sleep(due - clock.monotonic(), parts, signal);
    else await repairs.readOn(lane, settings, parts, due, signal);
    if (repairs.isBackingOff) return clock.sleep(due - clock.monotonic(), signal);
  }
}

/** Delivers what those beside the road have to say although nothing was collected: after a key's end no other commit carries it. */
async function deliverOwn(lane: Lane, parts: FeedParts): Promise<void> {
  if (lane.broken) return;
  const { organization, memory: before } = lane.cursor;
  const { memory, own } = parts.beside.next({ events: [], organization });
  if (own.length === 0) return;
  await lane.commit(nothingGathered, { memory: { ...before, ...memory }, own }).catch((error) => {
    // The lane counts as broken from here on: it is opened anew, and what was not delivered is said again.
    parts.observer.noted(lane.name, `a warning about the key was put off: ${asCollectorError(error).message}`);
  });
}

/** Between polls: looks for what became visible too late for them. A failure of its own leaves the polls unharmed. */
async function reconcileWhenDue(
  reconciler: Reconciler,
  lane: Lane,
  settings: FeedSettings,
  parts: FeedParts,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<void> {
  try {
    const budget = once ? Number.POSITIVE_INFINITY : Math.max(settings.interval, SHORTEST_RECONCILE_MS);
    const report = await reconciler.whenDue(lane, settings, parts, budget, signal);
    if (report) parts.observer.reconciled?.(lane.name, report);
  } catch (error) {
    const failure = asCollectorError(error);
    if (signal.aborted || lane.broken || failure.code === 'INTERNAL' || failure.code === 'ORGANIZATION_CHANGED')
      throw failure;
    parts.observer.noted(lane.name, `reconciliation was put off: ${failure.message}`);
  }
}

/** Milliseconds until a failed poll is tried again: doubling with jitter; once a minute at most while a key is refused. */
function retryDelay(failure: CollectorError, failures: number, settings: FeedSettings, parts: FeedParts): number {
  if (failure.exitCode === exitCodes.credential) return 60_000;
  const longest = Math.max(LONGEST_RETRY_MS, settings.interval);
  return Math.min(longest, 1000 * 2 ** Math.min(failures, 20)) * (0.5 + 0.5 * parts.random());
}

async function waitForCure(failure: CollectorError, ms: number, parts: FeedParts, signal: AbortSignal): Promise<void> {
  if (failure.exitCode !== exitCodes.credential) return parts.clock.sleep(ms, signal);
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  await Promise.race([parts.clock.sleep(ms, either), parts.credentialChanged(either)]);
  done.abort();
}
