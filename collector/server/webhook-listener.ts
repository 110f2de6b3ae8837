import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SharedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import type { Log } from '../log/logger.js';
import type { WebhookAnswer, WebhookReceiver } from '../webhook/receiver.js';
import { boundConnections } from './connections.js';
import { keepListening, portFault } from './keep-listening.js';
import { openBody } from './request-body.js';
import { isLoopbackAddress } from './request-gate.js';

/** The part of a URL before a feed's name. */
const WEBHOOK_PATH = '/webhook/jumpcloud/';

export interface WebhookListenerOptions extends Omit<SharedConfig['receiver'], 'url'> {
  /** Of a feed by its name; undefined where there is none, or it takes no webhooks. */
  readonly receiver: (feed: string) => Pick<WebhookReceiver, 'receive'> | undefined;
  readonly log: Log;
  /** Milliseconds in which a request has to be received whole. Default: 10 s. */
  readonly patienceMs?: number;
  /** Milliseconds until a taken port is tried again. Default: 30 s. */
  readonly retryMs?: number;
}

/** The listener of webhooks: apart from the health port, so that the one can be reached from outside and the other not. */
export interface WebhookListener {
  /** The port it listens on; undefined while it does not (the log says why). */
  readonly port: number | undefined;
  /** Takes no more requests; those under way are answered, with 503 where their body does not come soon. Never throws. */
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 256;
/** Requests whose body is taken at the same time; more are answered 503, which JumpCloud repeats. */
const MOST_AT_ONCE = 64;
const LARGEST_HEADER = 8 * 1024;
const LARGEST_DRAIN = 256 * 1024;
/** After the order to stop, a body that is on its way is waited for so long. */
const LAST_BODY_MS = 2_000;
const UNAVAILABLE: WebhookAnswer = { status: 503, body: { error: 'not now' } };

/** Listens for webhooks. A port that is taken is tried again; collection goes on. @throws CollectorError CONFIG_INVALID */
export async function startWebhooks(options: WebhookListenerOptions): Promise<WebhookListener> {
  const { host, log } = options;
  const underWay: UnderWay = { answers: new Set(), bodies: new Set(), isStopping: false };
  const server = createListener(options, underWay);
  const listener = await keepListening(server, options, {
    opened(port) {
      log.recovered('webhook port');
      log.info(
        `webhooks are taken on ${options.cert === undefined ? 'http' : 'https'}://${host}:${port}${WEBHOOK_PATH}FEED`,
      );
      if (options.cert === undefined && !isLoopbackAddress(host))
        log.warn('webhooks are taken without TLS: secrets can be read on the way to here', {
          cure: 'Set receiver.cert and receiver.key, or let only a proxy that speaks TLS reach this port.',
        });
    },
    failed: (error) => log.failing('webhook port', portTaken(host, options.port, error)),
  });
  return {
    get port() {
      return listener.port;
    },
    close: async () => {
      listener.stop();
      underWay.isStopping = true;
      if (!server.listening) return;
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const last = setTimeout(() => {
        for (const giveUp of [...underWay.bodies]) giveUp();
      }, LAST_BODY_MS);
      // A client that takes no answer keeps nobody waiting.
      const end = setTimeout(() => server.closeAllConnections(), 2 * LAST_BODY_MS);
      await Promise.all(underWay.answers);
      clearTimeout(last);
      clearTimeout(end);
      server.closeAllConnections();
      await ended;
    },
  };
}

/** What has begun and not ended. */
interface UnderWay {
  readonly answers: Set<Promise<void>>;
  /** Each gives up the wait for one body. */
  readonly bodies: Set<() => void>;
  isStopping: boolean;
}

function createListener(options: WebhookListenerOptions, underWay: UnderWay): Server {
  const { log, patienceMs = 10_000 } = options;
  const settings = {
    maxHeaderSize: LARGEST_HEADER,
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    connectionsCheckingInterval: Math.min(1_000, patienceMs),
  };
  const server =
    options.cert === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tlsOf(options) });
  server.timeout = patienceMs;
  const connections = boundConnections(server, MOST_CONNECTIONS);
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { socket } = request;
    connections.busy(socket);
    response.on('close', () => connections.waiting(socket));
    // What becomes of a connection is its client's business.
    for (const stream of [request, response]) stream.on('error', () => {});
    const body = openBody(request);
    const read = async (maxBytes: number) => {
      connections.waiting(socket);
      if (request.headers.expect !== undefined) response.writeContinue();
      const text = await unlessGivenUp(body.read(maxBytes), underWay.bodies);
      connections.busy(socket);
      return text;
    };
    const answer = await answerTo(request, read, options, underWay.answers.size > MOST_AT_ONCE || underWay.isStopping);
    if (answer !== undefined) await send(response, answer, () => body.drain(LARGEST_DRAIN), underWay.isStopping);
  };
  const listen = (request: IncomingMessage, response: ServerResponse) => {
    const served = serve(request, response)
      .catch((error: unknown) => {
        log.failure(error);
        request.socket.destroy();
      })
      .finally(() => underWay.answers.delete(served));
    underWay.answers.add(served);
  };
  server.on('request', listen);
  server.on('checkContinue', listen);
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('upgrade', (_request, socket) => socket.destroy());
  server.on('error', (error) => {
    if (server.listening) log.failing('webhook port', error);
  });
  return server;
}

/** In place of a body that has not come by then. */
class NotNow extends Error {}

async function answerTo(
  request: IncomingMessage,
  read: (maxBytes: number) => Promise<Buffer | 'too_large' | 'cut'>,
  { receiver }: WebhookListenerOptions,
  isFull: boolean,
): Promise<(Omit<WebhookAnswer, 'status'> & { readonly status: number }) | undefined> {
  const path = (request.url ?? '').split('?', 1)[0]!;
  const name = path.startsWith(WEBHOOK_PATH) ? path.slice(WEBHOOK_PATH.length) : '';
  const found = receiver(name);
  if (found === undefined) return { status: 404, body: { error: 'There is nothing here.' } };
  if (isFull) return UNAVAILABLE;
  try {
    return await found.receive({ method: request.method ?? '', headers: request.headersDistinct }, read);
  } catch (error) {
    if (error instanceof NotNow) return UNAVAILABLE;
    throw error;
  }
}

/** @throws NotNow where the body is given up before it has come */
function unlessGivenUp<T>(body: Promise<T>, waiting: Set<() => void>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new NotNow());
    waiting.add(giveUp);
    body.then(resolve, reject).finally(() => waiting.delete(giveUp));
  });
}

async function send(
  response: ServerResponse,
  { status, body }: { readonly status: number; readonly body: WebhookAnswer['body'] },
  drain: () => Promise<void>,
  isLast: boolean,
): Promise<void> {
  const text = `${JSON.stringify(body)}\n`;
  const isRefused = status !== 200;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'POST' } : {}),
    ...(status === 503 ? { 'retry-after': '5' } : {}),
    // The connection could not go on behind a body that was not read.
    ...(isRefused || isLast ? { connection: 'close' } : {}),
  });
  response.write(text);
  if (isRefused) await drain();
  // A client that has left meanwhile closes the answer before its end.
  if (response.closed || response.destroyed) return;
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(resolve);
  });
}

function tlsOf({ cert, key }: WebhookListenerOptions): { cert: Buffer; key: string } {
  try {
    return { cert: readFileSync(cert!), key: key!.reveal() };
  } catch (error) {
    throw new CollectorError('CONFIG_INVALID', `The certificate ${cert} cannot be used.`, {
      cure: 'Name a PEM certificate with receiver.cert and its key with receiver.key.',
      cause: error,
    });
  }
}

function portTaken(host: string, port: number, error: NodeJS.ErrnoException): CollectorError {
  return new CollectorError(
    'CONFIG_INVALID',
    `The port of webhooks ${host}:${port} cannot be opened: ${portFault(error)}.`,
    {
      cure: 'Collection goes on, and alerts are read from their list. Set receiver.host and receiver.port; it is tried again.',
      transient: true,
    },
  );
}
