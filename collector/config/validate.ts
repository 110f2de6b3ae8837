import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonValue } from '../../mappings/json.js';
import { schema } from './keys.js';

const validator = new Ajv2020({ allErrors: true, strict: false }).compile(schema as object);

/** JSON pointers, as segments, of what in a configuration document breaks the schema; empty where nothing does. */
export function violations(document: JsonValue): string[][] {
  if (validator(document)) return [];
  return (validator.errors ?? []).map((error) => error.instancePath.split('/').slice(1));
}
