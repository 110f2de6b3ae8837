import { CollectorError } from '../errors.js';
import { mapStack } from './map-stack.js';
import { printable, printableJson } from './printable.js';
import type { Redactor } from './redactor.js';

/** A line before it is printed. */
export interface Line {
  readonly level: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const first = ['feed', 'lane', 'requestId', 'code', 'cure'];
const deepest = 8;
const longestText = 16 * 1024;
const longestList = 100;

const colours: Readonly<Record<string, string>> = { error: '31', warn: '33', info: '32', debug: '36', trace: '90' };

/** One JSON object: level, time, msg, feed, lane, requestId, code, cure, then the rest. */
export function jsonLine(line: Line, redactor: Redactor): string {
  const { level, time, msg, fields } = shownLine(line, redactor);
  const ordered: Record<string, unknown> = { level, time, msg };
  for (const name of [...first, ...Object.keys(fields)])
    if (fields[name] !== undefined && !(name in ordered)) ordered[name] = fields[name];
  return printableJson(JSON.stringify(ordered));
}

/** The line with secrets masked, bounded in depth and size. */
export function shownLine(line: Line, redactor: Redactor): Line {
  const fields = shown(line.fields, redactor, 0) as Record<string, unknown>;
  return { ...line, msg: textShown(line.msg, redactor), fields };
}

/** One line for people, the cure on a line of its own. */
export function textLine(line: Line, redactor: Redactor, colour: boolean): string {
  const paint = (code: string, text: string) =>
    colour ? `\u001b[${code}m${printable(text)}\u001b[0m` : printable(text);
  const { feed, lane, cure, ...rest } = shown(line.fields, redactor, 0) as Record<string, unknown>;
  const place = [feed, lane].filter((part) => part !== undefined).join('/');
  const tail = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${plain(value) ? value : JSON.stringify(value)}`);
  const parts = [
    paint('90', line.time.slice(11, 19)),
    paint(colours[line.level] ?? '0', line.level.toUpperCase().padEnd(5)),
    ...(place === '' ? [] : [paint('1', place)]),
    printable(textShown(line.msg, redactor)),
    ...(tail.length === 0 ? [] : [paint('90', tail.join(' '))]),
  ];
  return parts.join(' ') + (typeof cure === 'string' ? `\n         ${paint('36', '→')} ${printable(cure)}` : '');
}

/** True for text that needs no quotes. */
function plain(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:/+-]+$/.test(value);
}

/** Code, message and cure of an error, what caused it, and for a defect where it happened. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof CollectorError)) return { error };
  const { code, cure, detail, cause } = error;
  return {
    code,
    cure,
    detail,
    cause: cause === undefined ? undefined : causes(cause),
    stack: code === 'INTERNAL' ? stackOf(error) : undefined,
  };
}

function stackOf(error: CollectorError): string | undefined {
  return mapStack(error.cause instanceof Error ? error.cause.stack : error.stack);
}

function causes(cause: unknown): string {
  const messages: string[] = [];
  for (let error: unknown = cause; error !== undefined && messages.length < 5; error = (error as Error).cause) {
    if (!(error instanceof Error)) return [...messages, String(error)].join(': ');
    messages.push(error.message);
  }
  return messages.join(': ');
}

/** A copy that can be printed: secrets masked in names and values, bounded in depth, length and size. */
function shown(value: unknown, redactor: Redactor, depth: number): unknown {
  if (typeof value === 'string') return textShown(value, redactor);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepest) return '[…]';
  if (value instanceof Error) return shown(errorShown(value), redactor, depth + 1);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, longestList).map((member) => shown(member, redactor, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function') return shown(value.toJSON(), redactor, depth + 1);
  if (value instanceof Map || value instanceof Set) return shown([...value], redactor, depth + 1);
  const entries = Object.entries(value).slice(0, longestList);
  return Object.fromEntries(
    entries.map(([name, member]) => [textShown(name, redactor), shown(member, redactor, depth + 1)]),
  );
}

function errorShown(error: Error): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined;
  return { name: error.name, message: error.message, code, stack: mapStack(error.stack), cause: error.cause };
}

function textShown(text: string, redactor: Redactor): string {
  const masked = redactor.mask(text);
  return masked.length > longestText ? `${masked.slice(0, longestText)}…` : masked;
}
