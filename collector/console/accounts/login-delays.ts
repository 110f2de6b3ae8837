/** Failures that cost nothing: a person mistypes; behind one address there are many people. */
const FREE = { account: 3, address: 30 };
const FIRST_MS = 1_000;
const MOST_MS = 15 * 60_000;
/** A failure this long ago is forgotten. */
const FORGET_MS = 60 * 60_000;
const MOST_KEPT = 10_000;

/** Who tries to log in, and from where. */
export interface LoginSource {
  readonly account: string;
  readonly address: string;
}

/** Delays after wrong passwords, per account and per address, doubling. */
export interface LoginDelays {
  /**
   * Counts an attempt as failed until `succeeded` says otherwise, so that attempts at the same time count too.
   * @returns milliseconds until it may be made; 0: now, and it is counted
   */
  attempt(source: LoginSource): number;
  succeeded(source: LoginSource): void;
}

/** @param now milliseconds */
export function createLoginDelays(now: () => number): LoginDelays {
  const failures = new Map<string, { count: number; last: number }>();
  const keysOf = ({ account, address }: LoginSource) =>
    [
      [`account ${account.toLowerCase()}`, FREE.account],
      [`address ${address}`, FREE.address],
    ] as const;
  const known = (key: string) => {
    const found = failures.get(key);
    return found !== undefined && now() - found.last < FORGET_MS ? found : undefined;
  };
  const delayOf = ([key, free]: readonly [string, number]): number => {
    const { count, last } = known(key) ?? { count: 0, last: 0 };
    if (count < free) return 0;
    return Math.max(0, last + Math.min(MOST_MS, FIRST_MS * 2 ** (count - free)) - now());
  };
  return {
    attempt(source) {
      const keys = keysOf(source);
      const delay = Math.max(...keys.map(delayOf));
      if (delay > 0) return delay;
      for (const [key] of keys) {
        const count = (known(key)?.count ?? 0) + 1;
        failures.delete(key);
        failures.set(key, { count, last: now() });
        if (failures.size > MOST_KEPT) failures.delete(failures.keys().next().value!);
      }
      return 0;
    },
    succeeded(source) {
      for (const [key] of keysOf(source)) failures.delete(key);
    },
  };
}
