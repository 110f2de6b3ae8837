import type { JsonObject, JsonValue } from '../../../mappings/json.js';
import { isObject } from '../../../mappings/json.js';

/** What a column holds. `json` is kept as its own JSON text. */
export type ColumnType =
  | { readonly kind: 'text' | 'integer' | 'float' | 'boolean' | 'json' }
  | { readonly kind: 'struct'; readonly fields: readonly Column[] }
  | { readonly kind: 'list'; readonly item: ColumnType };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * The columns in which every event that is valid against a JSON Schema fits without loss: objects become structs,
 * arrays lists, numbers doubles; an object of free form (and one that contains itself) stays JSON text.
 * @param resolve finds the schema that a `$ref` names
 */
export function columnsOf(schema: JsonObject, resolve: (reference: string) => JsonObject): Column[] {
  const type = typeOf(schema, resolve, []);
  if (type.kind !== 'struct') throw new TypeError(`Not a schema of an object: ${String(schema.$id)}`);
  return [...type.fields];
}

function typeOf(
  schema: JsonValue | undefined,
  resolve: (reference: string) => JsonObject,
  within: readonly string[],
): ColumnType {
  if (!isObject(schema)) return { kind: 'json' };
  if (typeof schema.$ref === 'string') {
    if (within.includes(schema.$ref)) return { kind: 'json' };
    return typeOf(resolve(schema.$ref), resolve, [...within, schema.$ref]);
  }
  const kind = kindOf(schema);
  if (kind === 'list') return { kind, item: typeOf(schema.items, resolve, within) };
  if (kind !== 'struct') return { kind };
  const properties = isObject(schema.properties) ? schema.properties : {};
  const fields = Object.entries(properties).map(([name, property]) => ({
    name,
    type: typeOf(property, resolve, within),
  }));
  return { kind, fields };
}

function kindOf(schema: JsonObject): ColumnType['kind'] {
  const example = schema.const ?? (Array.isArray(schema.enum) ? schema.enum[0] : undefined);
  switch (schema.type ?? (Number.isInteger(example) ? 'integer' : typeof example)) {
    case 'string':
      return 'text';
    case 'integer':
      return 'integer';
    case 'number':
      return 'float';
    case 'boolean':
      return 'boolean';
    case 'array':
      return 'items' in schema ? 'list' : 'json';
    case 'object':
      return isObject(schema.properties) && schema.additionalProperties === false ? 'struct' : 'json';
    default:
      return 'json';
  }
}

/**
 * The columns but for those, and those scalar fields of structs, that are left out. A struct within a struct, and a list there,
 * stays: readers that know schemas that grow (DuckDB 2.0) fail where one of them is missing. Of a struct one field stays.
 * @param isLeftOut asked with the path of each column, and of each scalar field of those that stay
 */
export function without(
  columns: readonly Column[],
  isLeftOut: (path: readonly string[]) => boolean,
  within: readonly string[] = [],
): Column[] {
  return columns.flatMap<Column>(({ name, type }) => {
    const path = [...within, name];
    const isScalar = type.kind !== 'struct' && type.kind !== 'list';
    if ((isScalar || within.length === 0) && isLeftOut(path)) return [];
    if (type.kind !== 'struct') return [{ name, type }];
    const fields = without(type.fields, isLeftOut, path);
    return [{ name, type: { ...type, fields: fields.length > 0 ? fields : type.fields.slice(0, 1) } }];
  });
}

const scalarTypes = { text: 'VARCHAR', integer: 'BIGINT', float: 'DOUBLE', boolean: 'BOOLEAN', json: 'JSON' } as const;

/** The type as DuckDB writes it, e.g. `STRUCT("ip" VARCHAR)[]`. */
export function duckType(type: ColumnType): string {
  switch (type.kind) {
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${duckType(field.type)}`).join(', ')})`;
    case 'list':
      return `${duckType(type.item)}[]`;
    default:
      return scalarTypes[type.kind];
  }
}

/** An identifier of SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string of SQL. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The pattern that means one path alone: DuckDB takes what it reads for a pattern, and would read a neighbour's file. */
export function patternOf(path: string): string {
  return path.replace(/[*?[]/g, '[$&]');
}

/** The path of a file to read, as a string of SQL. */
export function quoteFile(path: string): string {
  return quoteText(patternOf(path));
}
