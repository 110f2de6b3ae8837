import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import type { RateLimit } from '../../collector/console/rate.js';
import { PROOF_HEADER } from '../../collector/console/routes.js';
import { startConsole } from '../../collector/console/start.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { Redactor } from '../../collector/log/redactor.js';
import { openHistory } from '../../collector/monitoring/feed-history.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { StatusBoard } from '../../collector/monitoring/status/board.js';
import { FeedSupervisor } from '../../collector/runtime/feed-supervisor.js';
import type { SupervisedFeed, Supervisor } from '../../collector/runtime/supervisor.js';
import { type Listen, Webhooks } from '../../collector/runtime/webhooks.js';
import { folder } from '../cli/command.js';
import { freePort } from '../free-port.js';

const PROGRAM = fileURLToPath(new URL('../../dist/collector/cli.js', import.meta.url));

export const PASSWORD = 'correct horse battery staple';

/** An answer as it came. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever came
  readonly json: any;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
}

/** How a console is asked. */
export interface People {
  readonly port: number;
  readonly origin: string;
  send(path: string, sent?: Sent): Promise<Reply>;
  /** Somebody whose credential is known: tokens outlive a restart. */
  clientOf(credential: Client['credential']): Client;
  /** The one-time token of the first start. */
  firstToken(): string;
  /** Makes the first administrator. */
  firstAdmin(): Promise<Client>;
  /** Invites and logs in. */
  user(by: Client, name: string, role: string): Promise<Client>;
  token(by: Client, name: string, role: string): Promise<Client>;
}

/** A console on a free port of loopback, its clock the test's. */
export interface TestConsole extends People {
  readonly directory: string;
  /** Epoch milliseconds, to be moved. */
  now: number;
  /** What was logged. */
  readonly logged: () => string;
  close(): Promise<void>;
}

/** Somebody who is logged in, or holds a token. */
export interface Client {
  readonly credential: Readonly<Record<string, string>>;
  readonly cookie: string | undefined;
  readonly proof: string | undefined;
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

/** A supervisor of feeds that stand still. */
export function stillSupervisor(feeds: readonly SupervisedFeed[] = [], over: Partial<Supervisor> = {}): Supervisor {
  const config = loadConfig({ env: {}, readFile: readFileFromDisk });
  return {
    list: () => feeds,
    find: (name) => feeds.find((feed) => feed.name === name),
    start: async () => 'started',
    replace: async () => 'restarted',
    stop: async () => 'stopped',
    restart: async () => 'restarted',
    remove: async () => 'removed',
    wake: () => true,
    pause: async () => 'paused',
    resume: async () => 'started',
    reload: async () => ({ applied: new Map(), refused: undefined }),
    readFeed: config.readFeed,
    repairs: () => undefined,
    activity: () => undefined,
    log: () => [],
    ...over,
  };
}

export async function startTestConsole(
  options: {
    env?: Record<string, string>;
    supervisor?: Supervisor;
    directory?: string;
    /** The console's own events are delivered. */
    delivers?: boolean;
    rate?: RateLimit;
    /** Feeds run, as `run` runs them. */
    live?: boolean;
    /** Default: webhooks are taken nowhere. */
    listen?: Listen;
  } = {},
): Promise<TestConsole> {
  const directory = options.directory ?? folder();
  const read = () =>
    loadConfig({
      env: { CONSOLE_ENABLED: 'true', CONSOLE_PORT: '0', CONSOLE_DIRECTORY: directory, ...options.env },
      readFile: readFileFromDisk,
      readDirectory: readdirSync,
    });
  const config = read();
  const stream = new PassThrough();
  let logged = '';
  stream.on('data', (chunk) => {
    logged += String(chunk);
  });
  const log = createLog({ level: 'debug', format: 'json', stream, redactor: new Redactor() });
  const clock = { now: Date.now() };
  const board = new StatusBoard('test');
  const metrics = createMetrics({ version: 'test' });
  const ending = new AbortController();
  const history = options.live === true ? await openHistory(join(directory, 'activity'), log, systemTiming) : undefined;
  const live =
    history &&
    new FeedSupervisor({
      environment: {
        log,
        metrics,
        board,
        once: false,
        webhooks: new Webhooks(options.listen ?? (async () => ({ close: async () => {} }))),
      },
      clock: systemTiming,
      config,
      read,
      onRead: ({ secrets }) => {
        for (const secret of secrets) log.redact(secret.reveal());
      },
      signal: ending.signal,
      history,
      pauses: join(directory, 'pauses.json'),
      staysAlive: true,
    });
  if (live !== undefined) board.supervise(live.supervision);
  const stderr = process.stderr.write;
  process.stderr.write = (() => true) as typeof process.stderr.write;
  const running = await startConsole(
    {
      shared: config.shared,
      supervisor: live ?? options.supervisor ?? stillSupervisor(),
      board,
      metrics,
      log,
      files: [],
      notes: [],
    },
    {
      now: () => clock.now,
      delivers: options.delivers === true,
      passwordCost: 2,
      ...(options.rate === undefined ? {} : { rate: options.rate }),
    },
  ).finally(() => {
    process.stderr.write = stderr;
  });
  // In the order of `run`.
  live?.begin();
  running.feedsBegan();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await running.close();
    ending.abort();
    await live?.finished;
    live?.close();
    await history?.close();
    await log.close();
  };
  onTestFinished(close);
  return {
    ...peopleAt(running.port!, directory),
    directory,
    get now() {
      return clock.now;
    },
    set now(value) {
      clock.now = value;
    },
    logged: () => logged,
    close,
  };
}

/** How a console that listens on a port is asked. */
export function peopleAt(port: number, directory: string): People {
  const origin = `http://127.0.0.1:${port}`;
  const send: People['send'] = (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const asked = request(
        {
          host: '127.0.0.1',
          port,
          path,
          method,
          agent: false,
          headers: {
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString('utf8');
            let json: unknown;
            try {
              json = JSON.parse(answer);
            } catch {
              json = undefined;
            }
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer, json });
          });
        },
      );
      asked.on('error', reject);
      asked.end(text);
    });
  const clientOf = (credential: Client['credential'], cookie?: string, proof?: string): Client => ({
    credential,
    cookie,
    proof,
    get: (path, headers = {}) => send(`/api/v1${path}`, { headers: { ...credential, ...headers } }),
    send: (method, path, body, headers = {}) =>
      send(`/api/v1${path}`, {
        method,
        headers: {
          ...credential,
          ...(cookie === undefined ? {} : { origin, 'sec-fetch-site': 'same-origin' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      }),
  });
  const logIn = async (body: unknown): Promise<Client> => {
    const reply = await send('/api/v1/session', { method: 'POST', body });
    if (reply.status !== 200) throw new Error(`no login: ${reply.status} ${reply.text}`);
    const cookie = String(reply.headers['set-cookie']?.[0]).split(';')[0]!;
    return clientOf({ cookie, [PROOF_HEADER]: reply.json.proof }, cookie, reply.json.proof);
  };
  const tokenIn = (link: string) => /#start=(.+)\s*$/.exec(link)![1]!.trim();
  const firstToken = () => tokenIn(readFileSync(join(directory, 'first-login'), 'utf8'));
  return {
    port,
    origin,
    send,
    clientOf: (credential) => clientOf(credential),
    firstToken,
    firstAdmin: () => logIn({ token: firstToken(), user: 'ana', password: PASSWORD }),
    async user(by, name, role) {
      const invited = await by.send('POST', '/users', { name, role });
      return logIn({ token: tokenIn(invited.json.link), password: PASSWORD });
    },
    async token(by, name, role) {
      const made = await by.send('POST', '/tokens', { name, role });
      return clientOf({ authorization: `Bearer ${made.json.token}` });
    },
  };
}

/**
 * A console of the built program, as a process that may evaluate no text as code. Needs `npm run build`.
 */
export async function startBuiltConsole(
  options: { env?: Record<string, string>; directory?: string; nodeFlags?: readonly string[] } = {},
): Promise<TestConsole & { readonly child: ChildProcess }> {
  const directory = options.directory ?? folder();
  const port = await freePort();
  const flags = ['--disallow-code-generation-from-strings', ...(options.nodeFlags ?? [])];
  const child = spawn(process.execPath, [...flags, PROGRAM, 'run'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      CONSOLE_ENABLED: 'true',
      CONSOLE_PORT: String(port),
      CONSOLE_DIRECTORY: directory,
      HTTP_ENABLED: 'false',
      LOG_FORMAT: 'json',
      ...options.env,
    },
  });
  let logged = '';
  child.stderr?.on('data', (chunk) => {
    logged += String(chunk);
  });
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  onTestFinished(close);
  while (!logged.includes('the console is at')) {
    if (child.exitCode !== null) throw new Error(logged);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { ...peopleAt(port, directory), directory, now: Date.now(), logged: () => logged, close, child };
}
