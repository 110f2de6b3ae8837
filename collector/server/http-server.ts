import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Log } from '../log/logger.js';
import { maskedJson } from '../log/redactor.js';
import type { Metrics } from '../monitoring/metrics.js';
import type { Readiness, StatusBoard } from '../monitoring/status/board.js';
import { type RepairQueue, repairPath } from '../reconcile/repair-queue.js';
import { createBoundedServer } from './bounded-server.js';
import { closeAtOnce, keepListening, portFault } from './keep-listening.js';
import { answerRepair, LARGEST_REPAIR_BODY } from './repair-route.js';
import type { RequestBody } from './request-body.js';
import {
  bodyTooLarge,
  isLoopbackAddress,
  judgeClient,
  judgeRequest,
  type PortRules,
  type Refusal,
  type RequestHead,
  type RouteRules,
} from './request-gate.js';

export interface HealthOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** What /metrics, /status and /repair ask for; looked up at every request, so that it can change. Undefined: they ask for nothing. */
  readonly token: () => string | undefined | Promise<string | undefined>;
  readonly board: Pick<StatusBoard, 'readiness' | 'view'>;
  readonly metrics: Pick<Metrics, 'text' | 'contentType' | 'ready'>;
  readonly log: Log;
  /** What a feed can be asked to repair, by its name; undefined: nobody takes requests. */
  readonly repairs?: (feed: string) => Pick<RepairQueue, 'ask'> | undefined;
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

/**
 * Bytes of a body that is not wanted, which are read all the same once the answer is sent: a connection that is cut while
 * the client still sends loses the answer.
 */
const largestDrain = 256 * 1024;
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
  const { host, log } = options;
  const server = createHealthServer(options);
  const listener = await keepListening(server, options, {
    async opened(port, recovered) {
      if (recovered) log.info(`the health port ${host}:${port} is open now`);
      else log.debug(`the health port is ${host}:${port}`);
      if (!isLoopbackAddress(host) && (await options.token()) === undefined)
        log.warn(`anyone who can reach ${host}:${port} can read /metrics and /status`, { cure: 'Set http.token.' });
    },
    failed(error, first) {
      if (first)
        log.error(`the health port ${host}:${options.port} cannot be opened: ${portFault(error)}`, {
          detail: error.code,
          cure: cureOf(error),
        });
    },
  });
  return {
    get port() {
      return listener.port;
    },
    close: () => {
      listener.stop();
      return closeAtOnce(server);
    },
  };
}

function createHealthServer(options: HealthOptions): Server {
  const { log, patienceMs = 5_000 } = options;
  const routes = createRoutes(options);
  return createBoundedServer({ log, title: 'health port', patienceMs }, async (exchange) => {
    const { request, response, body, read, handedOver } = exchange;
    const sendIt = (made: Answer) => send(request, response, made, body, handedOver);
    try {
      const made = await answer(request, read, routes, options);
      if (made !== undefined) await sendIt(made);
    } catch (error) {
      log.failure(error, { path: pathOf(request) });
      if (response.headersSent) request.socket.destroy();
      else await sendIt({ status: 500, type: 'text/plain', body: 'internal error\n' });
    }
  });
}

interface Asked {
  readonly query: URLSearchParams;
  /** Whether this client may see what /status shows. */
  readonly admitted: () => Promise<boolean>;
  /** The body of a route that takes one. */
  readonly body: string;
}

interface Route extends RouteRules {
  readonly make: (asked: Asked) => Answer | Promise<Answer>;
}

type Routes = ReadonlyMap<string, Route>;

function createRoutes({ board, metrics, mask, repairs }: HealthOptions): Routes {
  const json = (status: number, value: unknown): Answer => ({
    status,
    type: 'application/json; charset=utf-8',
    body: `${maskedJson(value, mask)}\n`,
  });
  const readyz = async ({ admitted }: Asked) => {
    const readiness = board.readiness();
    if (readiness.ready) return json(200, readiness);
    return json(503, (await admitted()) ? readiness : codesOf(readiness));
  };
  const scrape = async (): Promise<Answer> => {
    metrics.ready(board.readiness().ready);
    return { status: 200, type: metrics.contentType, body: mask(await metrics.text()) };
  };
  const repair = ({ body }: Asked) => {
    const answered = answerRepair(body, repairs ?? (() => undefined));
    return json(answered.status, answered.body);
  };
  const summary = shared(async () => json(200, board.view()));
  const status = ({ query }: Asked) => {
    const feed = query.get('feed');
    if (feed === null) return summary();
    const view = board.view(feed);
    return view.feeds.length > 0 ? json(200, view) : plain(404, 'There is no such feed; /status names them.\n');
  };
  return new Map<string, Route>([
    ['/healthz', { guarded: false, make: () => json(200, { alive: true }) }],
    ['/readyz', { guarded: false, make: readyz }],
    ['/metrics', { guarded: true, make: shared(scrape) }],
    ['/status', { guarded: true, make: status }],
    ...(repairs
      ? ([[repairPath, { guarded: true, body: { maxBytes: LARGEST_REPAIR_BODY }, make: repair }]] as const)
      : []),
  ]);
}

/** For strangers: no names, no paths, nothing that JumpCloud or a broker said. */
function codesOf({ ready, reasons }: Readiness): unknown {
  return {
    ready,
    reasons: reasons.map((reason) => ({
      part: reason.part,
      ...('code' in reason && reason.code !== undefined ? { code: reason.code } : {}),
    })),
  };
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

/** Undefined: the client has left in the middle of its request. */
async function answer(
  request: IncomingMessage,
  read: RequestBody['read'],
  routes: Routes,
  { token, host }: Pick<HealthOptions, 'token' | 'host'>,
): Promise<Answer | undefined> {
  const route = routes.get(pathOf(request));
  if (route === undefined) return plain(404, `There are ${[...routes.keys()].join(', ')}.\n`);
  const head: RequestHead = { method: request.method ?? '', headers: request.headers };
  const port = async (): Promise<PortRules> => ({ host, token: await token() });
  const admitted = async () => judgeClient(head, await port()) === undefined;
  // The probes wait for no token, which may lie in a file.
  const refusal = judgeRequest(head, route, route.guarded ? await port() : { host, token: undefined });
  if (refusal !== undefined) return refused(refusal, route);
  const query = new URLSearchParams(request.url?.split('?')[1]);
  if (route.body === undefined) return route.make({ admitted, query, body: '' });
  const body = await read(route.body.maxBytes);
  if (body === 'cut') return undefined;
  if (body === 'too_large') return refused(bodyTooLarge(route.body.maxBytes), route);
  return route.make({ admitted, query, body: body.toString('utf8') });
}

/** In the form that the route's clients read. */
function refused({ status, error, cure, headers = {} }: Refusal, { body }: RouteRules): Answer {
  if (body === undefined) return plain(status, `${error} ${cure}\n`, headers);
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify({ error, cure })}\n`, headers };
}

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'text/plain; charset=utf-8', body, headers };
}

/** @param handedOver called when the answer is on its way: from then on the client is waited for */
async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body, headers }: Answer,
  rest: RequestBody,
  handedOver: () => void,
): Promise<void> {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // The connection could not go on behind a body that is not wanted.
    ...(hasBody || status >= 400 ? { connection: 'close' } : {}),
  });
  if (request.method === 'HEAD') response.flushHeaders();
  else response.write(body);
  handedOver();
  if (hasBody) await rest.drain(largestDrain);
  response.end();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

function cureOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'Collection goes on. Stop the other program or set http.port; it is tried again.';
  return 'Collection goes on. Set http.host and http.port; it is tried again.';
}
