import type { DuckDBValue } from '@duckdb/node-api';

/** A value of a result in JavaScript's own types; integers of 64 bits and more are bigints, times are text. */
export type PlainValue = null | boolean | number | bigint | string | PlainValue[] | { [key: string]: PlainValue };

/** Takes DuckDB's wrapping off a value. */
export function plainValue(value: DuckDBValue): PlainValue {
  if (value === null || typeof value !== 'object') return value;
  if (value.constructor.name === INSTANT && 'micros' in value) return instantText(value.micros);
  if ('items' in value) return value.items.map(plainValue);
  if ('entries' in value && !Array.isArray(value.entries))
    return Object.fromEntries(Object.entries(value.entries).map(([key, member]) => [key, plainValue(member)]));
  if ('entries' in value && Array.isArray(value.entries))
    return value.entries.map(({ key, value: member }) => ({ key: plainValue(key), value: plainValue(member) }));
  return value.toString();
}

/** Of DuckDB's classes, the one for TIMESTAMPTZ. Its own text is in the zone of this machine. */
const INSTANT = 'DuckDBTimestampTZValue';

/** RFC 3339 in UTC, with the digits of the fraction that are needed. */
function instantText(micros: bigint): string {
  const second = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const fraction = String(micros - second * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const date = new Date(Number(second) * 1000);
  // Infinity, and years that RFC 3339 does not have.
  if (Number.isNaN(date.getTime())) return micros > 0n ? 'infinity' : '-infinity';
  return date.toISOString().replace('.000Z', fraction === '' ? 'Z' : `.${fraction}Z`);
}

/** JSON of a plain value; what is NULL within a struct is absent, as it was in the event. */
export function jsonText(value: PlainValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`).join(',')}}`;
}
