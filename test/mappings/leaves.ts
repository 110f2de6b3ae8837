import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { REDACTED, redact } from '../../mappings/redact.js';

type Path = readonly (string | number)[];

/** Paths of all values that say something: null, '', {} and [] say nothing. */
function leafPaths(value: JsonValue, path: Path = []): Path[] {
  if (value === null || value === '') return [];
  if (typeof value !== 'object') return [path];
  return Object.entries(value).flatMap(([key, member]) =>
    leafPaths(member, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** The same value but for one leaf, which is another of its own type. */
function altered(value: JsonValue, path: Path): JsonValue {
  return replaced(value, path, (leaf) => {
    if (typeof leaf === 'boolean') return !leaf;
    return typeof leaf === 'number' ? leaf + 1 : `${String(leaf)}q`;
  });
}

/** The same value but for one leaf, which is null. */
function removed(value: JsonValue, path: Path): JsonValue {
  return replaced(value, path, () => null);
}

function replaced(value: JsonValue, [step, ...rest]: Path, by: (leaf: JsonValue) => JsonValue): JsonValue {
  if (step === undefined) return by(value);
  if (Array.isArray(value)) return value.map((member, index) => (index === step ? replaced(member, rest, by) : member));
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([key, member]) => [
      key,
      key === step ? replaced(member, rest, by) : member,
    ]),
  );
}

function valueAt(value: JsonValue, path: Path): unknown {
  return path.reduce<unknown>((within, step) => (within as Record<string | number, unknown>)[step], value);
}

/**
 * The leaves of a record that its event does not hold: those that can change without the event changing. Of a redacted
 * one the event says that it was there: it must change when the value is taken away.
 * @param toEvent the event, or undefined where the record becomes none
 */
export function lostLeaves(record: JsonObject, toEvent: (record: JsonObject) => JsonObject | undefined): string[] {
  const whole = JSON.stringify(withoutCopies(toEvent(record)));
  const redacted = redact(record).value;
  return leafPaths(record)
    .filter((path) => {
      const other = valueAt(redacted, path) === REDACTED ? removed(record, path) : altered(record, path);
      return JSON.stringify(withoutCopies(toEvent(other as JsonObject))) === whole;
    })
    .map((path) => path.join('.'));
}

/** An event without what follows from every member anyway: its uid, which is a hash of some, and the raw text. */
function withoutCopies(event: JsonObject | undefined): JsonObject {
  if (event === undefined) return {};
  const { raw_data: _text, raw_data_size: _size, raw_data_hash: _hash, metadata, ...rest } = event;
  if (!isObject(metadata)) return rest;
  const { uid: _uid, ...known } = metadata;
  return { ...rest, metadata: known };
}
