/**
 * A collector in a process of its own, for tests that kill it: one feed from a tenant into tables or Kafka, until it is caught
 * up. Each step of a commit is told on stdout, so that the parent knows where its kill fell.
 *
 *     node dist/test/faults/collector-child.js '{"baseUrl": …, "apiKey": …, "pageSize": 500, "tables": {"directory": …, "restMs": 2}}'
 */

import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { clientLogger, feedLogger } from '../../collector/monitoring/log-observer.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import { combineObservers, type FeedEvent } from '../../collector/pipeline/observer.js';
import type { LaneObserver } from '../../collector/reconcile/observer.js';
import { assemble } from '../../collector/runtime/assemble.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import type { CutKafka } from './cutting-sink.js';

/** What the parent asks for. */
export interface ChildOrder {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Tables: milliseconds rested at each step of a commit. */
  readonly tables?: { readonly directory: string; readonly restMs: number };
  readonly kafka?: CutKafka;
  /** Commits hold no more records than this, so that there are many. */
  readonly pageSize: number;
}

const order = JSON.parse(process.argv[2] ?? '') as ChildOrder;
const config = loadConfig({
  env: {
    FEED_NAME: 'kill',
    JUMPCLOUD_BASE_URL: order.baseUrl,
    JUMPCLOUD_API_KEY: order.apiKey,
    JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
    POLL_START: '30d',
    POLL_PAGE_SIZE: String(order.pageSize),
    POLL_REQUESTS_PER_SECOND: '1000',
    LOG_LEVEL: 'warn',
  },
  readFile: readFileFromDisk,
}).feeds[0]!;
const log = createLog({ level: 'warn', format: 'json' });
const tell = (step: string) => writeSync(1, `${step}\n`);
export const ended = collect();

async function collect(): Promise<void> {
  // Into tables it starts without Kafka's client, as the command does.
  const sink = order.kafka
    ? (await import('./cutting-sink.js')).cuttingSink(order.kafka, config.name, log, tell)
    : createTablesSink({
        directory: order.tables?.directory ?? '',
        feed: config.name,
        checkpoint: async (step) => {
          tell(step);
          await sleep(order.tables?.restMs);
        },
      });
  const { settings, parts, client } = assemble(config, {
    sink,
    timing: systemTiming,
    observer: combineObservers<Parameters<LaneObserver>[0]>([
      feedLogger(log),
      ({ type }) => {
        if (type === 'page') tell('page');
        if (type === 'searching') tell('search');
      },
    ]),
    clientObserver: clientLogger(log),
    onKeyWarning: () => undefined,
  });
  const patience = new AbortController();
  // Until caught up: what chaos does to the sink is met by trying again, as `run` does.
  const observer = combineObservers<FeedEvent>([
    parts.observer,
    ({ type }) => {
      if (type === 'caughtUp') patience.abort();
    },
  ]);
  await runFeed(
    { ...settings, batchSize: Math.min(settings.batchSize, order.pageSize) },
    { ...parts, observer },
    { once: false, signal: patience.signal },
  );
  client.close();
  await sink.close();
  tell('finished');
}
