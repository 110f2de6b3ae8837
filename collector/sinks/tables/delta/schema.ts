import { isObject, type JsonObject, type JsonValue } from '../../../../mappings/json.js';

// Schemas as the log writes them: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format

/** A field of a struct. All of ours are nullable. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
}

export type FieldType =
  | 'string'
  | 'long'
  | 'double'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | { readonly struct: readonly Field[] }
  | { readonly array: FieldType };

const scalars: readonly unknown[] = ['string', 'long', 'double', 'boolean', 'timestamp', 'date'];

/** Two schemas give one column different types. */
export class TypeConflict extends Error {}

/** `schemaString` of these columns. */
export function schemaText(fields: readonly Field[]): string {
  return JSON.stringify(structJson(fields));
}

/**
 * The columns of a `schemaString`.
 * @returns undefined where it has a type that these tables never have
 */
export function parseSchema(text: string): Field[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isObject(value) ? parseStruct(value) : undefined;
}

/**
 * Every field that one of two schemas has, those of the first in their order, then the others. What only a newer program
 * knows stays.
 * @throws TypeConflict
 */
export function unionOf(first: readonly Field[], second: readonly Field[], path = ''): Field[] {
  const others = new Map(second.map((field) => [field.name, field]));
  const merged = first.map((field) => {
    const other = others.get(field.name);
    others.delete(field.name);
    return other ? { name: field.name, type: unionType(field.type, other.type, path + field.name) } : field;
  });
  return [...merged, ...others.values()];
}

function unionType(first: FieldType, second: FieldType, path: string): FieldType {
  if (typeof first === 'object' && typeof second === 'object') {
    if ('struct' in first && 'struct' in second) return { struct: unionOf(first.struct, second.struct, `${path}.`) };
    if ('array' in first && 'array' in second) return { array: unionType(first.array, second.array, path) };
  }
  if (first === second) return first;
  throw new TypeConflict(path);
}

function structJson(fields: readonly Field[]): JsonObject {
  return {
    type: 'struct',
    fields: fields.map(({ name, type }) => ({ name, type: typeJson(type), nullable: true, metadata: {} })),
  };
}

function typeJson(type: FieldType): JsonValue {
  if (typeof type === 'string') return type;
  if ('struct' in type) return structJson(type.struct);
  return { type: 'array', elementType: typeJson(type.array), containsNull: true };
}

function parseStruct(value: JsonObject): Field[] | undefined {
  if (value.type !== 'struct' || !Array.isArray(value.fields)) return undefined;
  const fields: Field[] = [];
  for (const field of value.fields) {
    const type = isObject(field) ? parseType(field.type) : undefined;
    if (!isObject(field) || typeof field.name !== 'string' || type === undefined) return undefined;
    fields.push({ name: field.name, type });
  }
  return fields;
}

function parseType(value: JsonValue | undefined): FieldType | undefined {
  if (scalars.includes(value)) return value as FieldType;
  if (!isObject(value)) return undefined;
  if (value.type === 'struct') {
    const struct = parseStruct(value);
    return struct && { struct };
  }
  const array = value.type === 'array' ? parseType(value.elementType) : undefined;
  return array && { array };
}
