import type { JsonValue } from '../../mappings/json.js';
import document from '../../schemas/config.json' with { type: 'json' };

/** The part of JSON Schema that schemas/config.json uses. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly JsonValue[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly default?: JsonValue;
  readonly examples?: readonly JsonValue[];
  readonly 'x-secret'?: boolean;
  readonly 'x-kind'?: string;
  readonly 'x-form'?: string;
  readonly 'x-minimum'?: string;
  readonly 'x-maximum'?: string;
  /** Characters that a secret has at least. */
  readonly 'x-min-length'?: number;
}

/** What a key's value is written as. */
export type KeyForm = 'text' | 'integer' | 'number' | 'boolean' | 'list' | 'map' | 'secret';

/** One key of the configuration and every name it goes by. */
export interface Key {
  /** `poll.interval` */
  readonly path: string;
  readonly segments: readonly string[];
  /** `POLL_INTERVAL` */
  readonly env: string;
  /** `JUMPCLOUD_API_KEY_FILE`; secrets only. */
  readonly fileEnv: string | undefined;
  /** `poll-interval`, written `--poll-interval`. Secrets have one only so that its use can be refused with the reason. */
  readonly flag: string;
  readonly form: KeyForm;
  readonly secret: boolean;
  /** Of the whole process rather than of a feed: refused in a member of `feeds`. */
  readonly shared: boolean;
  /** In words, what a value looks like: `a whole number from 1 to 10000`. */
  readonly expected: string;
  readonly schema: SchemaNode;
}

/** JSON Schema of the configuration, as in schemas/config.json. */
const schema = document as unknown as SchemaNode;

const sharedSections: ReadonlySet<string> = new Set([
  'log',
  'http',
  'receiver',
  'query',
  'console',
  'memory',
  'shutdown',
  'feeds',
]);

/** Keys whose own names are too common for a variable. */
const ofFeed: ReadonlySet<string> = new Set(['name', 'description', 'owners', 'account']);

/** Every key, in the order of the schema. */
export const keys: readonly Key[] = leaves(schema, []);

const byPath: ReadonlyMap<string, Key> = new Map(keys.map((key) => [key.path, key]));

/** @throws RangeError for a path that the schema does not have: a defect of the caller. */
export function keyAt(path: string): Key {
  const key = byPath.get(path);
  if (key === undefined) throw new RangeError(`the configuration schema has no key ${path}`);
  return key;
}

/** The schema with the environment names and flags added to each key. */
export function annotatedSchema(): SchemaNode {
  const copy = structuredClone(schema);
  for (const key of keys) {
    let node: SchemaNode = copy;
    for (const segment of key.segments) node = node.properties?.[segment] ?? node;
    const names = key.secret
      ? { 'x-env': key.env, 'x-env-file': key.fileEnv }
      : { 'x-env': key.env, 'x-flag': `--${key.flag}` };
    Object.assign(node, names);
  }
  return copy;
}

function leaves(node: SchemaNode, segments: readonly string[]): Key[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const path = [...segments, name];
    const resolved = resolve(property);
    return resolved.properties === undefined ? [toKey(path, resolved)] : leaves(resolved, path);
  });
}

function resolve(node: SchemaNode): SchemaNode {
  const name = node.$ref?.replace('#/$defs/', '');
  return name === undefined ? node : { ...schema.$defs?.[name], ...node };
}

function toKey(segments: readonly string[], node: SchemaNode): Key {
  const path = segments.join('.');
  const snake = segments.map((segment) => segment.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_');
  const env = ofFeed.has(segments[0]!) ? `FEED_${snake}` : snake;
  const secret = node['x-secret'] === true;
  return {
    path,
    segments,
    env,
    fileEnv: secret ? `${env}_FILE` : undefined,
    flag: snake.toLowerCase().replaceAll('_', '-'),
    form: secret ? 'secret' : formOf(node),
    secret,
    shared: sharedSections.has(segments[0]!),
    expected: expected(node),
    schema: node,
  };
}

function formOf(node: SchemaNode): KeyForm {
  if (node.type === 'integer' || node.type === 'number' || node.type === 'boolean') return node.type;
  if (node.type === 'array') return 'list';
  return node.type === 'object' ? 'map' : 'text';
}

function expected(node: SchemaNode): string {
  if (node['x-form'] !== undefined) return node['x-form'];
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`;
  if (node.type === 'boolean') return 'true or false';
  return `a ${node.type === 'integer' ? 'whole ' : ''}number from ${node.minimum} to ${node.maximum}`;
}
