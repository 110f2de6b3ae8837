import { isObject, type JsonObject } from '../../../mappings/json.js';
import { CollectorError } from '../../errors.js';

/** @throws CollectorError RESPONSE_INVALID where the bytes are not UTF-8: guessing would change records. */
export function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw damaged('it is not valid UTF-8', error);
  }
}

/** A body that has to be one JSON object. @throws CollectorError RESPONSE_INVALID */
export function readObject(body: Buffer): JsonObject {
  const text = decode(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the parser's own error, which quotes the body: it may hold a token.
    throw damaged(/^\s*</.test(text) ? 'it is an HTML page' : 'it is not JSON');
  }
  if (isObject(value)) return value;
  throw damaged('it is not a JSON object');
}

/** An answer that is not what was asked for; asked again, because what stands in between may have damaged it. */
export function damaged(why: string, cause?: unknown): CollectorError {
  return new CollectorError('RESPONSE_INVALID', `the answer cannot be used: ${why}`, {
    cure: 'It is asked again by itself; if it stays, look for a proxy that changes answers. Nothing of this answer was used.',
    transient: true,
    cause,
  });
}
