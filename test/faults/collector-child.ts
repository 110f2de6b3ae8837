/**
 * A collector in a process of its own, for tests that kill it: one feed from a tenant into tables, until it is caught up.
 * Each step of a commit is told on stdout, and rested at for a moment, so that kills fall into all of them.
 *
 *     node dist/test/faults/collector-child.js '{"baseUrl": …, "apiKey": …, "directory": …, "restMs": 2}'
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { assemble } from '../../collector/assemble.js';
import { loadConfig, readFileFromDisk } from '../../collector/config.js';
import { runFeed } from '../../collector/feed.js';
import { systemTiming } from '../../collector/jumpcloud/timing.js';
import { createLog } from '../../collector/log.js';
import { createTablesSink } from '../../collector/sinks/tables/tables.js';
import { tellClient, tellFeed } from '../../collector/tell.js';

/** What the parent asks for. */
export interface ChildOrder {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly directory: string;
  /** Milliseconds rested at each step of a commit. */
  readonly restMs: number;
}

const order = JSON.parse(process.argv[2] ?? '') as ChildOrder;
const config = loadConfig({
  env: {
    FEED_NAME: 'kill',
    JUMPCLOUD_BASE_URL: order.baseUrl,
    JUMPCLOUD_API_KEY: order.apiKey,
    JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
    POLL_START: '30d',
    POLL_PAGE_SIZE: '500',
    POLL_REQUESTS_PER_SECOND: '1000',
    TABLES_DIRECTORY: order.directory,
  },
  readFile: readFileFromDisk,
}).feeds[0]!;
const log = createLog({ level: 'warn', format: 'json' });
const tell = (step: string) => writeSync(1, `${step}\n`);
const sink = createTablesSink({
  directory: order.directory,
  feed: config.name,
  checkpoint: async (step) => {
    tell(step);
    await sleep(order.restMs);
  },
});
const { settings, parts, client } = assemble(config, {
  sink,
  timing: systemTiming,
  observer: { ...tellFeed(log), page: () => tell('page'), searching: () => tell('search') },
  clientObserver: tellClient(log),
  onKeyWarning: () => undefined,
});
await runFeed(settings, parts, { once: true, signal: new AbortController().signal });
client.close();
await sink.close();
tell('finished');
