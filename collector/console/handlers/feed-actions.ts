import { floorToSecond, parseInstant } from '../../../mappings/instant.js';
import { planBackfill } from '../../backfill/plan.js';
import { runBackfill } from '../../backfill/run.js';
import type { FeedConfig } from '../../config/feed-config.js';
import type { RootLog } from '../../log/logger.js';
import type { Range } from '../../position/time-range.js';
import { assembleFeed } from '../../runtime/feed-for-command.js';
import type { SupervisedFeed, Supervisor } from '../../runtime/supervisor.js';
import type { FeedStatus, Job } from '../answers.js';
import { liveLane } from '../feeds/feed-state.js';
import { type Answer, type Asked, type Handlers, nameOf } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { refused } from '../problem.js';
import { noFeed } from './feeds.js';

export interface ActionParts {
  readonly supervisor: Supervisor;
  readonly jobs: Jobs;
  readonly log: RootLog;
  readonly status: (name: string) => Promise<FeedStatus>;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

type ActionOperation = 'pauseFeed' | 'resumeFeed' | 'runFeed' | 'restartFeed' | 'repairFeed' | 'backfillFeed';

const LOOK_EVERY_MS = 250;
/** A poll that has not ended by then goes on, its job does not wait for it. */
const RUN_WAITS_MS = 10 * 60_000;
/** Concurrent searches of a backfill, within the feed's limit of requests per second. */
const CONCURRENCY = 2;

export function actionHandlers(parts: ActionParts): Pick<Handlers, ActionOperation> {
  const { supervisor, jobs, log, status, sleep } = parts;
  const find = (asked: Asked): SupervisedFeed => {
    const feed = supervisor.find(asked.parameters.name!);
    asked.audit.target = { type: 'feed', name: asked.parameters.name! };
    if (feed === undefined) throw noFeed();
    return feed;
  };
  const runnable = (feed: SupervisedFeed): FeedConfig => {
    if (feed.configured !== null) return feed.configured.config;
    throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
  };
  const accepted = (asked: Asked, job: Job): Answer<Job> => {
    asked.audit.details.job = job.id;
    return { status: 202, json: job };
  };
  return {
    async pauseFeed(asked) {
      const { name } = find(asked);
      const { reason, until } = asked.body;
      if (until !== undefined && parseInstant(until) === undefined)
        throw refused(422, 'UNTIL', 'until is no moment.', 'Write it like 2026-11-28T14:00:00Z.', {
          problems: [{ pointer: '/until', message: 'is no moment' }],
        });
      asked.audit.details.reason = reason;
      await supervisor.pause(name, { by: nameOf(asked), reason, ...(until === undefined ? {} : { until }) });
      return { json: await status(name) };
    },
    async resumeFeed(asked) {
      const { name } = find(asked);
      await supervisor.resume(name, nameOf(asked));
      return { json: await status(name) };
    },
    async runFeed(asked) {
      const feed = find(asked);
      const before = liveLane(feed.view)?.lastPoll ?? null;
      if (!supervisor.wake(feed.name))
        throw refused(409, 'NOT_RUNNING', 'The feed does not run.', 'Resume or restart it first.');
      const job = jobs.start(
        { kind: 'run', feed: feed.name, by: nameOf(asked), message: 'polling' },
        async (report, signal) => {
          for (let waited = 0; waited < RUN_WAITS_MS && !signal.aborted; waited += LOOK_EVERY_MS) {
            await sleep(LOOK_EVERY_MS, signal);
            const last = liveLane(supervisor.find(feed.name)?.view ?? null)?.lastPoll ?? null;
            if (last !== before) return report({ message: 'polled' });
          }
        },
      );
      return accepted(asked, job);
    },
    async restartFeed(asked) {
      const { name } = find(asked);
      const job = jobs.start(
        { kind: 'start', feed: name, by: nameOf(asked), message: 'restarting' },
        async (report) => {
          report({ message: await supervisor.restart(name, `restarted by ${nameOf(asked)}`) });
        },
      );
      return accepted(asked, job);
    },
    async repairFeed(asked) {
      const { name } = find(asked);
      const range = rangeOf(asked.body);
      asked.audit.details.range = `${asked.body.from} to ${asked.body.to}`;
      const queue = supervisor.repairs(name);
      if (queue === undefined)
        throw refused(409, 'NOT_RUNNING', 'The feed does not run.', 'Resume or restart it first.');
      const taken = queue.ask(range);
      if ('refused' in taken)
        throw refused(taken.refused === 'range' ? 422 : 409, 'REPAIR_REFUSED', taken.message, taken.cure);
      const job = jobs.start(
        { kind: 'repair', feed: name, by: nameOf(asked), message: 'reading again' },
        async (report, signal) => {
          while (!signal.aborted) {
            const repair = supervisor.find(name)?.view?.repair ?? undefined;
            if (repair?.id !== taken.id) return;
            report({ repair, progress: repair.minutes === 0 ? null : repair.minutesRead / repair.minutes });
            if (repair.state === 'done' || repair.state === 'failed') return;
            await sleep(LOOK_EVERY_MS, signal);
          }
        },
      );
      return accepted(asked, { ...job, repair: taken });
    },
    async backfillFeed(asked) {
      const feed = find(asked);
      const config = runnable(feed);
      const range = rangeOf(asked.body);
      asked.audit.details.range = `${asked.body.from} to ${asked.body.to}`;
      const job = jobs.start(
        { kind: 'backfill', feed: feed.name, by: nameOf(asked), message: 'planning' },
        (report, signal) => backfill(config, range, log, report, signal),
      );
      return accepted(asked, job);
    },
  };
}

async function backfill(
  config: FeedConfig,
  range: Range,
  root: RootLog,
  report: (change: Partial<Pick<Job, 'progress' | 'message'>>) => void,
  signal: AbortSignal,
): Promise<void> {
  const log = root.child({ feed: config.name });
  const { settings, parts, close } = await assembleFeed(config, log, CONCURRENCY);
  try {
    const plan = await planBackfill(range, settings, parts, { dryRun: false, signal });
    const notes = plan.notes.join(' ');
    if (plan.ranges.length === 0) report({ message: `${notes} This range is already collected.`.trim() });
    let records = 0;
    for (const [index, part] of plan.ranges.entries()) {
      let ofPart = 0;
      await runBackfill(part, settings, parts, signal, ({ settled, from, to, records: read }) => {
        ofPart = read;
        const share = (settled - from) / (to - from);
        report({
          progress: (index + share) / plan.ranges.length,
          message: `${notes} ${records + ofPart} records read`.trim(),
        });
      });
      records += ofPart;
    }
  } finally {
    await close();
  }
}

function rangeOf({ from, to }: { readonly from: string; readonly to: string }): Range {
  const [start, end] = [parseInstant(from), parseInstant(to)];
  const wrong = start === undefined ? 'from' : end === undefined ? 'to' : undefined;
  if (wrong !== undefined || floorToSecond(start!) >= floorToSecond(end!))
    throw refused(
      422,
      'RANGE',
      `${wrong ?? 'to'} is no moment, or not after from.`,
      'Write it like 2026-11-28T14:00:00Z.',
      {
        problems: [
          { pointer: `/${wrong ?? 'to'}`, message: wrong === undefined ? 'is not after from' : 'is no moment' },
        ],
      },
    );
  return { from: floorToSecond(start!), to: floorToSecond(end!) };
}
