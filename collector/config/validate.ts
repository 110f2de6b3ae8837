import type { JsonValue } from '../../mappings/json.js';
import { loadCompiled } from '../../schemas/validators.js';

/** JSON pointers, as segments, of what in a configuration document breaks the schema; empty where nothing does. */
export function violations(document: JsonValue): string[][] {
  const { validate } = loadCompiled('config');
  if (validate === undefined) throw new Error('the compiled configuration schema has no validator');
  if (validate(document)) return [];
  return (validate.errors ?? []).map((error) => error.instancePath.split('/').slice(1));
}
