import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../jumpcloud/http/endpoints.js';

/** What a request shows before its body. A gate looks at nothing else. */
export interface RequestHead {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** The port that a request reached. */
export interface PortRules {
  /** Address that it listens on, as in `http.host`; 0.0.0.0 and :: are every address of the machine. */
  readonly host: string;
  /** Bearer token of guarded routes; undefined: none is configured. */
  readonly token: string | undefined;
}

/** What a route takes. */
export interface RouteRules {
  /** True: for clients that hold the token; without a token, for programs that name this machine as the host. */
  readonly guarded: boolean;
  /** A JSON body: the route is asked by POST and changes something. Absent: GET and HEAD, and a body is ignored. */
  readonly body?: { readonly maxBytes: number };
}

/** Why a request is not served. */
export interface Refusal {
  readonly status: 401 | 403 | 405 | 413 | 415 | 421;
  readonly error: string;
  readonly cure: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const EVERY_INTERFACE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Judges a request by its head alone, so that no body is read for a client that may not ask. Undefined: it may. */
export function judgeRequest(head: RequestHead, route: RouteRules, port: PortRules): Refusal | undefined {
  return (
    judgeMethod(head, route) ??
    (route.guarded ? judgeClient(head, port) : undefined) ??
    (route.body === undefined ? undefined : (judgeSender(head, port) ?? judgeBody(head, route.body)))
  );
}

/**
 * Judges who asks: by the token where there is one. Without one, every program on the machine may ask, and no web page:
 * a page whose name was rebound to this address still sends that name as Host.
 */
export function judgeClient({ headers }: RequestHead, { host, token }: PortRules): Refusal | undefined {
  if (token !== undefined && !bearerMatches(headers.authorization, token))
    return {
      status: 401,
      error: 'A token is needed.',
      cure: 'Send the token of http.token as a bearer token.',
      headers: { 'www-authenticate': 'Bearer realm="jumpcloud-ocsf"' },
    };
  if (token === undefined && !namesThisMachine(headers.host, host))
    return {
      status: 421,
      error: 'The Host header names another machine.',
      cure: 'Ask localhost or the address of http.host; for other names set http.token and send it as a bearer token.',
    };
  if (headers['sec-fetch-site'] === 'cross-site') return notForPages();
  return undefined;
}

function judgeMethod({ method }: RequestHead, { body }: RouteRules): Refusal | undefined {
  const methods = body === undefined ? ['GET', 'HEAD'] : ['POST'];
  if (methods.includes(method)) return undefined;
  return {
    status: 405,
    error: 'The method is not allowed.',
    cure: `Use ${methods.join(' or ')}.`,
    headers: { allow: methods.join(', ') },
  };
}

/** Who may read without a token need not be one who may change something, and a page never is. */
function judgeSender({ headers }: RequestHead, { host, token }: PortRules): Refusal | undefined {
  if (token === undefined && !isLoopbackAddress(host))
    return { status: 403, error: 'Without a token this is for the local machine alone.', cure: 'Set http.token.' };
  return headers.origin === undefined ? undefined : notForPages();
}

function judgeBody({ headers }: RequestHead, { maxBytes }: { readonly maxBytes: number }): Refusal | undefined {
  if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? ''))
    return { status: 415, error: 'The body must be JSON.', cure: 'Send it with content-type: application/json.' };
  return Number(headers['content-length'] ?? 0) > maxBytes ? bodyTooLarge(maxBytes) : undefined;
}

/** Of a body that turns out too large only while it is read: one without Content-Length. */
export function bodyTooLarge(maxBytes: number): Refusal {
  return { status: 413, error: `The body is larger than ${maxBytes} bytes.`, cure: `Send at most ${maxBytes} bytes.` };
}

function notForPages(): Refusal {
  return { status: 403, error: 'This is not for web pages.', cure: 'Ask with a program, such as curl.' };
}

/** Whether only this machine reaches a listener on this address (`http.host`). */
export function isLoopbackAddress(host: string): boolean {
  return isLoopback(inUrl(host));
}

/** A rebound name is a name: on a listener for every interface any literal address is one of the machine's own. */
function namesThisMachine(header: string | undefined, host: string): boolean {
  const name = /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/.exec((header ?? '').toLowerCase())?.[1];
  if (name === undefined) return false;
  if (isLoopback(name)) return true;
  if (EVERY_INTERFACE.has(host)) return isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  return name === inUrl(host);
}

/** An address as URLs and Host headers write it: IPv6 in brackets and without its zone. */
function inUrl(host: string): string {
  const address = host.toLowerCase().replace(/%.*$/, '');
  return isIP(address) === 6 ? `[${address}]` : address;
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function bearerMatches(header: string | undefined, token: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(header ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
