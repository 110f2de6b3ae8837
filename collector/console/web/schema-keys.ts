/*
 * The keys of a feed out of the schema that the server gives: what a form needs to know of each.
 */
import type { SchemaNode } from '../../config/keys.js';
import type { Json } from '../answers.js';

export interface FormKey {
  /** `poll.interval` */
  readonly path: string;
  readonly title: string;
  readonly description: string;
  readonly kind: 'text' | 'number' | 'switch' | 'choice' | 'choices' | 'list' | 'map' | 'secret' | 'owners';
  readonly choices: readonly (string | number)[];
  readonly default: Json | undefined;
  readonly example: Json | undefined;
  /** In words, what a value looks like. */
  readonly expected: string;
  readonly environment: string | undefined;
}

type Node = SchemaNode & { readonly 'x-env'?: string };

/** What is of the process and not of a feed, and what the operator's own files alone may say of one. */
const ELSEWHERE = new Set(['log', 'http', 'receiver', 'query', 'shutdown', 'console', 'feeds', 'name', 'respond']);

/** Every key of a feed, in the order of the schema. */
export function formKeys(schema: SchemaNode): readonly FormKey[] {
  const of = (node: SchemaNode): Node => {
    const name = node.$ref?.replace('#/$defs/', '');
    return name === undefined ? node : { ...schema.$defs?.[name], ...node };
  };
  const member = of(of(schema.properties?.feeds ?? {}).items ?? {}).properties;
  const leaves = (node: Node, before: string): FormKey[] =>
    Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
      const inner = of(property);
      const path = `${before}${name}`;
      return inner.properties !== undefined && inner['x-secret'] !== true
        ? leaves(inner, `${path}.`)
        : [toKey(path, inner)];
    });
  const isOfFeed = (name: string) => !ELSEWHERE.has(name) && (member === undefined || name in member);
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => isOfFeed(name))
    .flatMap(([name, node]) => leaves({ properties: { [name]: node } }, ''));
}

function toKey(path: string, node: Node): FormKey {
  return {
    path,
    title: node.title ?? path,
    description: node.description ?? '',
    kind: kindOf(path, node),
    choices: (node.items?.enum ?? node.enum ?? []) as readonly (string | number)[],
    default: node.default,
    example: node.examples?.[0],
    expected: node['x-form'] ?? '',
    environment: node['x-env'],
  };
}

function kindOf(path: string, node: Node): FormKey['kind'] {
  if (node['x-secret'] === true) return 'secret';
  if (path === 'owners') return 'owners';
  if (node.type === 'boolean') return 'switch';
  if (node.type === 'integer' || node.type === 'number') return 'number';
  if (node.type === 'array') return node.items?.enum === undefined ? 'list' : 'choices';
  if (node.type === 'object') return 'map';
  return node.enum === undefined ? 'text' : 'choice';
}
