import { asCollectorError } from '../../errors.js';
import { type Timing, throwIfAborted, unlessAborted } from '../http/abort.js';
import { damaged, readObject } from '../http/json-body.js';
import type { Answer } from '../http/send-request.js';

/** A token counts as expired this long before it is: the request still has to travel. */
const SKEW_MS = 30_000;
/** From this share of its life on a token is renewed while it still works, so that a short outage of the endpoint does no harm. */
const EARLY = 0.8;
/** Where the endpoint does not say how long a token lives (README.md 2.2). */
const DEFAULT_LIFE_S = 3_600;

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Access tokens for a service account: OAuth 2 client credentials (RFC 6749 §4.4). */
export interface TokenStore {
  /** A token that is good for at least 30 more seconds. Callers at the same time share one request. */
  token(credentials: ClientCredentials, signal?: AbortSignal): Promise<string>;
  /** JumpCloud refused this token: the next call asks for another. */
  drop(token: string): void;
}

/** What the token endpoint is sent. Sends no other header and no organization. */
export interface TokenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Held {
  readonly token: string;
  readonly for: string;
  readonly renewAt: number;
  readonly endsAt: number;
  /** The end by the wall clock: the monotonic one may stand still while a machine is suspended. */
  readonly endsAtWall: number;
}

export interface Token {
  readonly token: string;
  /** Seconds from when it was asked for. */
  readonly lifeS: number;
}

/** @param request asks the token endpoint, with retries; rejects with CREDENTIAL_REFUSED where the secret is not accepted */
export function createTokenStore(
  request: (ask: TokenRequest, read: (answer: Answer) => Token) => Promise<Token>,
  timing: Timing,
): TokenStore {
  let held: Held | undefined;
  let renewing: { for: string; result: Promise<string> } | undefined;

  async function renew(credentials: ClientCredentials, identity: string): Promise<string> {
    const asked = timing.monotonic();
    const askedWall = timing.now();
    const { token, lifeS } = await request(tokenRequest(credentials), readToken);
    held = {
      token,
      for: identity,
      renewAt: asked + lifeS * 1000 * EARLY,
      endsAt: asked + lifeS * 1000 - SKEW_MS,
      endsAtWall: askedWall + lifeS * 1000 - SKEW_MS,
    };
    return token;
  }

  function shared(credentials: ClientCredentials, identity: string): Promise<string> {
    if (renewing?.for === identity) return renewing.result;
    const result = renew(credentials, identity).finally(() => {
      if (renewing?.result === result) renewing = undefined;
    });
    renewing = { for: identity, result };
    return result;
  }

  return {
    async token(credentials, signal) {
      throwIfAborted(signal);
      const identity = `${credentials.clientId}\n${credentials.clientSecret}`;
      const now = timing.monotonic();
      const usable = held?.for === identity && now < held.endsAt && timing.now() < held.endsAtWall ? held : undefined;
      if (usable !== undefined && now < usable.renewAt) return usable.token;
      try {
        return await unlessAborted(shared(credentials, identity), signal);
      } catch (error) {
        // Early renewal is a courtesy: the failure was observed, and the token in hand still works.
        if (usable !== undefined && asCollectorError(error).transient) return usable.token;
        throw error;
      }
    },
    drop(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

function tokenRequest({ clientId, clientSecret }: ClientCredentials): TokenRequest {
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
  return {
    headers: {
      authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    body: 'grant_type=client_credentials&scope=api',
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function readToken(answer: Answer): Token {
  const parsed = readObject(answer.body);
  const token = parsed.access_token;
  const type = parsed.token_type ?? 'bearer';
  const isBearer = typeof type === 'string' && type.toLowerCase() === 'bearer';
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || !isBearer)
    throw damaged('it holds no bearer token');
  // Of an object Number may throw: JSON can name its toString.
  const life = typeof parsed.expires_in === 'object' ? Number.NaN : Number(parsed.expires_in);
  return { token, lifeS: Number.isFinite(life) && life > 0 ? life : DEFAULT_LIFE_S };
}
