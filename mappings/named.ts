import type { OcsfNamed } from './class-attributes.js';
import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';

/** Members that hold an id or a name, by precedence. */
const uidKeys = ['id', 'object_id', 'objectId', 'uid', '_id'];
const nameKeys = [
  'name',
  'displayName',
  'display_name',
  'displayLabel',
  'display_label',
  'hostname',
  'title',
  'username',
  'email',
];

/** A thing by its id and name, with its own word for its type; undefined where it has neither. */
export function readNamed(reader: RecordReader, of: JsonObject | undefined, type?: string): OcsfNamed | undefined {
  const thing = readIdentity(reader, of);
  if (thing === undefined) return undefined;
  const word = reader.text(of, 'type') ?? type;
  if (word !== undefined) thing.type = word;
  return thing;
}

/** A thing by its id and name; undefined where it has neither. */
export function readIdentity(reader: RecordReader, of: JsonObject | undefined): OcsfNamed | undefined {
  if (of === undefined) return undefined;
  const uid = firstText(reader, of, uidKeys);
  const name = firstText(reader, of, nameKeys);
  if (uid === undefined && name === undefined) return undefined;
  const thing: OcsfNamed = {};
  if (uid !== undefined) thing.uid = uid;
  if (name !== undefined) thing.name = name;
  return thing;
}

/** The name of a thing; its id stays for `unmapped`. */
export function readName(reader: RecordReader, of: JsonObject | undefined): string | undefined {
  return of === undefined ? undefined : firstText(reader, of, nameKeys);
}

function firstText(reader: RecordReader, of: JsonObject, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = reader.text(of, key);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The name by which a message refers to a group. */
export function groupNameOf(group: OcsfNamed): string {
  return group.name ?? group.uid ?? 'a group';
}
