import type { JsonValue } from './json.js';

/*
 * Numbers that a double does not hold (beyond 2^53, 1e400) keep their digits: while a record is mapped they are texts
 * that begin with a mark, and in the text of the event they are numbers again. Node 20's parser gives no source text.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the mark is one, so that no ordinary text begins with it
const MARKED_TEXT = /^\u0000#-?\d[\d.eE+-]*$/;

/** A number token of sixteen digits or with an exponent, outside or inside a string: few records have one. */
const SUSPECT = /[:,[\s]-?(?:\d{16}|[\d.]+[eE][+-]?\d)/;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const MARKED = /"\\u0000#(-?\d[\d.eE+-]*)"/g;

/** The value of a JSON text with its inexact numbers marked; undefined where it has none. */
export function parseExactly(text: string): JsonValue | undefined {
  // A text that holds the mark's own character could not be told from a marked number.
  if (!SUSPECT.test(text) || text.includes('\\u0000')) return undefined;
  let some = false;
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || isExact(token)) return token;
    some = true;
    return `"\\u0000#${token}"`;
  });
  return some ? (JSON.parse(marked) as JsonValue) : undefined;
}

/** The digits of marked numbers in their places. */
export function restoreNumbers(json: string): string {
  return json.replace(MARKED, '$1');
}

/** Whether a text stands for a number that a double does not hold. */
export function isMarkedNumber(text: string): boolean {
  return text.charCodeAt(0) === 0 && MARKED_TEXT.test(text);
}

function isExact(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(token.split(/[eE]/)[0]!);
  return !/^-?\d+$/.test(token) || Number.isSafeInteger(value);
}
