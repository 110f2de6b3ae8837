import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Log } from '../log/logger.js';
import type { Metrics } from '../monitoring/metrics.js';
import type { StatusBoard } from '../monitoring/status/board.js';
import type { Repairs } from '../reconcile/repair-queue.js';
import { answerRepair, repairPath } from './repair-route.js';

export interface HealthOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** What /metrics and /status ask for; asked at every request, so that it can change. Undefined: they ask for nothing. */
  readonly token: () => string | undefined;
  readonly board: Pick<StatusBoard, 'readiness' | 'view'>;
  readonly metrics: Pick<Metrics, 'text' | 'contentType' | 'ready'>;
  readonly log: Log;
  /** What a feed can be asked to repair, by its name; undefined: nobody takes requests. */
  readonly repairs?: (feed: string) => Repairs | undefined;
  /** Masks secrets in what leaves the process. */
  readonly mask: (text: string) => string;
  /** Milliseconds until a taken port is tried again. Default: 30 s. */
  readonly retryMs?: number;
  /** Milliseconds after which a client that has not sent its request, or not taken its answer, is cut off. Default: 5 s. */
  readonly patienceMs?: number;
}

/** The health port. It looks on, and passes repairs on: whatever happens to it, collection goes on. */
export interface HealthServer {
  /** The port it listens on; undefined while it does not (the port is taken; the log says so). */
  readonly port: number | undefined;
  /** Ends all connections. Never throws. */
  close(): Promise<void>;
}

/** Connections at the same time; one more ends the one that has been idle for longest. */
const mostConnections = 128;
const largestHeader = 8 * 1024;
/** Scrapers that come more often get the same answer: making one costs more than sending it. */
const freshMs = 500;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Listens for probes, scrapers and consoles: /healthz, /readyz, /metrics, /status, and /repair. Resolves when the port is open, or
 * when it turned out to be taken: then the log names it, and it is tried again.
 */
export async function startHealth(options: HealthOptions): Promise<HealthServer> {
  const { host, log, retryMs = 30_000 } = options;
  const server = createHealthServer(options);
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failing = false;
  const listen = async (): Promise<void> => {
    const error = await listening(server, host, options.port);
    if (error === undefined) {
      const { port } = server.address() as AddressInfo;
      if (failing) log.info(`the health port ${host}:${port} is open now`);
      else log.debug(`the health port is ${host}:${port}`);
      if (!isLoopback(host) && options.token() === undefined)
        log.warn(`anyone who can reach ${host}:${port} can read /metrics and /status`, { cure: 'Set http.token.' });
      return;
    }
    if (!failing)
      log.error(`the health port ${host}:${options.port} cannot be opened: ${why(error)}`, {
        detail: error.code,
        cure: cureOf(error),
      });
    failing = true;
    if (closed) return;
    timer = setTimeout(() => void listen(), retryMs);
    timer.unref();
  };
  await listen();
  return {
    get port() {
      return server.listening ? (server.address() as AddressInfo).port : undefined;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      if (!server.listening) return;
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await ended;
    },
  };
}

function createHealthServer(options: HealthOptions): Server {
  const pages = createPages(options);
  const { patienceMs = 5_000 } = options;
  const server = createServer({
    maxHeaderSize: largestHeader,
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    connectionsCheckingInterval: Math.min(1_000, patienceMs),
  });
  server.timeout = patienceMs;
  server.maxRequestsPerSocket = 10_000;
  server.on('request', (request, response) => {
    answer(request, pages, options)
      .catch((error: unknown): Answer => {
        options.log.failure(error, { path: pathOf(request) });
        return { status: 500, type: 'text/plain', body: 'internal error\n' };
      })
      .then((made) => send(request, response, made));
  });
  server.on('clientError', (_error, socket) => {
    // Ending alone would leave the connection to a client that goes on writing.
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
    else socket.destroy();
  });
  // Without a listener Node.js would answer CONNECT and Upgrade by itself only in part.
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('upgrade', (_request, socket) => socket.destroy());
  boundConnections(server);
  return server;
}

/** Refusing the newcomer would let a few idle clients keep the probes out. */
function boundConnections(server: Server): void {
  const idle = new Map<Socket, null>();
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    idle.set(socket, null);
    // Errors of a client's connection are the client's.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open.delete(socket);
      idle.delete(socket);
    });
    if (open.size > mostConnections) (idle.keys().next().value ?? socket).destroy();
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket);
    response.on('close', () => {
      if (open.has(socket)) idle.set(socket, null);
    });
  });
}

interface PageMaker {
  readonly guarded: boolean;
  /** POST: it changes something. Absent: GET and HEAD. */
  readonly method?: 'POST';
  readonly make: (request: IncomingMessage) => Answer | Promise<Answer>;
}

type Pages = ReadonlyMap<string, PageMaker>;

function createPages({ board, metrics, mask, repairs }: HealthOptions): Pages {
  const json = (status: number, value: unknown): Answer => ({
    status,
    type: 'application/json; charset=utf-8',
    body: `${mask(JSON.stringify(value))}\n`,
  });
  const readyz = () => {
    const readiness = board.readiness();
    return json(readiness.ready ? 200 : 503, readiness);
  };
  const scrape = async (): Promise<Answer> => {
    metrics.ready(board.readiness().ready);
    return { status: 200, type: metrics.contentType, body: mask(await metrics.text()) };
  };
  const repair = async (request: IncomingMessage) => {
    const { status, body } = await answerRepair(request, repairs ?? (() => undefined));
    return json(status, body);
  };
  return new Map<string, PageMaker>([
    ['/healthz', { guarded: false, make: () => json(200, { alive: true }) }],
    ['/readyz', { guarded: false, make: readyz }],
    ['/metrics', { guarded: true, make: shared(scrape) }],
    ['/status', { guarded: true, make: shared(async () => json(200, board.view())) }],
    ...(repairs ? ([[repairPath, { guarded: true, method: 'POST', make: repair }]] as const) : []),
  ]);
}

/** One making at a time, and its result for everybody who asks within half a second. */
function shared(make: () => Promise<Answer>): () => Promise<Answer> {
  let last: { readonly until: number; readonly made: Promise<Answer> } | undefined;
  return () => {
    const now = performance.now();
    if (last === undefined || now > last.until) last = { until: now + freshMs, made: make() };
    return last.made;
  };
}

async function answer(
  request: IncomingMessage,
  pages: Pages,
  { token, host }: Pick<HealthOptions, 'token' | 'host'>,
): Promise<Answer> {
  const page = pages.get(pathOf(request));
  if (page === undefined) return plain(404, `There are ${[...pages.keys()].join(', ')}.\n`);
  const methods = page.method === undefined ? ['GET', 'HEAD'] : [page.method];
  if (!methods.includes(request.method ?? '')) {
    return plain(405, `${methods.join(' or ')}.\n`, { allow: methods.join(', ') });
  }
  if (page.guarded && !authorized(request.headers.authorization, token()))
    return plain(401, 'Send the token of http.token as a bearer token.\n', {
      'www-authenticate': 'Bearer realm="jumpcloud-ocsf"',
    });
  // Who may read without a token need not be one who may set something going.
  if (page.method === 'POST' && token() === undefined && !isLoopback(host))
    return plain(403, 'Set http.token: without one this is for the local machine alone.\n');
  return page.make(request);
}

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'text/plain; charset=utf-8', body, headers };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What a request brings along is not read: the connection could not go on behind it.
    ...(hasBody || status >= 400 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (hasBody) response.on('finish', () => request.socket.destroySoon());
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function authorized(header: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(.+)$/i.exec(header ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function listening(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const settle = (error?: NodeJS.ErrnoException) => {
      server.off('error', settle);
      server.off('listening', settle);
      resolve(error);
    };
    server.on('error', settle);
    server.on('listening', settle);
    server.listen({ host, port });
  });
}

function why({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'another program listens there';
  if (code === 'EACCES') return 'this user may not';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'it is no address of this machine';
  return message;
}

function cureOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'Collection goes on. Stop the other program or set http.port; it is tried again.';
  return 'Collection goes on. Set http.host and http.port; it is tried again.';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
