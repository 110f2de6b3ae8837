import { isObject, type JsonObject, type JsonValue } from '../../../mappings/json.js';
import { CollectorError } from '../../errors.js';

/** @throws CollectorError RESPONSE_INVALID where the bytes are not UTF-8: guessing would change records. */
export function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw damaged('it is not valid UTF-8', error);
  }
}

/** Levels of nesting that a small answer may have: brackets alone would become objects of many times their size. */
const DEEPEST_ANSWER = 32;

/** A body that has to be JSON. @throws CollectorError RESPONSE_INVALID */
export function readJson(body: Buffer): JsonValue {
  const text = decode(body);
  if (isDeeperThan(DEEPEST_ANSWER, text)) throw damaged(`it is nested more than ${DEEPEST_ANSWER} levels deep`);
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Without the parser's own error, which quotes the body: it may hold a token.
    throw damaged(/^\s*</.test(text) ? 'it is an HTML page' : 'it is not JSON');
  }
}

/** A body that has to be one JSON object. @throws CollectorError RESPONSE_INVALID */
export function readObject(body: Buffer): JsonObject {
  const value = readJson(body);
  if (isObject(value)) return value;
  throw damaged('it is not a JSON object');
}

function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > limit) return true;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return false;
}

/** An answer that is not what was asked for; asked again, because what stands in between may have damaged it. */
export function damaged(why: string, cause?: unknown): CollectorError {
  return new CollectorError('RESPONSE_INVALID', `the answer cannot be used: ${why}`, {
    cure: 'It is asked again by itself; if it stays, look for a proxy that changes answers. Nothing of this answer was used.',
    transient: true,
    cause,
  });
}
