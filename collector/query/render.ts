import { printable, printableJson } from '../log/printable.js';
import { jsonText, type PlainValue } from '../sinks/tables/duckdb-value.js';
import type { QueryAnswer } from './open-tables.js';

export type AnswerFormat = (typeof answerFormats)[number];
export const answerFormats = ['table', 'wide', 'json', 'ndjson', 'csv', 'csv-safe', 'markdown'] as const;

/** Who reads an answer. */
export interface Reader {
  /** Columns of the terminal; a table for people fits it. */
  readonly width: number;
  /** Whether a terminal reads the answer. */
  readonly terminal?: boolean;
}

/**
 * A query's answer as text, piece by piece: a table that fits the terminal, or all of it (`wide`); one JSON object per line
 * (`json`, `ndjson`); CSV (RFC 4180), which as `csv-safe` holds no formula for a spreadsheet; a table of Markdown. Only
 * CSV for machines has control characters as they are.
 */
export function render(
  answer: QueryAnswer,
  format: AnswerFormat,
  { width, terminal = false }: Reader,
): AsyncIterable<string> {
  const clean = terminal ? printable : (text: string) => text;
  switch (format) {
    case 'table':
      return renderTable(answer, width);
    case 'wide':
      return renderTable(answer, Number.POSITIVE_INFINITY);
    case 'json':
    case 'ndjson':
      return renderJson(answer);
    case 'markdown':
      return renderMarkdown(answer);
    default:
      return renderCsv(answer, format === 'csv-safe' ? (text) => clean(withoutFormula(text)) : clean);
  }
}

/** For a program that shows a table: a line with the columns and their types, then a line per row, its values in that order. */
export async function* renderRows({ columns, rows }: QueryAnswer): AsyncGenerator<string> {
  yield `${printableJson(JSON.stringify({ columns }))}\n`;
  for await (const row of rows) {
    const values = columns.map((_, index) => jsonText(row[index] ?? null));
    yield `${printableJson(`{"row":[${values.join(',')}]}`)}\n`;
  }
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

async function* renderMarkdown({ columns, rows }: QueryAnswer): AsyncGenerator<string> {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  yield line(columns.map(({ name }) => markdownCell(name)));
  yield line(columns.map((column) => (isNumeric(column) ? '--:' : '---')));
  for await (const row of rows) yield line(row.map((value) => markdownCell(plainText(value))));
}

/** What Markdown and HTML would take for markup is text. */
function markdownCell(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]<>|#~&]/g, (character) =>
    character === '<' ? '&lt;' : character === '>' ? '&gt;' : character === '&' ? '&amp;' : `\\${character}`,
  );
}

/** Rows shown of a long answer: a terminal is no place for a million lines, and columns are as wide as what is shown. */
const MOST_ROWS = 1_000;
const WIDEST_CELL = 48;
const NARROWEST_CELL = 10;
const READABLE_CELL = 20;

async function* renderTable({ columns, rows }: QueryAnswer, width: number): AsyncGenerator<string> {
  const lines: string[][] = [columns.map(({ name }) => oneLine(name))];
  let more = 0;
  for await (const row of rows) {
    if (lines.length <= MOST_ROWS) lines.push(row.map((value) => oneLine(plainText(value))));
    else more += 1;
  }
  const numeric = columns.map(isNumeric);
  const natural = columns.map((_, index) => lines.reduce((most, line) => Math.max(most, length(line[index] ?? '')), 0));
  const widths = fitColumns(
    Number.isFinite(width) ? natural.map((cell) => Math.min(WIDEST_CELL, cell)) : natural,
    width,
  );
  for (const [index, line] of lines.entries()) {
    const cells = widths.map((cell, column) => pad(line[column] ?? '', cell, numeric[column] === true && index > 0));
    yield `  ${cells.join('  ').trimEnd()}\n`;
    if (index === 0) yield `  ${widths.map((cell) => '─'.repeat(cell)).join('  ')}\n`;
  }
  if (lines.length === 1) yield '  (no rows)\n';
  if (more > 0) yield `  … and ${counted(more, 'more row')}: --format json or csv shows all\n`;
  const hidden = columns.length - widths.length;
  if (hidden > 0) yield `  … and ${counted(hidden, 'more column')}: --format wide shows all\n`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function isNumeric({ type }: QueryAnswer['columns'][number]): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL(?:\(\d+,\d+\))?)$/.test(type);
}

/**
 * Narrows the widest columns until a row fits the terminal. Where they would be too narrow to read, only the first columns
 * are shown, wide enough to read.
 */
function fitColumns(natural: readonly number[], width: number): number[] {
  const total = (cells: readonly number[]) => cells.reduce((sum, cell) => sum + cell + 2, 0);
  const atMost = (most: number, cells: readonly number[]) => cells.map((cell) => Math.min(most, cell));
  const fitted = [...natural];
  if (total(atMost(NARROWEST_CELL, fitted)) > width)
    while (fitted.length > 1 && total(atMost(READABLE_CELL, fitted)) > width) fitted.pop();
  while (total(fitted) > width) {
    const widest = Math.max(...fitted);
    if (widest <= NARROWEST_CELL) break;
    fitted[fitted.indexOf(widest)] = widest - 1;
  }
  return fitted;
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
