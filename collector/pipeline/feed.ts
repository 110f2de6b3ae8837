import { asCollectorError, type CollectorError, exitCodes } from '../errors.js';
import { LIVE_LANE } from '../position/lane-name.js';
import type { FeedDependencies, FeedSettings } from './dependencies.js';
import type { IdleTask } from './idle-task.js';
import type { Lane } from './lane.js';
import { openLive } from './open-live-lane.js';
import { poll } from './poll.js';

/** What idle tasks may take after a poll, however short the interval. */
const LEAST_IDLE_MS = 30_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/**
 * Collects a feed's live lane: search, gather, commit, and again after the interval or when it is asked to.
 * With `once` it returns when everything JumpCloud shows is delivered; otherwise when the signal aborts.
 * @throws CollectorError with `once`: the first failure that the source's own retries did not cure; always: a lane in
 *   use, corrupt state, or a key of another organization
 */
export async function runFeed(
  settings: FeedSettings,
  parts: FeedDependencies,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<void> {
  let lane: Lane | undefined;
  let failures = 0;
  const isManual = !once && settings.interval === Number.POSITIVE_INFINITY;
  try {
    while (!signal.aborted) {
      try {
        lane ??= await openProven(settings, parts, signal, failures === 0);
        attach(lane, parts);
        if (isManual && parts.pollRequests?.isPending !== true) {
          parts.observer({ type: 'idle', lane: lane.name });
          await waitForPoll(lane, settings.interval, parts, signal);
          continue;
        }
        const served = parts.pollRequests?.begin();
        await poll(lane, settings, parts, signal);
        served?.();
        failures = 0;
        const budget = once ? Number.POSITIVE_INFINITY : Math.max(settings.interval, LEAST_IDLE_MS);
        for (const task of parts.idleTasks)
          if (!task.queue) await runIdle(task, lane, parts.clock.monotonic() + budget, parts, signal);
        if (once) return;
        // Requested polls in an endless row must not starve idle tasks.
        if (parts.pollRequests?.isPending === true)
          for (const task of parts.idleTasks)
            if (task.queue?.isPending)
              await runIdle(task, lane, parts.clock.monotonic() + LEAST_IDLE_MS, parts, signal);
        if (isManual) continue;
        const wait = settings.interval * (0.9 + 0.2 * parts.random());
        parts.observer({ type: 'caughtUp', lane: lane.name, nextPollMs: wait });
        await waitForPoll(lane, wait, parts, signal);
      } catch (error) {
        const failure = asCollectorError(error);
        if (signal.aborted && failure.code === 'ABORTED') return;
        const part = lane?.commitInDoubt || failure.is('ofSink') ? 'sink' : 'source';
        const retryMs =
          once || signal.aborted || failure.is('fatal') ? undefined : retryDelay(failure, failures, settings, parts);
        parts.observer({ type: 'failed', lane: LIVE_LANE, part, error: failure, retryMs });
        if (lane !== undefined && !failure.is('fatal')) await deliverOwn(lane, parts);
        if (retryMs === undefined) throw failure;
        failures += 1;
        if (lane?.commitInDoubt) {
          attach(undefined, parts);
          await lane.close();
          lane = undefined;
        }
        await waitForCure(failure, retryMs, parts, signal);
      }
    }
  } finally {
    for (const task of parts.idleTasks) task.close?.();
    await lane?.close();
  }
}

/** Sinks that were proven: once a process is enough. */
const proven = new WeakSet<object>();

/** Opens the live lane, and meanwhile has the sink prove that it keeps a second process out. */
async function openProven(
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
  tells: boolean,
): Promise<Lane> {
  const proof = proven.has(parts.sink) ? undefined : parts.sink.prove?.();
  // Awaited below; until then a rejection must not count as unhandled.
  proof?.catch(() => undefined);
  let lane: Lane;
  try {
    lane = await openLive(settings, parts, signal, tells);
  } catch (error) {
    // The second process ends before the sink is closed, and its directory removed.
    await proof?.catch(() => undefined);
    throw error;
  }
  try {
    await proof;
    proven.add(parts.sink);
    return lane;
  } catch (error) {
    await lane.close();
    throw error;
  }
}

function attach(lane: Lane | undefined, { idleTasks }: FeedDependencies): void {
  for (const task of idleTasks) task.attach?.(lane);
}

/** Waits for the next poll, and does the work that arrives meanwhile. What a task leaves waits for the poll. */
async function waitForPoll(lane: Lane, ms: number, parts: FeedDependencies, signal: AbortSignal): Promise<void> {
  const due = parts.clock.monotonic() + ms;
  let tasks = parts.idleTasks.filter(({ queue }) => queue);
  const { pollRequests } = parts;
  while (!signal.aborted && parts.clock.monotonic() < due && pollRequests?.isPending !== true) {
    const next = tasks.find(({ queue }) => queue?.isPending);
    if (next === undefined) {
      const arrivals = tasks.map(({ queue }) => queue!.arrival);
      await sleepUnless([...arrivals, ...askedFor(parts)], due - parts.clock.monotonic(), parts, signal);
      continue;
    }
    await runIdle(next, lane, due, parts, signal);
    if (next.queue?.isPending) tasks = tasks.filter((task) => task !== next);
  }
}

/** A failure of a task leaves the polls unharmed, unless the lane is in doubt or must not go on. */
async function runIdle(
  task: IdleTask,
  lane: Lane,
  deadline: number,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  try {
    await task.run(lane, deadline, signal);
  } catch (error) {
    const failure = asCollectorError(error);
    if (signal.aborted || lane.commitInDoubt || failure.code === 'INTERNAL' || failure.code === 'ORGANIZATION_CHANGED')
      throw failure;
    parts.observer({ type: 'noted', lane: lane.name, message: `${task.name} was put off: ${failure.message}` });
  }
}

/** Delivers what extensions have to say although nothing was collected: after a key's end no other commit carries it. */
async function deliverOwn(lane: Lane, parts: FeedDependencies): Promise<void> {
  if (lane.commitInDoubt) return;
  await lane.commitOwnEvents().catch((error) => {
    // The lane is in doubt from here on: it is opened again, and what was not delivered is reported again.
    parts.observer({
      type: 'noted',
      lane: lane.name,
      message: `a warning about the key was put off: ${asCollectorError(error).message}`,
    });
  });
}

/** Milliseconds until a failed poll is tried again: doubling with jitter; once a minute at most while a key is refused. */
function retryDelay(
  failure: CollectorError,
  failures: number,
  settings: FeedSettings,
  parts: FeedDependencies,
): number {
  if (failure.exitCode === exitCodes.credential) return 60_000;
  const longest = Math.max(LONGEST_RETRY_MS, Number.isFinite(settings.interval) ? settings.interval : 0);
  return Math.min(longest, 1000 * 2 ** Math.min(failures, 20)) * (0.5 + 0.5 * parts.random());
}

async function waitForCure(
  failure: CollectorError,
  ms: number,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  const cures = failure.exitCode === exitCodes.credential ? [parts.credentialChanged] : [];
  await sleepUnless([...cures, ...askedFor(parts)], ms, parts, signal);
}

function askedFor({ pollRequests }: FeedDependencies): ((signal: AbortSignal) => Promise<void>)[] {
  return pollRequests === undefined ? [] : [(signal) => pollRequests.arrival(signal)];
}

/** Sleeps, but no longer than until one of these resolves. */
async function sleepUnless(
  interruptions: readonly ((signal: AbortSignal) => Promise<void>)[],
  ms: number,
  { clock }: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  await Promise.race([clock.sleep(ms, either), ...interruptions.map((interruption) => interruption(either))]);
  done.abort();
}
