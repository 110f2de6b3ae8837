import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { JsonValue } from '../../mappings/json.js';
import { loadCompiled } from '../../schemas/validators.js';
import type { Log } from '../log/logger.js';
import { maskedJson } from '../log/redactor.js';
import { createBoundedServer, type Exchange } from '../server/bounded-server.js';
import type { Sessions } from './accounts/sessions.js';
import type { Tokens } from './accounts/tokens.js';
import type { Users } from './accounts/users.js';
import type { AuditRecord } from './activity-event.js';
import type { ApiToken } from './answers.js';
import { type Assets, assetFor } from './assets.js';
import type { Audit } from './audit.js';
import {
  type Credential,
  credentialOf,
  type Head,
  judgeBody,
  judgeHost,
  judgeSender,
  LARGEST_BODY,
  mayDo,
  notFound,
  notLoggedIn,
  plainPath,
  proofMatches,
  type Reach,
  tooLarge,
} from './gate.js';
import { type Answer, type Asked, type AuditNote, callerOf, type Handlers, type Principal } from './handler.js';
import { asRefused, Refused, refused } from './problem.js';
import type { RateLimit } from './rate.js';
import { API, BACKGROUND_HEADER, type OperationId, ROUTES, type Route } from './routes.js';

export interface ConsoleServerOptions {
  readonly handlers: Handlers;
  readonly reach: () => Reach;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly rate: RateLimit;
  readonly audit: Audit;
  readonly assets: Assets;
  /** `console.manage` */
  readonly manage: boolean;
  /** True: HSTS makes browsers use TLS only. */
  readonly secure: boolean;
  readonly log: Log;
  readonly mask: (text: string) => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told of each login. */
  readonly loggedIn: (user: string) => void;
}

/** Milliseconds after which a client that has not sent its request, or not taken its answer, is cut off. */
const PATIENCE_MS = 5_000;
/** The same while an answer is made: a test, a query. */
const ANSWER_MS = 120_000;
const COMPRESS_FROM = 1_400;

const compress = promisify(brotliCompress);

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** One request on its way through the gate. */
interface Bindings {
  readonly exchange: Exchange;
  readonly head: Head;
}

/** The console's listener, not listening yet. */
export function createConsoleServer(options: ConsoleServerOptions): Server {
  const { log, tls } = options;
  const app = createApp(options);
  const bindings = new WeakMap<IncomingMessage, Bindings>();
  const listener = getRequestListener(
    (request, { incoming }) => app.fetch(request, bindings.get(incoming as IncomingMessage)),
    { overrideGlobalObjects: false, autoCleanupIncoming: false },
  );
  return createBoundedServer({ log, title: 'console', patienceMs: PATIENCE_MS, tls }, async (exchange) => {
    const { request, response } = exchange;
    const head = headOf(request);
    const refusal = judgeHost(head, options.reach()) ?? (plainPath(head.url) === undefined ? notFound() : undefined);
    if (refusal !== undefined) {
      // Not by way of the router, which makes an address of what was sent.
      const { status, headers, body } = written(refusal, options);
      response.writeHead(status, { ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
      return;
    }
    bindings.set(request, { exchange, head });
    response.on('close', () => request.socket.setTimeout(PATIENCE_MS));
    await listener(request, response);
  });
}

function headOf(request: IncomingMessage): Head {
  const headers: Record<string, string[]> = {};
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!.toLowerCase();
    headers[name] = [...(headers[name] ?? []), request.rawHeaders[at + 1]!];
  }
  return { method: request.method ?? '', url: request.url ?? '', headers };
}

function createApp(options: ConsoleServerOptions): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  const routes = Object.entries<Route>(ROUTES);
  const placeOf = ({ path }: Route) => `${API}${path.replace(/\{(\w+)\}/g, ':$1')}`;
  for (const [operation, route] of routes)
    app.on(route.method, placeOf(route), (context) =>
      answer(operation as OperationId, route, context.req.param() as Record<string, string>, context.env, options),
    );
  for (const place of new Set(routes.map(([, route]) => placeOf(route)))) {
    const allowed = routes.flatMap(([, route]) => (placeOf(route) === place ? [route.method] : [])).join(', ');
    app.all(place, () => responseOf(wrongMethod(allowed), options));
  }
  app.notFound(({ env }) => page(env, options));
  app.onError((error) => {
    options.log.failure(error);
    return responseOf(asRefused(error), options);
  });
  return app;
}

function wrongMethod(allowed: string): Refused {
  const refusal = refused(405, 'METHOD', 'The method is not allowed here.', `Use ${allowed}.`);
  return Object.assign(refusal, { headers: { allow: allowed } });
}

/** A file of the pages. They hold nothing of anybody, so that they need no login. */
function page({ head }: Bindings, options: ConsoleServerOptions): Response {
  const path = plainPath(head.url);
  const isApi = path === undefined || path === API || path.startsWith(`${API}/`);
  const asset = isApi ? undefined : assetFor(options.assets, path, head.headers.accept?.[0] ?? '');
  if (asset === undefined) return responseOf(notFound(), options);
  if (head.method !== 'GET' && head.method !== 'HEAD') return responseOf(wrongMethod('GET, HEAD'), options);
  const accepted = (head.headers['accept-encoding']?.[0] ?? '').split(',').map((one) => one.split(';', 1)[0]!.trim());
  const encoding = ['br', 'gzip'].find((one) => accepted.includes(one) && asset.packed.has(one));
  const body = encoding === undefined ? asset.plain : asset.packed.get(encoding)!;
  return new Response(head.method === 'HEAD' ? null : new Uint8Array(body), {
    headers: {
      ...common(options),
      'content-type': asset.type,
      'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding, accept',
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    },
  });
}

/** One request of the API: gate, handler, audit, answer. */
async function answer(
  operation: OperationId,
  route: Route,
  parameters: Record<string, string>,
  { exchange, head }: Bindings,
  options: ConsoleServerOptions,
): Promise<Response> {
  const { audit, now } = options;
  const id = `r_${randomBytes(8).toString('hex')}`;
  const note: AuditNote = { details: {} };
  const address = addressOf(exchange);
  const left = new AbortController();
  exchange.response.on('close', () => left.abort());
  let principal: Principal | undefined;
  let outcome: Answer | Refused;
  try {
    principal = await identify(route, head, options);
    admit(principal, route, address, note, options);
    exchange.request.socket.setTimeout(ANSWER_MS);
    const body = route.body === undefined ? undefined : await bodyOf(route.body, exchange);
    const asked: Asked = {
      principal,
      parameters,
      query: new URLSearchParams(head.url.split('?').slice(1).join('?')),
      body,
      ifMatch: head.headers['if-match']?.[0],
      ifNoneMatch: head.headers['if-none-match']?.[0],
      address,
      signal: left.signal,
      audit: note,
    };
    const handler = options.handlers[operation] as (asked: Asked) => Promise<Answer>;
    outcome = await handler(asked);
    if (operation === 'login') options.loggedIn(note.actor ?? '');
  } catch (error) {
    const refusal = asRefused(error);
    if (refusal.problem.status >= 500) options.log.failure(error, { request: id });
    outcome = refusal;
  }
  const status = outcome instanceof Refused ? outcome.problem.status : (outcome.status ?? route.success[0]!);
  const isChange = route.method !== 'GET';
  // Who is nobody yet fills no disk: of a request without credential only a login is written down.
  const isKnown = principal !== undefined || (operation === 'login' && status !== 429 && status !== 422);
  if (isChange && isKnown && note.isRepeated !== true) {
    const record: AuditRecord = {
      time: new Date(now()).toISOString(),
      actor: {
        name: principal?.name ?? note.actor ?? 'nobody',
        role: principal?.role ?? 'none',
        kind: principal?.kind ?? 'none',
      },
      session: principal?.session?.uid,
      address,
      operation,
      method: route.method,
      path: plainPath(head.url) ?? '/',
      target: note.target,
      status,
      code: outcome instanceof Refused ? outcome.problem.code : undefined,
      request: id,
      changes: [...(note.changes ?? [])],
      details: note.details,
    };
    try {
      await audit.write(record);
    } catch (error) {
      options.log.failure(error, { request: id });
      const failed = asRefused(error).problem;
      outcome = refused(
        503,
        'AUDIT_FAILED',
        `What was done (${operation}, ${status}) could not be written to the audit: ${failed.detail}`,
        failed.cure,
      );
    }
  }
  const response =
    outcome instanceof Refused
      ? responseOf(outcome, options)
      : await answered(outcome, status, head, left.signal, options);
  response.headers.set('x-request-id', id);
  return response;
}

/** Who asks, by a request that the gate lets pass as far as that; undefined: a login. @throws Refused */
async function identify(route: Route, head: Head, options: ConsoleServerOptions): Promise<Principal | undefined> {
  judgeBody(head, route);
  const credential = credentialOf(head);
  const foreign = judgeSender(head, credential, options.reach());
  const principal = route.role === 'none' ? undefined : await principalOf(credential, foreign, head, options);
  if (foreign !== undefined) throw foreign;
  return principal;
}

/** Whether it may do that, and now. @throws Refused */
function admit(
  principal: Principal | undefined,
  route: Route,
  address: string,
  note: AuditNote,
  { manage, rate }: ConsoleServerOptions,
): void {
  const { waitMs, isFirst } = rate.take(principal === undefined ? `address ${address}` : callerOf({ principal }));
  if (waitMs > 0) {
    note.isRepeated = !isFirst;
    const seconds = Math.ceil(waitMs / 1000);
    throw refused(429, 'RATE', 'There were too many requests.', `Try again in ${seconds} s.`, { retryAfter: seconds });
  }
  if (principal !== undefined && !mayDo(principal.role, route))
    throw refused(
      403,
      'ROLE',
      `This needs the role ${route.role}; yours is ${principal.role}.`,
      'Ask an administrator.',
    );
  if (principal?.token !== undefined && route.tokens !== undefined) judgeToken(principal.token, route.tokens);
  if (route.manages === true && !manage)
    throw refused(
      403,
      'READ_ONLY',
      'This console changes nothing (console.manage is false).',
      'Change the files, or use the commands.',
    );
}

/** Response takes API tokens by their verbs, and approvals from persons alone. @throws Refused */
function judgeToken({ verbs }: ApiToken, tokens: 'verbs' | 'never'): void {
  if (tokens === 'never')
    throw refused(403, 'PERSON', 'A token cannot approve.', 'Log in as a person who did not request the action.');
  if (verbs.length === 0)
    throw refused(403, 'VERB', 'The token holds no verb of response.', 'Make a token with the verbs that it needs.');
}

async function principalOf(
  credential: Credential,
  foreign: Refused | undefined,
  head: Head,
  { tokens, sessions, users }: ConsoleServerOptions,
): Promise<Principal> {
  if (credential.kind === 'none') throw notLoggedIn('This needs a login.');
  if (credential.kind === 'token') {
    const token = tokens.use(credential.token);
    if (token === undefined) throw notLoggedIn('The token is unknown, or its time is over.');
    return { name: token.name, role: token.role, kind: 'token', session: undefined, token };
  }
  const session = sessions.find(credential.session);
  if (session === undefined) throw notLoggedIn('The session is over.');
  if (foreign !== undefined) throw foreign;
  // Cookies are shared by all ports of an address; what a page of this console holds is not.
  if (!proofMatches(credential.proof, session.proof)) throw notLoggedIn('The proof of the session is missing.');
  // A command may have removed the user, or changed the role, in another process.
  const user = await users.find(session.user);
  if (user?.role !== session.role) {
    sessions.end(session);
    throw notLoggedIn('The session is over.');
  }
  if (head.headers[BACKGROUND_HEADER] === undefined) sessions.touch(session);
  return { name: session.user, role: session.role, kind: 'session', session, token: undefined };
}

/** The body, held to its schema. @throws Refused */
async function bodyOf(name: string, exchange: Exchange): Promise<unknown> {
  const bytes = await exchange.read(LARGEST_BODY);
  if (bytes === 'too_large') throw tooLarge();
  if (bytes === 'cut') throw refused(400, 'BODY', 'The body was cut short.', 'Send it whole.');
  let value: JsonValue;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    throw refused(400, 'BODY', 'The body is not JSON.', 'Send JSON in UTF-8.');
  }
  const validator = loadCompiled('console')[name]!;
  if (validator(value)) return value;
  const problems = (validator.errors ?? [])
    .filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf')
    .map(({ instancePath, keyword, params, message }) => ({
      pointer: keyword === 'required' ? `${instancePath}/${String(params.missingProperty)}` : instancePath,
      message:
        keyword === 'additionalProperties'
          ? `must not have ${String(params.additionalProperty)}`
          : (message ?? keyword),
    }));
  throw refused(422, 'BODY', 'The body is not what this operation takes.', 'Correct what is named.', { problems });
}

/** Of the connection: what a proxy says is not believed. */
function addressOf({ request }: Exchange): string {
  return (request.socket.remoteAddress ?? '0.0.0.0').replace(/^::ffff:/, '');
}

function common({ secure }: ConsoleServerOptions): Record<string, string> {
  return { ...HEADERS, ...(secure ? { 'strict-transport-security': 'max-age=31536000' } : {}) };
}

async function answered(
  { json, lines, text, type, headers = {}, showsSecret }: Answer,
  status: number,
  head: Head,
  signal: AbortSignal,
  options: ConsoleServerOptions,
): Promise<Response> {
  const mask = showsSecret === true ? (shown: string) => shown : options.mask;
  const given = { ...common(options), 'cache-control': 'no-store', ...headers };
  if (lines !== undefined)
    return new Response(
      streamOf(lines, (line) => `${maskedJson(line, mask)}\n`, signal, options),
      {
        status,
        headers: { ...given, 'content-type': 'application/x-ndjson; charset=utf-8' },
      },
    );
  if (text !== undefined) {
    const body = typeof text === 'string' ? mask(text) : streamOf(text, mask, signal, options);
    return new Response(body, { status, headers: { ...given, 'content-type': type ?? 'text/plain; charset=utf-8' } });
  }
  if (json === undefined) return new Response(null, { status, headers: given });
  const body = maskedJson(json, mask);
  const isList = head.method === 'GET' && headers.etag === undefined && showsSecret !== true;
  const etag = isList ? `W/"${await digestOf(body)}"` : undefined;
  const tagged = etag === undefined ? given : { ...given, etag };
  if (etag !== undefined && head.headers['if-none-match']?.[0] === etag)
    return new Response(null, { status: 304, headers: tagged });
  const packs =
    showsSecret !== true && body.length > COMPRESS_FROM && /\bbr\b/.test(head.headers['accept-encoding']?.[0] ?? '');
  const packed = packs ? await compress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }) : undefined;
  return new Response(packed === undefined ? body : new Uint8Array(packed), {
    status,
    headers: {
      ...tagged,
      'content-type': 'application/json; charset=utf-8',
      vary: 'accept-encoding',
      ...(packed === undefined ? {} : { 'content-encoding': 'br' }),
    },
  });
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Buffer.from(digest).toString('hex').slice(0, 32);
}

/** Sends pieces as they come; a client that leaves ends the making of them. */
function streamOf<T>(
  pieces: AsyncIterable<T>,
  write: (piece: T) => string,
  signal: AbortSignal,
  { log }: ConsoleServerOptions,
): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  signal.addEventListener('abort', () => void iterator.return?.(undefined).catch(() => undefined), { once: true });
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(write(value)));
      } catch (error) {
        log.failure(error);
        controller.error(error);
      }
    },
    async cancel() {
      await iterator.return?.(undefined);
    },
  });
}

function written(
  refusal: Refused,
  options: ConsoleServerOptions,
): { status: number; headers: Record<string, string>; body: string } {
  const { problem, headers } = refusal;
  return {
    status: problem.status,
    headers: {
      ...common(options),
      'cache-control': 'no-store',
      'content-type': 'application/problem+json; charset=utf-8',
      ...(problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }),
      ...headers,
    },
    body: maskedJson(problem, options.mask),
  };
}

function responseOf(refusal: Refused, options: ConsoleServerOptions): Response {
  const { status, headers, body } = written(refusal, options);
  return new Response(body, { status, headers });
}

/** The port that a server listens on; undefined: it does not. */
export function portOf(server: Server): number | undefined {
  return server.listening ? (server.address() as AddressInfo).port : undefined;
}
