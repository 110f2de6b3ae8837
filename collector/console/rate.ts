/** Requests that one client may send, on average and at once. */
const PER_SECOND = 50;
const BURST = 200;
/** Clients that are remembered; more are those who came longest ago. */
const MOST = 10_000;

/** Limits how often each client may ask. */
export interface RateLimit {
  /** Milliseconds until the client may ask again; 0: it may, and has now. */
  take(client: string): number;
}

/** @param now milliseconds that never run backwards */
export function createRateLimit(now: () => number, perSecond = PER_SECOND, burst = BURST): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(client) {
      const at = now();
      const bucket = buckets.get(client) ?? { left: burst, at };
      bucket.left = Math.min(burst, bucket.left + ((at - bucket.at) * perSecond) / 1000);
      bucket.at = at;
      buckets.delete(client);
      buckets.set(client, bucket);
      if (buckets.size > MOST) buckets.delete(buckets.keys().next().value!);
      if (bucket.left < 1) return Math.ceil(((1 - bucket.left) * 1000) / perSecond);
      bucket.left -= 1;
      return 0;
    },
  };
}
