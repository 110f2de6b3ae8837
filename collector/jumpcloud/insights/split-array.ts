import type { JsonValue } from '../../../mappings/json.js';
import type { ReceivedRecord } from '../../../mappings/record.js';
import { damaged } from '../http/json-body.js';
import { OversizedRecord } from './oversized-record.js';

/**
 * Of deeper elements only short members are parsed, which name the record (`depth` and `text` are of the whole): a few
 * megabytes of brackets would become gigabytes of objects. Far beyond what any mapping accepts.
 */
export const MAX_PARSED_DEPTH = 512;
/** JumpCloud sends at most 10,000 records a page; far more than that is no page of it. */
const MAX_ELEMENTS = 100_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Splits the text of a JSON array into its elements, each with its own exact text. The scan only finds the commas between
 * elements; JSON.parse judges each piece, so that together they accept what JSON.parse accepts of the whole.
 * @throws CollectorError RESPONSE_INVALID (transient) where the text is not one well-formed JSON array
 */
export function splitArray(text: string): ReceivedRecord[] {
  const first = skipSpace(text, 0);
  if (text.charCodeAt(first) !== OPEN_ARRAY) throw damaged(describe(text.slice(first, first + 40)));
  const records: ReceivedRecord[] = [];
  let start = first + 1;
  let depth = 1;
  let deepest = 1;
  let members = 0;
  let at = start;
  for (; at < text.length && depth > 0; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === COLON) {
      members += 1;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1;
      if (depth === 0 && code !== CLOSE_ARRAY) throw damaged('its brackets do not match');
    } else if (code === COMMA && depth === 1) {
      records.push(element(text.slice(start, at), deepest - 1, members, records.length));
      if (records.length > MAX_ELEMENTS) throw damaged(`it has more than ${MAX_ELEMENTS} elements`);
      start = at + 1;
      deepest = 1;
      members = 0;
    }
  }
  if (depth > 0) throw damaged('it ends in the middle');
  const end = at - 1;
  if (skipSpace(text, at) < text.length) throw damaged('something follows the end of the array');
  if (records.length > 0 || skipSpace(text, start) < end)
    records.push(element(text.slice(start, end), deepest - 1, members, records.length));
  return records;
}

function element(slice: string, depth: number, members: number, index: number): ReceivedRecord {
  const text = trimSpace(slice);
  try {
    if (depth > MAX_PARSED_DEPTH) return { text, value: shortMembers(text), depth, members };
    return { text, value: JSON.parse(text) as JsonValue, depth, members };
  } catch (error) {
    throw damaged(`element ${index + 1} is not valid JSON`, error);
  }
}

/** Null where it is no object. */
function shortMembers(text: string): JsonValue {
  const record = new OversizedRecord();
  record.write(Buffer.from(`[${text}]`));
  const passed = record.end();
  return typeof passed === 'string' ? null : ((JSON.parse(passed.body.toString()) as JsonValue[])[0] ?? null);
}

/** Index of the closing quote; the end of the text where there is none. */
function endOfString(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** JSON's white space only: String.trim would also take off what JSON.parse refuses. */
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function trimSpace(slice: string): string {
  const start = skipSpace(slice, 0);
  let end = slice.length;
  while (end > start && isSpace(slice.charCodeAt(end - 1))) end -= 1;
  return slice.slice(start, end);
}

function describe(beginning: string): string {
  if (beginning === '') return 'it is empty';
  if (beginning.startsWith('<')) return 'it is an HTML page';
  if (beginning.startsWith('{')) return 'it is an object, not an array';
  if (beginning.startsWith('null')) return 'it is null, not an array';
  return 'it is not an array';
}
