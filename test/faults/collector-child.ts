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
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { apiKeys, ConnectionCutter } from '../kafka/connection-cutter.js';
import { CUT } from './run-and-kill.js';

/** What the parent asks for. */
export interface ChildOrder {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Tables: milliseconds rested at each step of a commit. */
  readonly tables?: { readonly directory: string; readonly restMs: number };
  /** Kafka: the share of requests after which the connection is cut before the answer. */
  readonly kafka?: { readonly brokers: readonly string[]; readonly cuts: number };
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
const sink = order.kafka ? kafkaSink(order.kafka) : tablesSink(order.tables);
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

function tablesSink(tables: ChildOrder['tables']): Sink {
  return createTablesSink({
    directory: tables?.directory ?? '',
    feed: config.name,
    checkpoint: async (step) => {
      tell(step);
      await sleep(tables?.restMs);
    },
  });
}

/** Tells each request that a commit is made of; some lose their answer after the broker has carried them out. */
function kafkaSink({ brokers, cuts }: NonNullable<ChildOrder['kafka']>): Sink {
  const cutter = new ConnectionCutter();
  const names = new Map<number, string>(Object.entries(apiKeys).map(([name, key]) => [key, name]));
  const transactional: readonly number[] = [apiKeys.produce, apiKeys.addPartitionsToTxn, apiKeys.endTxn];
  return createKafkaSink(
    { feed: config.name, brokers, compression: 'none', lease: { seconds: 10, wait: true } },
    {
      log: (level, message) => (level === 'warn' || level === 'error') && log[level](message),
      socketFactory: (options) => {
        const socket = cutter.socketFactory(options);
        const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
        socket.write = ((frame: Buffer, ...rest: unknown[]) => {
          const key = frame.length >= 6 ? frame.readInt16BE(4) : -1;
          if (transactional.includes(key) && Math.random() < cuts) {
            cutter.loseAnswer(key);
            tell(CUT);
          }
          const name = names.get(key);
          if (name !== undefined && key !== apiKeys.metadata && key !== apiKeys.fetch) tell(name);
          return write(frame, ...rest);
        }) as typeof socket.write;
        return socket;
      },
    },
  );
}
