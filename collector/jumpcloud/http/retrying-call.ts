import type { CollectorError } from '../../errors.js';
import type { Authorization, Credential } from '../auth/credential.js';
import type { Timing } from './abort.js';
import { type Circumstances, failureOfException, failureOfStatus } from './error-table.js';
import type { ClientObserver, Purpose } from './observer.js';
import type { RateLimiter } from './rate-limiter.js';
import { type RetryPolicy, readRetryAfter, retryDelay } from './retry-policy.js';
import type { Answer, Request, SendRequest } from './send-request.js';

/** What a call needs of a credential: leave to ask, headers, and somebody to tell how they fared. */
export type Authorizer = Pick<Credential, 'ready' | 'authorize' | 'accepted' | 'refused'>;

/** A request that is repeated as the error table and the credential say. */
export interface Ask<T> {
  readonly purpose: Purpose;
  readonly request: Request;
  /** Turns a 200 into the result; what it throws counts as a failed attempt. */
  readonly read: (answer: Answer) => T;
  /** Absent for the token endpoint, whose request carries its own. */
  readonly credential?: Authorizer;
  /** Where the operator puts the credential, and what must not be quoted. */
  readonly where: string;
  readonly secrets: () => readonly string[];
}

/** @throws CollectorError when the attempts are used up, or at once where repeating is of no use */
export type Call = <T>(ask: Ask<T>, signal?: AbortSignal) => Promise<T>;

/** How often one request may be repeated at once, with another header, token or key, after a 401. */
const REPEATS = 3;

type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'repeat' }
  | { readonly kind: 'failed'; readonly failure: CollectorError; readonly retryAfterMs: number | undefined };

interface Wait {
  readonly waitMs: number;
  readonly attempt: number;
  readonly attempts: number;
  readonly asked: boolean;
}

export interface CallOptions {
  readonly sendRequest: SendRequest;
  readonly limiter: RateLimiter;
  readonly policy: RetryPolicy;
  readonly observer: ClientObserver;
  readonly timing: Timing;
}

export function createCall({ sendRequest, limiter, policy, observer, timing }: CallOptions): Call {
  return async (ask, signal) => {
    let failed = 0;
    let repeats = 0;
    for (;;) {
      await ask.credential?.ready(signal);
      const permit = await limiter.acquire(signal);
      try {
        const outcome = await once(ask, repeats < REPEATS, signal);
        if (outcome.kind === 'done') return outcome.value;
        if (outcome.kind === 'repeat') {
          repeats += 1;
          continue;
        }
        failed += 1;
        const { failure, retryAfterMs } = outcome;
        if (!failure.transient) throw failure;
        const waitMs = retryDelay(policy, failed, timing.random(), retryAfterMs);
        // The wait binds whoever asks next, also when this caller has had enough.
        permit.release(waitMs);
        if (failed >= policy.attempts) throw failure;
        tellRetry(ask, failure, {
          waitMs,
          attempt: failed,
          attempts: policy.attempts,
          asked: retryAfterMs !== undefined,
        });
      } finally {
        permit.release();
      }
    }
  };

  async function once<T>(ask: Ask<T>, mayRepeat: boolean, signal: AbortSignal | undefined): Promise<Outcome<T>> {
    let started: number | undefined;
    let authorization: Authorization | undefined;
    let answer: Answer | undefined;
    let failure: CollectorError;
    try {
      authorization = await ask.credential?.authorize(signal);
      started = timing.monotonic();
      answer = await sendRequest(withHeaders(ask.request, authorization), signal);
      if (answer.status === 200) {
        const value = ask.read(answer);
        if (authorization !== undefined) ask.credential?.accepted(authorization);
        tell(ask, started, answer);
        return { kind: 'done', value };
      }
      failure = failureOfStatus(describeAnswer(answer), circumstancesOf(ask));
    } catch (error) {
      failure = failureOfException(error, circumstancesOf(ask));
    }
    if (started !== undefined) tell(ask, started, answer, failure);
    if (answer?.status === 401 && failure.code === 'CREDENTIAL_REFUSED' && authorization !== undefined) {
      if ((await ask.credential?.refused(authorization)) === 'again' && mayRepeat) return { kind: 'repeat' };
    }
    const retryAfter = answer?.headers['retry-after'];
    const retryAfterMs = readRetryAfter(retryAfter, answer?.serverDate ?? timing.now());
    return { kind: 'failed', failure, retryAfterMs };
  }

  function tell(ask: Ask<unknown>, started: number, answer: Answer | undefined, failure?: CollectorError): void {
    observer.onRequest?.({
      purpose: ask.purpose,
      path: new URL(ask.request.url).pathname,
      status: answer?.status,
      code: failure?.code,
      ms: timing.monotonic() - started,
      bytes: answer?.body.length ?? 0,
      requestId: answer?.requestId,
      encoding: answer?.headers['content-encoding'],
    });
  }

  function tellRetry(ask: Ask<unknown>, { code, detail }: CollectorError, wait: Wait): void {
    observer.onRetry?.({ purpose: ask.purpose, code, detail, ...wait });
  }
}

function withHeaders(request: Request, authorization: Authorization | undefined): Request {
  return { ...request, headers: { ...request.headers, ...authorization?.headers } };
}

function circumstancesOf(ask: Ask<unknown>): Circumstances {
  return {
    purpose: ask.purpose,
    host: new URL(ask.request.url).host,
    where: ask.where,
    organizationNamed: 'x-org-id' in ask.request.headers,
    secrets: ask.secrets(),
  };
}

function isJsonObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    return JSON.parse(text) !== null;
  } catch {
    return false;
  }
}

/** An answer as the error table looks at it. */
export function describeAnswer({ status, headers, body }: Answer): Parameters<typeof failureOfStatus>[0] {
  const text = body.toString('utf8');
  const html = (headers['content-type'] ?? '').includes('html') || /^\s*</.test(text);
  return { status, body: text, html, json: isJsonObject(text), location: headers.location };
}
