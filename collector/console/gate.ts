import { timingSafeEqual } from 'node:crypto';
import type { Role } from './answers.js';
import { type Refused, refused } from './problem.js';
import { API, PROOF_HEADER, type Route } from './routes.js';

/** What a request shows before its body. */
export interface Head {
  readonly method: string;
  /** As in the request line. */
  readonly url: string;
  /** Names in lower case; several headers of one name stay several. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** How the console is reached. */
export interface Reach {
  /** Values of Host that are this console: `127.0.0.1:9465`, lower case. */
  readonly hosts: ReadonlySet<string>;
  /** Values of Origin that are this console. */
  readonly origins: ReadonlySet<string>;
}

/** Bytes of a body at most. */
export const LARGEST_BODY = 64 * 1024;

export const COOKIE = '__Host-jo';

/** 1. The host: a page of another site whose name was bound to this address still sends that name. */
export function judgeHost({ headers, url }: Head, { hosts }: Reach): Refused | undefined {
  const given = headers.host ?? [];
  if (given.length !== 1 || !url.startsWith('/'))
    return refused(
      400,
      'HOST',
      'The request does not name one host.',
      'Send one Host header and a path in the request line.',
    );
  if (hosts.has(given[0]!.toLowerCase())) return undefined;
  return refused(
    421,
    'HOST',
    'The Host header names another machine.',
    'Ask by the address that the console prints at start, or set console.publicUrl.',
  );
}

/** The path of a request where it is one that can be looked up as it stands: no escapes of separators, no empty or dot segments. */
export function plainPath(url: string): string | undefined {
  const path = url.split('?', 1)[0]!;
  if (!/^[\x21-\x7e]+$/.test(path) || /\/\/|[\\;]|%2f|%5c|%00|%2e/i.test(path)) return undefined;
  return /\/\.{1,2}(?:\/|$)/.test(path) ? undefined : path;
}

/** 2. What a request says of its body, by the route that it asks for. */
export function judgeBody({ headers }: Head, { body }: Route): void {
  const length = Number(headers['content-length']?.[0] ?? 0);
  const chunked = headers['transfer-encoding'] !== undefined;
  if (body === undefined) {
    if (length > 0 || chunked) throw refused(400, 'BODY', 'This operation takes no body.', 'Send none.');
    return;
  }
  if (!/^application\/json *(?:;|$)/i.test(headers['content-type']?.[0] ?? ''))
    throw refused(415, 'CONTENT_TYPE', 'The body must be JSON.', 'Send it with content-type: application/json.');
  if (headers['content-encoding'] !== undefined)
    throw refused(415, 'CONTENT_TYPE', 'The body must not be compressed.', 'Send it as it is.');
  if (length > LARGEST_BODY) throw tooLarge();
}

export function tooLarge(): Refused {
  return refused(
    413,
    'TOO_LARGE',
    `The body is larger than ${LARGEST_BODY} bytes.`,
    `Send at most ${LARGEST_BODY} bytes.`,
  );
}

export function notFound(): Refused {
  return refused(404, 'NOT_FOUND', 'There is nothing here.', `See ${API}/openapi.json for what there is.`);
}

/** 3. What a request presents: one credential, in a header, never in the address. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'cookie'; readonly session: string; readonly proof: string | undefined };

export function credentialOf({ headers }: Head): Credential {
  const bearer = headers.authorization ?? [];
  const cookies = (headers.cookie ?? [])
    .flatMap((header) => header.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${COOKIE}=`))
    .map((pair) => pair.slice(COOKIE.length + 1));
  if (bearer.length + cookies.length > 1)
    throw refused(400, 'CREDENTIAL', 'The request presents more than one credential.', 'Send one.');
  if (bearer.length === 1) {
    const token = /^Bearer +(jo_[A-Za-z0-9_-]+)$/i.exec(bearer[0]!)?.[1];
    if (token === undefined) throw notLoggedIn('That is no token of this console.');
    return { kind: 'token', token };
  }
  if (cookies.length === 0) return { kind: 'none' };
  return { kind: 'cookie', session: cookies[0]!, proof: headers[PROOF_HEADER]?.[0] };
}

export function notLoggedIn(detail: string): Refused {
  const refusal = refused(401, 'NOT_LOGGED_IN', detail, 'Log in, or send an API token as a bearer token.');
  return Object.assign(refusal, { headers: { 'www-authenticate': 'Bearer realm="jumpcloud-ocsf"' } });
}

/**
 * 4. Where the request was made: what changes something comes from a page of the console or from a program. A browser says
 * so by Origin and Sec-Fetch-Site; a program with a token has neither.
 */
export function judgeSender(head: Head, { kind }: Credential, { origins }: Reach): Refused | undefined {
  const origin = head.headers.origin?.[0];
  const site = head.headers['sec-fetch-site']?.[0];
  const isSafe = head.method === 'GET';
  const foreign = refused(
    403,
    'ORIGIN',
    'The request comes from a page that is not the console’s.',
    'Open the console by its own address.',
  );
  if (origin !== undefined && !origins.has(origin)) return foreign;
  if (site !== undefined && site !== 'same-origin' && !(isSafe && site === 'none')) return foreign;
  if (kind === 'cookie' && !isSafe && origin === undefined) return foreign;
  return undefined;
}

/** 5. The proof that a page of this console sends the cookie: cookies are shared by all ports of an address. */
export function proofMatches(given: string | undefined, proof: string): boolean {
  const [one, other] = [Buffer.from(given ?? ''), Buffer.from(proof)];
  return one.length === other.length && timingSafeEqual(one, other);
}

const RANKS: readonly Role[] = ['viewer', 'analyst', 'operator', 'admin'];

/** 6. Whether a role may do what a route asks for. */
export function mayDo(role: Role, { role: least }: Pick<Route, 'role'>): boolean {
  return least === 'none' || least === 'anyone' || RANKS.indexOf(role) >= RANKS.indexOf(least);
}
