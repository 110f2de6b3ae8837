/**
 * A point in time as nanoseconds since 1970-01-01T00:00:00Z. JumpCloud writes 0 to 9 fractional digits
 * (reference: Directory Insights records of the services directory, radius, sso and mdm), which a
 * JavaScript Date cannot hold and which do not sort as text (`42Z` sorts after `42.5Z`).
 */
export type Instant = bigint;

const NANOS = 1_000_000_000n;
const FORM = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):?(\d{2}))$/;

/** Reads an RFC 3339 date-time with 0 to 9 fractional digits; `undefined` for anything else, also for 31 February. */
export function parseInstant(text: unknown): Instant | undefined {
  if (typeof text !== 'string') return undefined;
  const found = FORM.exec(text);
  if (!found) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = found;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  // A leap second is the second after it, as POSIX time has it.
  const seconds =
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (Number(year) < 100 || date.getUTCMonth() + 1 !== Number(month) || date.getUTCDate() !== Number(day))
    return undefined;
  let shift = 0;
  if (sign !== undefined) {
    if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
    shift = (Number(offsetHours) * 3600 + Number(offsetMinutes) * 60) * (sign === '-' ? -1 : 1);
  }
  return BigInt(seconds - shift) * NANOS + BigInt((fraction ?? '').padEnd(9, '0'));
}

/** Prints with as many fractional digits as the instant has (none for a whole second). */
export function formatInstant(instant: Instant): string {
  const seconds = floorToSecond(instant);
  const fraction = (instant - BigInt(seconds) * NANOS).toString().padStart(9, '0').replace(/0+$/, '');
  return formatSecond(seconds).replace('Z', fraction === '' ? 'Z' : `.${fraction}Z`);
}

/** Whole seconds since the epoch, rounded towards the past. */
export function floorToSecond(instant: Instant): number {
  const quotient = instant / NANOS;
  return Number(instant < 0n && quotient * NANOS !== instant ? quotient - 1n : quotient);
}

/** Whole milliseconds since the epoch, rounded towards the past: OCSF's `timestamp_t`. */
export function floorToMillisecond(instant: Instant): number {
  const quotient = instant / 1_000_000n;
  return Number(instant < 0n && quotient * 1_000_000n !== instant ? quotient - 1n : quotient);
}

/** The instant at the start of a whole second since the epoch. */
export function instantOfSecond(second: number): Instant {
  return BigInt(second) * NANOS;
}

/** `2026-11-01T00:00:00Z` for whole seconds since the epoch. */
export function formatSecond(second: number): string {
  return new Date(second * 1000).toISOString().replace('.000Z', 'Z');
}
