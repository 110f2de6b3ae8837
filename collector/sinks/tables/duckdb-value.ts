import type { DuckDBValue } from '@duckdb/node-api';

/** A value of a result in JavaScript's own types; integers of 64 bits and more are bigints, times are text. */
export type PlainValue = null | boolean | number | bigint | string | PlainValue[] | { [key: string]: PlainValue };

/** Takes DuckDB's wrapping off a value. */
export function plainValue(value: DuckDBValue): PlainValue {
  if (value === null || typeof value !== 'object') return value;
  if ('items' in value) return value.items.map(plainValue);
  if ('entries' in value && !Array.isArray(value.entries))
    return Object.fromEntries(Object.entries(value.entries).map(([key, member]) => [key, plainValue(member)]));
  if ('entries' in value && Array.isArray(value.entries))
    return value.entries.map(({ key, value: member }) => ({ key: plainValue(key), value: plainValue(member) }));
  return value.toString();
}

/** JSON of a plain value; what is NULL within a struct is absent, as it was in the event. */
export function jsonText(value: PlainValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`).join(',')}}`;
}
