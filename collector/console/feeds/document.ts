import { createHash } from 'node:crypto';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { type Key, keys } from '../../config/keys.js';

/** A feed's document as it is PUT and read: JSON, with its members' order and spelling kept. */
export type Document = { readonly [member: string]: JsonValue };

/** One changed key. */
export interface Change {
  readonly path: string;
  readonly from: JsonValue;
  readonly to: JsonValue;
}

/** The secrets that a feed can have. */
export const SECRET_KEYS: readonly Key[] = keys.filter((key) => key.secret && !key.shared);

/** The value at a key's path; undefined: it is absent. */
export function valueAt(document: Document, segments: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = document;
  for (const segment of segments) {
    if (at === undefined || !isObject(at) || !Object.hasOwn(at, segment)) return undefined;
    at = at[segment];
  }
  return at;
}

/** The document with another value at a path; undefined removes it. Order of members is kept. */
export function withValue(document: Document, segments: readonly string[], value: JsonValue | undefined): Document {
  const [first, ...rest] = segments;
  if (first === undefined) return document;
  const present = document[first];
  const below =
    rest.length === 0 ? value : withValue(present !== undefined && isObject(present) ? present : {}, rest, value);
  if (below === undefined) return Object.fromEntries(Object.entries(document).filter(([name]) => name !== first));
  return { ...document, [first]: below };
}

/** Leaves by path: `poll.interval`. Lists, and maps whose keys are not the schema's, are leaves. */
function leaves(document: Document): Map<string, JsonValue> {
  const known = new Set(keys.map((key) => key.path));
  const found = new Map<string, JsonValue>();
  const walk = (value: JsonValue, path: string) => {
    if (!isObject(value) || known.has(path)) found.set(path, value);
    else for (const [name, member] of Object.entries(value)) walk(member, path === '' ? name : `${path}.${name}`);
  };
  walk(document, '');
  return found;
}

/** What differs, key by key. Null stands for absent. Both documents hold secrets as fingerprints or files. */
export function changesBetween(before: Document, after: Document): Change[] {
  const [old, now] = [leaves(before), leaves(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((path) => {
    const [from, to] = [old.get(path) ?? null, now.get(path) ?? null];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
  });
}

/** An entity tag: changes with any byte of the document. */
export function etagOf(document: Document): string {
  return `"${createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 32)}"`;
}

/** First 16 digits of a secret's digest, as it is shown. */
export function fingerprintOf(secret: string): string {
  return `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 16)}`;
}

/** The path of a key as a JSON Pointer into the document. */
export function pointerOf(path: string): string {
  return `/${path.split('.').join('/')}`;
}

/** The key that a problem is about: the longest path that its message names. */
export function keyNamedIn(message: string): string | undefined {
  return keys
    .map((key) => key.path)
    .filter((path) => new RegExp(`(^|[^\\w.])${path.replaceAll('.', '\\.')}($|[^\\w.]|\\.(?!\\w))`).test(message))
    .sort((one, other) => other.length - one.length)[0];
}
