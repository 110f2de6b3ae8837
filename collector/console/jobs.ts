import { randomBytes } from 'node:crypto';
import { asCollectorError } from '../errors.js';
import type { Log } from '../log/logger.js';
import type { Job } from './answers.js';

/** What work reports while it goes on. */
export type Report = (change: Partial<Pick<Job, 'progress' | 'message' | 'repair' | 'replayed'>>) => void;

/** Work that goes on after its request was answered; kept in memory, the last of them. */
export interface Jobs {
  start(
    asked: { readonly kind: Job['kind']; readonly feed: string; readonly by: string; readonly message: string },
    work: (report: Report, signal: AbortSignal) => Promise<void>,
  ): Job;
  find(id: string): Job | undefined;
  /** Newest first. */
  ofFeed(feed: string): readonly Job[];
  /** Ends what goes on, and waits for it. */
  close(): Promise<void>;
}

const MOST_KEPT = 500;

/** @param now epoch milliseconds */
export function createJobs(now: () => number, log: Log): Jobs {
  const jobs = new Map<string, Job>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const iso = () => new Date(now()).toISOString();
  const change = (id: string, part: Partial<Job>) => {
    const job = jobs.get(id);
    if (job !== undefined) jobs.set(id, { ...job, ...part });
  };
  return {
    start({ kind, feed, by, message }, work) {
      const id = randomBytes(8).toString('hex');
      const job: Job = {
        id,
        kind,
        feed,
        by,
        state: 'running',
        startedAt: iso(),
        endedAt: null,
        progress: null,
        message,
        error: null,
      };
      jobs.set(id, job);
      for (const [old, { state }] of jobs) if (jobs.size > MOST_KEPT && state !== 'running') jobs.delete(old);
      const done = (async () => {
        try {
          await work((part) => change(id, part), stopping.signal);
          change(id, { state: 'done', endedAt: iso(), progress: 1 });
        } catch (error) {
          const { code, message: text, cure } = asCollectorError(error);
          log.child({ feed }).failure(error, { job: kind });
          change(id, { state: 'failed', endedAt: iso(), error: { code, message: text, cure } });
        }
      })();
      running.add(done);
      void done.finally(() => running.delete(done));
      return job;
    },
    find: (id) => jobs.get(id),
    ofFeed: (feed) => [...jobs.values()].filter((job) => job.feed === feed).reverse(),
    async close() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
