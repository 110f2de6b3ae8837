/*
 * A feed's document while it is edited: pure functions over plain JSON.
 */
import type { Json } from '../answers.js';

export type Document = { readonly [name: string]: Json };

const isObject = (value: Json | undefined): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path such as `poll.interval`; undefined where there is none. */
export function valueAt(document: Document, path: string): Json | undefined {
  let value: Json | undefined = document;
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** The document with this value at the path; undefined takes it away, and sections that become empty with it. */
export function withValue(document: Document, path: string, value: Json | undefined): Document {
  const [name = '', ...rest] = path.split('.');
  const inner = Object.hasOwn(document, name) ? document[name] : undefined;
  const next = rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest.join('.'), value);
  const isEmpty = next === undefined || (rest.length > 0 && isObject(next) && Object.keys(next).length === 0);
  const { [name]: _, ...others } = document;
  if (isEmpty) return others;
  // A member that was there keeps its place.
  return Object.hasOwn(document, name) ? { ...document, [name]: next } : { ...others, [name]: next };
}

export interface Change {
  readonly path: string;
  readonly from: Json | undefined;
  readonly to: Json | undefined;
}

/** What differs, key by key; lists and values that are no section are compared whole. */
export function changesBetween(from: Document, to: Document, before = ''): Change[] {
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...names].flatMap((name) => {
    const [one, other] = [from[name], to[name]];
    const path = `${before}${name}`;
    if (isSection(one) || isSection(other))
      return changesBetween(isObject(one) ? one : {}, isObject(other) ? other : {}, `${path}.`);
    return JSON.stringify(one) === JSON.stringify(other) ? [] : [{ path, from: one, to: other }];
  });
}

/** A secret's `{stored}` and `{file}` are values, every other object is a section. */
const isSection = (value: Json | undefined): value is Document =>
  isObject(value) && !('stored' in value) && !('file' in value);

/** The document without what is typed as a secret: what may be kept, shown and copied. */
export function withoutSecrets(document: Document, secretPaths: readonly string[]): Document {
  let clean = document;
  for (const path of secretPaths)
    if (typeof valueAt(clean, path) === 'string') clean = withValue(clean, path, undefined);
  return clean;
}

/** A value as a person reads it. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return 'not set';
  if (isObject(value) && 'stored' in value) return 'stored';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
