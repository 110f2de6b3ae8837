import { EventEmitter, on } from 'node:events';
import type { ConfiguredFeed } from '../../config/configured-feed.js';
import type { FeedConfig } from '../../config/feed-config.js';
import type { Finding } from '../../diagnostics/finding.js';
import { checkFeed, interactiveLimits } from '../../diagnostics/run-checks.js';
import { asCollectorError, CollectorError } from '../../errors.js';
import { systemTiming } from '../../jumpcloud/http/abort.js';
import type { AuthorizationMode } from '../../jumpcloud/http/observer.js';
import { swapKeyFile, verifyKey } from '../../key-expiry/replace.js';
import type { RootLog } from '../../log/logger.js';
import { clientLogger } from '../../monitoring/log-observer.js';
import { LIVE_LANE } from '../../position/lane-name.js';
import { clientOf, settingsOf } from '../../runtime/assemble.js';
import { openSink } from '../../runtime/open-sink.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import type { TestLine } from '../answers.js';
import { type Document, fingerprintOf, keyNamedIn, SECRET_KEYS, withValue } from '../feeds/document.js';
import type { FeedStore } from '../feeds/feed-store.js';
import { type PrepareOptions, prepareFeed } from '../feeds/prepare-feed.js';
import { type Handlers, nameOf } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { Refused, refused } from '../problem.js';
import { applyChange, noFeed, refuseForeign } from './feeds.js';

export interface TestParts {
  readonly supervisor: Supervisor;
  readonly store: FeedStore;
  readonly prepare: PrepareOptions;
  readonly jobs: Jobs;
  readonly log: RootLog;
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly now: () => number;
}

const TEST_MS = 30_000;
const POLL_WAITS_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** The key of the form that a finding is about. */
const FIELDS: Readonly<Record<string, string>> = {
  address: 'jumpcloud.baseUrl',
  dns: 'jumpcloud.baseUrl',
  tls: 'jumpcloud.baseUrl',
  connection: 'jumpcloud.baseUrl',
  proxy: 'jumpcloud.baseUrl',
  credential: 'jumpcloud.apiKey',
  header: 'jumpcloud.authorization',
  role: 'jumpcloud.apiKey',
  licence: 'jumpcloud.apiKey',
  key: 'jumpcloud.keyCreated',
  organization: 'jumpcloud.orgId',
  storage: 'tables.directory',
  tables: 'tables.directory',
  space: 'tables.directory',
  sink: 'kafka.brokers',
};

export function testHandlers(parts: TestParts): Pick<Handlers, 'testFeed' | 'testDraft' | 'renewSecret'> {
  const { supervisor, store, prepare, jobs, log, exclusive, now } = parts;
  return {
    async testFeed(asked) {
      const feed = supervisor.find(asked.parameters.name!);
      asked.audit.target = { type: 'feed', name: asked.parameters.name! };
      if (feed === undefined) throw noFeed();
      return { lines: findingsOf(feed.configured, feed.problems[0]?.message, log, asked.signal) };
    },
    async testDraft(asked) {
      const document = asked.body.document as Document;
      const name = typeof document.name === 'string' ? document.name : '';
      asked.audit.target = { type: 'draft', name };
      refuseForeign(supervisor, name);
      const candidate = await prepareFeed(name, document, await store.find(name), prepare);
      return { lines: findingsOf(candidate.configured, undefined, log, asked.signal) };
    },
    renewSecret: (asked) =>
      exclusive(async () => {
        const { name = '', key = '' } = asked.parameters;
        asked.audit.target = { type: 'feed', name };
        const schema = SECRET_KEYS.find(({ path }) => path === key);
        const feed = supervisor.find(name);
        if (feed === undefined) throw noFeed();
        if (schema === undefined)
          throw refused(404, 'NO_SECRET', 'There is no such secret.', 'See the schema of the configuration.');
        if (feed.configured === null)
          throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
        const managed = await store.find(name);
        const before = managed?.document ?? { name };
        const given = withValue(before, schema.segments, asked.body.secret);
        const isFile = feed.source.kind === 'file';
        const configured = isFile ? feed.configured : (await prepareFeed(name, given, managed, prepare)).configured;
        const secret = cleaned(asked.body.secret);
        log.redact(secret);
        const isResponse = key === 'respond.clientSecret';
        if (key.startsWith('jumpcloud.')) await verify(configured.config, secret, log, asked.signal);
        if (isResponse) await verifyResponse(configured.config, secret, log, asked.signal);
        const replaced = isResponse ? feed.configured.config.respond.clientSecret : undefined;
        const from = replaced === undefined ? (feed.view?.key?.fingerprint ?? null) : fingerprintOf(replaced.reveal());
        asked.audit.changes = [{ path: key, from, to: fingerprintOf(secret) }];
        if (isFile) await swap(feed.configured, key, secret);
        else {
          const candidate = await prepareFeed(name, given, managed, prepare);
          await store.save({
            name,
            document: candidate.document,
            secrets: candidate.secrets,
            paths: candidate.paths,
            author: {
              name: nameOf(asked),
              kind: asked.principal?.kind ?? 'session',
              at: new Date(now()).toISOString(),
            },
            action: 'renewed',
          });
          await applyChange(supervisor, name);
          await store.sweep();
        }
        const since = now();
        const job = jobs.start(
          { kind: 'renew', feed: name, by: nameOf(asked), message: 'waiting for a poll with the new key' },
          async (report, signal) => {
            if (isResponse) return report({ message: 'the service account of response reads with the new secret' });
            for (let waited = 0; waited < POLL_WAITS_MS && !signal.aborted; waited += LOOK_EVERY_MS) {
              const lane = supervisor.find(name)?.view?.lanes.find((one) => one.name === LIVE_LANE);
              if (lane?.lastPoll != null && Date.parse(lane.lastPoll) >= since && lane.state !== 'failing')
                return report({ message: 'polled with the new key' });
              await systemTiming.sleep(LOOK_EVERY_MS, signal);
            }
            report({ message: 'the new key is in place; no poll has ended with it yet' });
          },
        );
        return { status: 202, json: job };
      }),
  };
}

/** Findings as they come; the last line sums them up. Everything is over after 30 s, or when the client leaves. */
async function* findingsOf(
  configured: ConfiguredFeed | null,
  problem: string | undefined,
  log: RootLog,
  signal: AbortSignal,
): AsyncGenerator<TestLine> {
  if (configured === null) {
    yield { part: 'configuration', verdict: 'failed', message: problem ?? 'It is not valid.', cure: 'Correct it.' };
    yield { done: true, worst: 'failed', header: null };
    return;
  }
  yield { part: 'configuration', verdict: 'ok', message: 'the configuration is valid' };
  for (const note of configured.notes) yield { part: 'configuration', verdict: 'warning', message: note };
  const { config } = configured;
  let header: AuthorizationMode | null = null;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TEST_MS)]);
  const findings = new EventEmitter();
  const found = on(findings, 'found', { close: ['end'] });
  const checking = checkFeed(
    config,
    log.child({ feed: config.name }),
    {
      onHeaderUsed: ({ used }) => {
        header = used;
      },
    },
    limited,
    (finding) => findings.emit('found', finding),
  ).finally(() => findings.emit('end'));
  // Whether or not the client still waits for how it ends.
  void checking.then(
    ({ client }) => client?.close(),
    () => undefined,
  );
  for await (const [finding] of found) yield lineOf(finding as Finding, config);
  const checked = await checking;
  const verdicts = checked.findings.map(({ verdict }) => verdict);
  const worst = verdicts.includes('failed') ? 'failed' : verdicts.includes('warning') ? 'warning' : 'ok';
  yield { done: true, worst, header };
}

function lineOf({ part, verdict, message, cure, code }: Finding, config: FeedConfig): TestLine {
  const named = keyNamedIn(message) ?? FIELDS[part];
  const isAccount = config.jumpcloud.authorization === 'service-account';
  const field = named === 'jumpcloud.apiKey' && isAccount ? 'jumpcloud.clientSecret' : named;
  return {
    part,
    verdict,
    message,
    ...(cure === undefined ? {} : { cure }),
    ...(code === undefined ? {} : { code }),
    ...(field === undefined || verdict === 'ok' ? {} : { field }),
  };
}

/** What copy and paste adds is taken off, as everywhere. */
function cleaned(text: string): string {
  return text
    .replace(/^\uFEFF/, '')
    .trim()
    .replace(/^(["'])(.*)\1$/s, '$2');
}

/** @throws Refused naming what JumpCloud answered; nothing was changed */
async function verify(config: FeedConfig, secret: string, root: RootLog, signal: AbortSignal): Promise<void> {
  const log = root.child({ feed: config.name });
  const sink = await openSink(config, log, systemTiming);
  const client = clientOf(config, clientLogger(log), systemTiming, {
    ...interactiveLimits,
    pageSize: 100,
    secret: { value: secret, where: 'the console' },
  });
  try {
    const cursor = await sink.peek(LIVE_LANE);
    const { services } = settingsOf(config, { batchSize: 1 });
    await verifyKey(client, config.name, services, cursor, AbortSignal.any([signal, AbortSignal.timeout(TEST_MS)]));
  } catch (error) {
    throw notPutInPlace(error);
  } finally {
    client.close();
    await sink.close();
  }
}

/** @throws Refused naming what JumpCloud answered; nothing was changed */
async function verifyResponse(config: FeedConfig, typed: string, log: RootLog, signal: AbortSignal): Promise<void> {
  const { testCredential } = await import('../../runtime/open-response.js');
  try {
    await testCredential(config, log.child({ feed: config.name }), interactiveLimits, {
      typed,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TEST_MS)]),
    });
  } catch (error) {
    throw notPutInPlace(error);
  }
}

function notPutInPlace(error: unknown): Refused {
  if (error instanceof Refused) return error;
  const { code, message, cure } = asCollectorError(error);
  const status = code === 'ORGANIZATION_CHANGED' ? 409 : 422;
  return refused(status, code, `The new key was not put in place: ${message}`, cure);
}

async function swap({ settings }: ConfiguredFeed, key: string, secret: string): Promise<void> {
  const value = settings.get(key)?.value;
  const file =
    typeof value === 'object' && value !== null && !Array.isArray(value) && typeof value.file === 'string'
      ? value.file
      : undefined;
  if (file === undefined)
    throw new CollectorError(
      'CONFIG_INVALID',
      `${key} of this feed comes from a place that only a restart can change.`,
      {
        cure: 'Put it into a file that only the collector can read, and name that file.',
      },
    );
  await swapKeyFile(file, secret);
}
