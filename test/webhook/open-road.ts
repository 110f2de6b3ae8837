import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { FeedConfig } from '../../collector/config/feed-config.js';
import { loadConfig } from '../../collector/config/load-config.js';
import type { AskDirectory } from '../../collector/jumpcloud/directory/ask.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { openTables } from '../../collector/query/open-tables.js';
import { openSink } from '../../collector/runtime/open-sink.js';
import { type WebhookFeed, webhookFeed, webhookSecrets } from '../../collector/runtime/webhook-feed.js';
import { startWebhooks, type WebhookListenerOptions } from '../../collector/server/webhook-listener.js';
import type { Sink } from '../../collector/sinks/sink.js';
import type { JsonValue } from '../../mappings/json.js';

export const organization = '5f0000000000000000000001';

/** Receiver, spool and lane of one feed, opened in this process over real files and a real port. */
export interface Road {
  readonly url: string;
  readonly secret: string;
  readonly config: FeedConfig;
  readonly feed: WebhookFeed;
  readonly directory: string;
  /** How often each outcome was counted. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly log: () => string;
  post(body: string | Buffer, headers?: Record<string, string>): Promise<{ status: number; body: JsonValue }>;
  /** Takes no more, delivers what was taken, and closes everything. May be called twice. */
  stop(): Promise<void>;
}

export interface RoadOptions {
  /** Of a road before this one: its tables, spool and secrets. */
  readonly directory?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly sink?: (config: FeedConfig) => Sink;
  readonly ask?: AskDirectory;
  /** Milliseconds by which the road's clock is behind JumpCloud's. */
  readonly behindMs?: number;
  readonly listener?: Partial<WebhookListenerOptions>;
}

/** A directory of the test's own, removed after it. */
export async function ownDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'webhook-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a road; it is closed where the test ends before it. */
export async function openRoad(options: RoadOptions = {}): Promise<Road> {
  const directory = options.directory ?? (await ownDirectory());
  const env = {
    FEED_NAME: 'acme',
    JUMPCLOUD_API_KEY: 'k'.repeat(40),
    JUMPCLOUD_ORG_ID: organization,
    TABLES_DIRECTORY: join(directory, 'tables'),
    STATE_DIRECTORY: join(directory, 'state'),
    WEBHOOK_ENABLED: 'true',
    ...options.env,
  };
  const [config] = loadConfig({ env, readFile: () => Promise.reject(new Error('no file')) as never }).feeds;
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = createLog({ level: 'debug', format: 'text', stream });
  const sink = options.sink?.(config!) ?? (await openSink(config!, log, systemTiming));
  const outcomes: Record<string, number> = {};
  const store = webhookSecrets(config!, Date.now);
  const secret = store.isConfigured ? config!.webhook.secrets[0]!.reveal() : (await store.make(0)).secret;
  const feed = webhookFeed(config!, {
    sink,
    timing: { ...systemTiming, now: () => Date.now() - (options.behindMs ?? 0) },
    serverNow: Date.now,
    observer: () => undefined,
    directory: options.ask,
    log,
    onRequest: (outcome) => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    },
    onMissed: () => undefined,
  });
  const stopping = new AbortController();
  const ended = feed.run(stopping.signal);
  const listener = await startWebhooks({
    host: '127.0.0.1',
    port: 0,
    cert: undefined,
    key: undefined,
    receiver: (name) => (name === 'acme' ? feed.receiver : undefined),
    log,
    ...options.listener,
  });
  // The spool opens beside the listener.
  for (let tries = 0; feed.view.degraded !== null && tries < 400; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const url = `http://127.0.0.1:${listener.port}/webhook/jumpcloud/acme`;
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await listener.close();
      stopping.abort();
      await ended;
      await sink.close();
    })();
    return stopped;
  };
  onTestFinished(stop);
  return {
    ...{ url, secret, config: config!, feed, directory, outcomes, stop },
    log: () => Buffer.concat(chunks).toString(),
    async post(body, headers = {}) {
      const answer = await fetch(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
      });
      return { status: answer.status, body: (await answer.json()) as JsonValue };
    },
  };
}

/** Rows of a statement over the tables of a road that was stopped. */
export async function rowsOf(directory: string, sql: string): Promise<(readonly JsonValue[])[]> {
  const tables = await openTables(join(directory, 'tables'));
  try {
    const { rows } = await tables.query(sql);
    const found: (readonly JsonValue[])[] = [];
    for await (const row of rows)
      found.push(row.map((value) => (typeof value === 'bigint' ? Number(value) : value) as JsonValue));
    return found;
  } finally {
    await tables.close();
  }
}

/** uid, alert, activity and status of each finding, sorted by alert and time. */
export function findingsOf(directory: string): Promise<(readonly JsonValue[])[]> {
  return rowsOf(
    directory,
    'SELECT metadata.uid, finding_info.uid, activity_id, status_id, count FROM detection_finding ORDER BY 2, time, 5, 4',
  );
}
