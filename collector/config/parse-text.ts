import type { JsonValue } from '../../mappings/json.js';
import type { Key } from './keys.js';

const yes: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on']);
const no: ReadonlySet<string> = new Set(['false', '0', 'no', 'off']);

/**
 * Reads text, as environment, flags and YAML scalars hold it, into the JSON type of a key. What cannot be read stays
 * text, and the schema refuses it.
 */
export function fromText(key: Key, text: string): JsonValue {
  switch (key.form) {
    case 'integer':
    case 'number':
      return toNumber(text);
    case 'boolean':
      return yes.has(text.toLowerCase()) ? true : no.has(text.toLowerCase()) ? false : text;
    case 'list':
      return pieces(text).map((piece) => item(key, piece));
    case 'map':
      return toMap(text);
    default:
      return text;
  }
}

/** Reads one element of a list. */
export function item(key: Key, text: string): JsonValue {
  if (key.schema.items?.type === 'object') return mailbox(text);
  return key.schema.items?.type === 'integer' ? toNumber(text) : text;
}

function toNumber(text: string): JsonValue {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

/** `Ana Example <ana@example.com>`, or one of the two. */
function mailbox(text: string): JsonValue {
  const [, name, email] = /^(.*?)\s*<([^<>]+)>$/.exec(text) ?? [];
  if (email !== undefined) return { name: name || email, email };
  return text.includes('@') ? { name: text, email: text } : { name: text };
}

function pieces(text: string): string[] {
  return text
    .split(',')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}

/** `a=b,c=d`. */
function toMap(text: string): JsonValue {
  const pairs = pieces(text).map((piece) => piece.split('='));
  if (pairs.some((pair) => pair.length !== 2)) return text;
  return entriesToMap(pairs.map(([name, value]) => [name!.trim(), value!.trim()]));
}

/** An object without a prototype, so that no name means more than itself. */
export function entriesToMap(entries: Iterable<readonly [string, JsonValue]>): JsonValue {
  const map = Object.create(null) as Record<string, JsonValue>;
  for (const [name, value] of entries) map[name] = value;
  return map;
}
