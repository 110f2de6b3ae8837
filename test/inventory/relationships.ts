import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Entity } from '../../collector/sinks/sink.js';
import { strict } from '../monitoring/status/strict-schema.js';

const schema = JSON.parse(readFileSync(new URL('../../schemas/relationship.json', import.meta.url), 'utf8')) as object;
const validate = new Ajv2020({ strictTypes: false, strictRequired: false }).compile(strict(schema) as object);
const types = new Set(['membership', 'assignment', 'role_holder', 'account_edge']);

/** What a relationship among these is not as its schema says, or holds besides; and how many there are. */
export function faultyRelationships(entities: readonly Entity[]): { relationships: number; faults: string[] } {
  const texts = entities.flatMap(({ type, value }) => (types.has(type) && value !== undefined ? [value] : []));
  const faults = texts.filter((text) => !validate(JSON.parse(text)));
  return { relationships: texts.length, faults: faults.slice(0, 3) };
}
