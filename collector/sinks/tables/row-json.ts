import type { Column, ColumnType } from './columns.js';
import type { PlainValue } from './duckdb-value.js';

/**
 * The JSON text that a row was made of: what is NULL is absent, floats that are whole keep their `.0`. Equal to the
 * text that was written but for the order of attributes and white space.
 * @param row values by column name; other columns than these are ignored
 */
export function textOfRow(columns: readonly Column[], row: Readonly<Record<string, PlainValue>>): string {
  const members = columns.flatMap(({ name, type }) => {
    const value = row[name] ?? null;
    return value === null ? [] : [`${JSON.stringify(name)}:${textOf(type, value)}`];
  });
  return `{${members.join(',')}}`;
}

function textOf(type: ColumnType, value: PlainValue): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'json':
      return String(value);
    case 'float':
      return floatText(Number(value));
    case 'list':
      return `[${(value as PlainValue[]).map((item) => textOf(type.item, item)).join(',')}]`;
    case 'struct':
      return textOfRow(type.fields, value as Record<string, PlainValue>);
    default:
      return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
  }
}

function floatText(value: number): string {
  const text = JSON.stringify(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
