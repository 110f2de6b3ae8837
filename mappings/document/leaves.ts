import type { JsonObject, JsonValue } from '../json.js';

/** A value that has no members, and how to get there. */
export interface Leaf {
  readonly steps: readonly (string | number)[];
  readonly value: string | number | boolean;
}

/** Every leaf that says something: null and '' say nothing. */
export function leavesOf(value: JsonValue): Leaf[] {
  const leaves: Leaf[] = [];
  gather(value, [], leaves);
  return leaves;
}

function gather(value: JsonValue, steps: readonly (string | number)[], leaves: Leaf[]): void {
  if (value === null || value === '') return;
  if (typeof value !== 'object') leaves.push({ steps, value });
  else if (Array.isArray(value)) value.forEach((member, index) => void gather(member, [...steps, index], leaves));
  else for (const key of Object.keys(value)) gather(value[key] ?? null, [...steps, key], leaves);
}

/** The way to a leaf as people write it; the places of an array are one: `changes[].field`. */
export function nameOfPath(steps: readonly (string | number)[]): string {
  return steps.reduce<string>((name, step) => {
    if (typeof step === 'number') return `${name}[]`;
    return name === '' ? step : `${name}.${step}`;
  }, '');
}

/** The same value with another leaf in a place. */
export function withLeaf(value: JsonValue, [step, ...rest]: readonly (string | number)[], leaf: JsonValue): JsonValue {
  if (step === undefined) return leaf;
  if (Array.isArray(value))
    return value.map((member, index) => (index === step ? withLeaf(member, rest, leaf) : member));
  return { ...(value as JsonObject), [step]: withLeaf((value as JsonObject)[step] ?? null, rest, leaf) };
}
