/** Requests that one client may send, on average and at once. */
const PER_SECOND = 50;
const BURST = 200;
/** Clients that are remembered; more are those who came longest ago. */
const MOST = 10_000;

/** Limits how often each client may ask. */
export interface RateLimit {
  /**
   * `waitMs`: until the client may ask again; 0: it may, and has now. `isFirst`: of the refusals in a row, so that what is
   * written down of them does not grow with them.
   */
  take(client: string): { readonly waitMs: number; readonly isFirst: boolean };
}

/** @param now milliseconds that never run backwards */
export function createRateLimit(now: () => number, perSecond = PER_SECOND, burst = BURST): RateLimit {
  const buckets = new Map<string, { left: number; at: number; refused: boolean }>();
  return {
    take(client) {
      const at = now();
      const bucket = buckets.get(client) ?? { left: burst, at, refused: false };
      bucket.left = Math.min(burst, bucket.left + ((at - bucket.at) * perSecond) / 1000);
      bucket.at = at;
      buckets.delete(client);
      buckets.set(client, bucket);
      if (buckets.size > MOST) buckets.delete(buckets.keys().next().value!);
      const isFirst = !bucket.refused;
      bucket.refused = bucket.left < 1;
      if (bucket.refused) return { waitMs: Math.ceil(((1 - bucket.left) * 1000) / perSecond), isFirst };
      bucket.left -= 1;
      return { waitMs: 0, isFirst };
    },
  };
}
