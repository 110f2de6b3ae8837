import { CollectorError } from '../../collector/errors.js';
import type { Batch, LaneSink, Sink } from '../../collector/sinks/sink.js';
import { batchOf } from './batches.js';

/** What happened while events were delivered as a feed does it. */
export interface Delivery {
  /** Codes of the rejections that were met, in order. */
  readonly rejections: string[];
  readonly commits: number;
}

/**
 * Delivers events numbered up to `count` through a lane as a feed would: from the committed position on, and after every
 * rejection the lane is closed, opened again and asked where it stands. Fails when `patienceMs` pass without a commit.
 */
export async function deliver(
  sink: Sink,
  count: number,
  {
    size = 50,
    pauseMs = 0,
    patienceMs = 180_000,
    compose = batchOf,
    lane: name = 'live',
    rejected = () => undefined,
  }: {
    size?: number;
    pauseMs?: number;
    patienceMs?: number;
    compose?: (from: number, to: number) => Batch;
    lane?: string;
    /** Told of each rejection, before the next attempt. */
    rejected?: () => void;
  } = {},
): Promise<Delivery> {
  const rejections: string[] = [];
  let commits = 0;
  let lastProgress = Date.now();
  for (;;) {
    const lane = sink.lane(name);
    try {
      let at = (await lane.open())?.cursor.counts.records ?? 0;
      while (at < count) {
        const to = Math.min(count, at + size);
        await lane.commit(compose(at, to));
        at = to;
        commits += 1;
        lastProgress = Date.now();
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      await lane.close();
      return { rejections, commits };
    } catch (error) {
      rejections.push(await rejectionOf(error, lane));
      rejected();
      if (Date.now() - lastProgress > patienceMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function rejectionOf(error: unknown, lane: LaneSink): Promise<string> {
  await lane.close();
  if (!(error instanceof CollectorError) || error.code === 'INTERNAL') throw error;
  return error.code;
}
