import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import { CollectorError } from '../errors.js';
import { loadDuckDB } from '../sinks/tables/load-duckdb.js';

/** What a statement's parameter holds. */
export const parameterTypes = ['instant', 'duration', 'integer', 'number', 'text', 'list'] as const;
export type ParameterType = (typeof parameterTypes)[number];

/** A value of a statement's `$name`, fit to be sent to another process as JSON. */
export type BoundParameter = { readonly name: string } & (
  | { readonly type: 'instant' | 'duration' /** Epoch milliseconds; milliseconds. */; readonly value: number }
  | { readonly type: 'integer' | 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string | null }
  | { readonly type: 'list'; readonly value: readonly string[] }
);

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of `90s`, `15m`, `24h`, `30d`, `2w`; undefined for other texts. */
function durationMs(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
}

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Epoch milliseconds of `now`, of a time before now (`24h`), a date (its first instant in UTC) or RFC 3339 with its zone. */
function instantMs(text: string, now: number): number | undefined {
  if (text === 'now') return now;
  const back = durationMs(text);
  if (back !== undefined) return now - back;
  const parsed = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}

const EXPECTED: Readonly<Record<ParameterType, string>> = {
  instant: 'an instant (RFC 3339 with its zone), a date, a time before now (24h, 30d), or now',
  duration: 'a duration (90s, 15m, 24h, 30d)',
  integer: 'a whole number',
  number: 'a number',
  text: 'a text',
  list: 'texts, separated by commas',
};

/**
 * Reads a parameter's value from text.
 * @param now epoch milliseconds
 * @throws CollectorError USAGE for a text that is no value of this type
 */
export function readParameter(name: string, type: ParameterType, text: string, now: number): BoundParameter {
  if (type === 'text') return { name, type, value: text === '' ? null : text };
  if (type === 'list')
    return {
      name,
      type,
      value: text
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    };
  const value = numberOf(type, text.trim(), now);
  if (value !== undefined) return { name, type, value };
  throw new CollectorError('USAGE', `The parameter ${name} cannot be ${JSON.stringify(text).slice(0, 100)}.`, {
    cure: `Give ${EXPECTED[type]}: --param ${name}=…`,
  });
}

function numberOf(type: 'instant' | 'duration' | 'integer' | 'number', text: string, now: number): number | undefined {
  if (type === 'instant') return instantMs(text, now);
  if (type === 'duration') return durationMs(text);
  if (!/^-?\d{1,15}(?:\.\d{1,15})?$/.test(text)) return undefined;
  const value = Number(text);
  return type === 'number' || Number.isSafeInteger(value) ? value : undefined;
}

/** Gives the values to a prepared statement: as values, never as SQL. Those that the statement does not name are left out. */
export function bindParameters(statement: DuckDBPreparedStatement, parameters: readonly BoundParameter[]): void {
  const names = Array.from({ length: statement.parameterCount }, (_, index) => statement.parameterName(index + 1));
  const given = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const missing = names.filter((name) => !given.has(name));
  if (missing.length > 0)
    throw new CollectorError('USAGE', `The statement has parameters without a value: ${missing.join(', ')}.`, {
      cure: 'Write the values into the statement, or ask a ready question by --name and give them by --param.',
    });
  if (names.length === 0) return;
  const { DuckDBIntervalValue, DuckDBTimestampTZValue, LIST, VARCHAR, listValue } = loadDuckDB();
  for (const [index, name] of names.entries()) {
    const at = index + 1;
    const parameter = given.get(name)!;
    switch (parameter.type) {
      case 'instant':
        statement.bindTimestampTZ(at, new DuckDBTimestampTZValue(BigInt(Math.round(parameter.value * 1000))));
        break;
      case 'duration':
        statement.bindInterval(at, new DuckDBIntervalValue(0, 0, BigInt(parameter.value) * 1000n));
        break;
      case 'integer':
        statement.bindBigInt(at, BigInt(parameter.value));
        break;
      case 'number':
        statement.bindDouble(at, parameter.value);
        break;
      case 'list':
        statement.bindList(at, listValue([...parameter.value]), LIST(VARCHAR));
        break;
      case 'text':
        if (parameter.value === null) statement.bindNull(at);
        else statement.bindVarchar(at, parameter.value);
    }
  }
}
