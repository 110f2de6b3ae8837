import { Duration } from 'luxon';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `60s`, `1h30m`, `90d` or an ISO 8601 duration without years and months (they have no fixed length); undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text.startsWith('P')) {
    const duration = Duration.fromISO(text);
    if (!duration.isValid || duration.years !== 0 || duration.months !== 0) return undefined;
    return within(duration.toMillis());
  }
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g))
    total += Number(amount) * units[unit!]!;
  return within(total);
}

/** More than a thousand years is a slip, and dates would overflow. */
function within(milliseconds: number): number | undefined {
  const whole = Math.round(milliseconds);
  return whole >= 0 && whole <= 366_000 * 86_400_000 ? whole : undefined;
}
