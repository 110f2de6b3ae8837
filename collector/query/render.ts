import { jsonText, type PlainValue } from '../sinks/tables/duckdb-value.js';
import type { QueryAnswer } from './open-tables.js';

export type AnswerFormat = 'table' | 'json' | 'csv';

/** A query's answer as text, piece by piece: a table for people, NDJSON, or CSV (RFC 4180). */
export function render(answer: QueryAnswer, format: AnswerFormat, width: number): AsyncIterable<string> {
  if (format === 'json') return renderJson(answer);
  return format === 'csv' ? renderCsv(answer) : renderTable(answer, width);
}

async function* renderJson({ columns, rows }: QueryAnswer): AsyncGenerator<string> {
  for await (const row of rows) {
    const members = columns.map(({ name }, index) => `${JSON.stringify(name)}:${jsonText(row[index] ?? null)}`);
    yield `{${members.join(',')}}\n`;
  }
}

async function* renderCsv({ columns, rows }: QueryAnswer): AsyncGenerator<string> {
  yield `${columns.map(({ name }) => csvField(name)).join(',')}\r\n`;
  for await (const row of rows) yield `${row.map((value) => csvField(plainText(value))).join(',')}\r\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows shown of a long answer: a terminal is no place for a million lines, and columns are as wide as what is shown. */
const MOST_ROWS = 1_000;
const WIDEST_CELL = 48;
const NARROWEST_CELL = 6;

async function* renderTable({ columns, rows }: QueryAnswer, width: number): AsyncGenerator<string> {
  const lines: string[][] = [columns.map(({ name }) => name)];
  let more = 0;
  for await (const row of rows) {
    if (lines.length <= MOST_ROWS) lines.push(row.map((value) => oneLine(plainText(value))));
    else more += 1;
  }
  const numeric = columns.map(({ type }) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type) && !type.includes('('));
  const widths = narrow(
    columns.map((_, index) => Math.min(WIDEST_CELL, Math.max(...lines.map((line) => length(line[index] ?? ''))))),
    width,
  );
  for (const [index, line] of lines.entries()) {
    const cells = line.map((text, column) => pad(text, widths[column] ?? 0, numeric[column] === true && index > 0));
    yield `  ${cells.join('  ').trimEnd()}\n`;
    if (index === 0) yield `  ${widths.map((cell) => '─'.repeat(cell)).join('  ')}\n`;
  }
  if (lines.length === 1) yield '  (no rows)\n';
  if (more > 0) yield `  … and ${more} more rows: --format json or csv shows all\n`;
}

/** Narrows the widest columns until a row fits; with very many columns the row is longer than the terminal. */
function narrow(widths: number[], width: number): number[] {
  const fitted = [...widths];
  for (;;) {
    const widest = Math.max(...fitted);
    if (fitted.reduce((sum, cell) => sum + cell + 2, 2) <= width || widest <= NARROWEST_CELL) return fitted;
    fitted[fitted.indexOf(widest)] = widest - 1;
  }
}

function pad(text: string, width: number, right: boolean): string {
  const points = [...text];
  const cut = points.length > width ? `${points.slice(0, width - 1).join('')}…` : text;
  const space = ' '.repeat(Math.max(0, width - length(cut)));
  return right ? space + cut : cut + space;
}

function length(text: string): number {
  return [...text].length;
}

function oneLine(text: string): string {
  // Control characters of a record must not drive the reader's terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function plainText(value: PlainValue | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? jsonText(value) : String(value);
}
