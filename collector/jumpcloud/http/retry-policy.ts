/** How long to wait between attempts. Milliseconds throughout. */
export interface RetryPolicy {
  /** Attempts for one request, the first included. */
  readonly attempts: number;
  /** Upper bound of the first wait; doubles with every attempt. */
  readonly baseMs: number;
  /** No bound grows beyond this. */
  readonly capMs: number;
  /** The longest Retry-After that is honoured in full. */
  readonly retryAfterCapMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 6, baseMs: 1_000, capMs: 30_000, retryAfterCapMs: 300_000 };

/**
 * Wait after a failed attempt: full jitter, i.e. anywhere in [0, base·2^(attempt-1)] up to the cap, on top of what the
 * server asked for.
 * @param attempt 1 after the first failure
 * @param random in [0, 1)
 * @param retryAfterMs what Retry-After asked for; undefined where it said nothing usable
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  random: number,
  retryAfterMs: number | undefined,
): number {
  const bound = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
  const asked = Math.min(retryAfterMs ?? 0, policy.retryAfterCapMs);
  return Math.round(asked + random * bound);
}

/**
 * Reads Retry-After: seconds or an HTTP date (RFC 9110 §10.2.3).
 * @param serverNow epoch milliseconds of the same answer's Date header, so that a wrong local clock does not matter
 * @returns milliseconds; undefined for zero, the past and anything unreadable
 */
export function readRetryAfter(header: string | undefined, serverNow: number): number | undefined {
  const text = header?.trim() ?? '';
  // A bare date-like number or "-5" must not reach Date.parse, which reads years into them.
  const ms = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : /^[A-Za-z]{3}/.test(text)
      ? Date.parse(text) - serverNow
      : Number.NaN;
  return ms > 0 ? ms : undefined;
}
