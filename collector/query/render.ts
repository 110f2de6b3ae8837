import { printable, printableJson } from '../log/printable.js';
import { jsonText, type PlainValue } from '../sinks/tables/duckdb-value.js';
import type { QueryAnswer } from './open-tables.js';

export type AnswerFormat = (typeof answerFormats)[number];
export const answerFormats = ['table', 'json', 'csv', 'csv-safe'] as const;

/**
 * A query's answer as text, piece by piece: a table for people, NDJSON, or CSV (RFC 4180), which as `csv-safe` holds no
 * formula for a spreadsheet. Only CSV for machines has control characters as they are.
 * @param width columns of the reader's terminal
 * @param terminal whether a terminal reads it
 */
export function render(
  answer: QueryAnswer,
  format: AnswerFormat,
  width: number,
  terminal = false,
): AsyncIterable<string> {
  if (format === 'json') return renderJson(answer);
  if (format === 'table') return renderTable(answer, width);
  const clean = terminal ? printable : (text: string) => text;
  return renderCsv(answer, format === 'csv-safe' ? (text) => clean(withoutFormula(text)) : clean);
}

async function* renderJson({ columns, rows }: QueryAnswer): AsyncGenerator<string> {
  for await (const row of rows) {
    const members = columns.map(({ name }, index) => `${JSON.stringify(name)}:${jsonText(row[index] ?? null)}`);
    yield `${printableJson(`{${members.join(',')}}`)}\n`;
  }
}

/** @param clean makes text fit for its reader; numbers are as they are */
async function* renderCsv({ columns, rows }: QueryAnswer, clean: (text: string) => string): AsyncGenerator<string> {
  const numbers = columns.map(isNumeric);
  const field = (value: PlainValue, index: number) =>
    csvField(numbers[index] ? plainText(value) : clean(plainText(value)));
  yield `${columns.map(({ name }) => csvField(clean(name))).join(',')}\r\n`;
  for await (const row of rows) yield `${row.map(field).join(',')}\r\n`;
}

/** Spreadsheets run what begins like a formula; after a quote it is text. The form is OWASP's. */
function withoutFormula(text: string): string {
  return /^[\s\p{Cc}\p{Cf}]*[=+\-@\t\r]/u.test(text) || /^[\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows shown of a long answer: a terminal is no place for a million lines, and columns are as wide as what is shown. */
const MOST_ROWS = 1_000;
const WIDEST_CELL = 48;
const NARROWEST_CELL = 6;

async function* renderTable({ columns, rows }: QueryAnswer, width: number): AsyncGenerator<string> {
  const lines: string[][] = [columns.map(({ name }) => oneLine(name))];
  let more = 0;
  for await (const row of rows) {
    if (lines.length <= MOST_ROWS) lines.push(row.map((value) => oneLine(plainText(value))));
    else more += 1;
  }
  const numeric = columns.map(isNumeric);
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

function isNumeric({ type }: QueryAnswer['columns'][number]): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL(?:\(\d+,\d+\))?)$/.test(type);
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
  return printable(text.replace(/\s+/g, ' '));
}

function plainText(value: PlainValue | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? jsonText(value) : String(value);
}
