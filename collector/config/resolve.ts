import { floorToMillisecond, type Instant, parseInstant } from '../../mappings/instant.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import { parseDuration } from './duration.js';
import type { PollStart } from './feed-config.js';
import { keyAt, keys } from './keys.js';
import { entriesToMap } from './parse-text.js';
import { type ReadFile, readSecret, Secret, takeSecret, unreadableFile } from './secret.js';
import type { Origin, Problem, Setting, Settings } from './setting.js';
import { violations } from './validate.js';

/** Paths of files that must be readable at start, so that a wrong path is named here and not by a TLS library. */
const certificateFiles: readonly string[] = [
  'jumpcloud.ca',
  'kafka.tls.ca',
  'kafka.tls.cert',
  'console.tls.cert',
  'receiver.cert',
];

/**
 * The settings in force for one feed, checked key by key: layers from weakest to strongest, then defaults, then what
 * follows from other keys. Readers below are typed by the schema that has been checked before they are called.
 */
export class Effective {
  readonly settings: Settings;
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  readonly #secrets = new Map<string, Secret>();

  constructor(layers: readonly Settings[], readFile: ReadFile) {
    const merged = new Map<string, Setting>();
    for (const key of keys) {
      const given = layers.map((layer) => layer.get(key.path)).findLast((setting) => setting !== undefined);
      if (given !== undefined) merged.set(key.path, given);
      else if (key.schema.default !== undefined)
        merged.set(key.path, { key, value: key.schema.default, origin: { kind: 'default', name: 'default' } });
    }
    this.#follow(merged);
    this.settings = merged;
    this.#checkForms();
    this.#readSecrets(readFile);
    this.#checkFiles(readFile);
  }

  /** Every secret in force. */
  get secrets(): Iterable<Secret> {
    return this.#secrets.values();
  }

  /** Where a key's value comes from; for a key without a value, the key's own name. */
  where(path: string): string {
    return this.settings.get(path)?.origin.name ?? path;
  }

  given(path: string): boolean {
    const kind = this.settings.get(path)?.origin.kind;
    return kind !== undefined && kind !== 'default' && kind !== 'derived';
  }

  refuse(path: string, message: string): void {
    this.problems.push({ where: this.where(path), message, path });
  }

  text(path: string): string {
    return this.settings.get(path)?.value as string;
  }

  optionalText(path: string): string | undefined {
    return this.settings.get(path)?.value as string | undefined;
  }

  number(path: string): number {
    return this.settings.get(path)?.value as number;
  }

  optionalNumber(path: string): number | undefined {
    return this.settings.get(path)?.value as number | undefined;
  }

  boolean(path: string): boolean {
    return this.settings.get(path)?.value as boolean;
  }

  /** A key of enumerated texts, which the schema has checked. */
  choice<T extends string>(path: string): T {
    return this.settings.get(path)?.value as T;
  }

  list<T extends JsonValue>(path: string): readonly T[] | undefined {
    return this.settings.get(path)?.value as readonly T[] | undefined;
  }

  map(path: string): ReadonlyMap<string, string> {
    return new Map(Object.entries((this.settings.get(path)?.value ?? {}) as Record<string, string>));
  }

  /** A section as the schema describes it, without its secrets. */
  section(name: string): Readonly<Record<string, JsonValue>> {
    const own = [...this.settings].filter(([, { key }]) => key.segments[0] === name && !key.secret);
    const { [name]: section } = toDocument(new Map(own)) as Record<string, JsonValue>;
    return isObject(section) ? section : {};
  }

  secret(path: string): Secret | undefined {
    return this.#secrets.get(path);
  }

  duration(path: string): number {
    return parseDuration(this.text(path))!;
  }

  durationOrNever(path: string): number | 'never' {
    return isNever(this.text(path)) ? 'never' : this.duration(path);
  }

  moment(path: string): number | undefined {
    const text = this.optionalText(path);
    return text === undefined ? undefined : floorToMillisecond(parseMoment(text)!);
  }

  momentOrNever(path: string): number | 'never' | undefined {
    return this.optionalText(path) === 'never' ? 'never' : this.moment(path);
  }

  start(path: string): PollStart {
    const text = this.text(path);
    const instant = parseMoment(text);
    return instant === undefined ? { kind: 'back', ms: parseDuration(text)! } : { kind: 'instant', instant };
  }

  /** What is unset and follows from what is set. */
  #follow(merged: Map<string, Setting>): void {
    const derive = (path: string, value: JsonValue, because: string, note: string) => {
      if (merged.get(path)?.origin.kind !== 'default') return;
      const origin: Origin = { kind: 'derived', name: `because ${because} is set` };
      merged.set(path, { key: keyAt(path), value, origin });
      this.notes.push(note);
    };
    if (merged.has('kafka.brokers'))
      derive('sink', 'kafka', 'kafka.brokers', 'kafka.brokers is set and sink is not: the sink is kafka');
    const tls = ['ca', 'cert', 'key', 'serverName'].map((name) => `kafka.tls.${name}`).find((path) => merged.has(path));
    if (tls !== undefined)
      derive('kafka.tls.enabled', true, tls, `${tls} is set and kafka.tls.enabled is not: TLS is on`);
  }

  #checkForms(): void {
    const wrong = new Set<string>();
    for (const pointer of violations(toDocument(this.settings))) {
      const path = [...this.settings.keys()].find((candidate) => belongs(pointer, candidate.split('.')));
      wrong.add(path ?? pointer.join('.'));
    }
    for (const [path, { key, value }] of this.settings)
      if (typeof value === 'string' && !wrong.has(path) && outOfForm(key.schema, value)) wrong.add(path);
    for (const path of wrong) this.refuse(path, `${path} must be ${expectation(path)}`);
    for (const [path, { key, value }] of this.settings) {
      const given = key.secret && isObject(value) ? value.file : key.expected === 'a path' ? value : undefined;
      if (typeof given === 'string' && UNEXPANDED.test(given))
        this.refuse(path, `${path}: nothing replaces ~ or variables in the configuration: write the path as it is`);
    }
  }

  #readSecrets(readFile: ReadFile): void {
    for (const [path, { key, value, origin }] of this.settings) {
      if (!key.secret) continue;
      const file = isObject(value) ? value.file : undefined;
      if (typeof file !== 'string' && typeof value !== 'string') continue;
      const taken =
        typeof file === 'string'
          ? readSecret(key, file, origin.name, readFile)
          : takeSecret(key, value as string, origin.name);
      if (taken.problem !== undefined) this.problems.push({ ...taken.problem, path });
      if (taken.secret !== undefined)
        this.#secrets.set(path, origin.kind === 'managed' ? inConsole(taken.secret) : taken.secret);
      this.notes.push(...taken.notes);
    }
  }

  #checkFiles(readFile: ReadFile): void {
    for (const path of certificateFiles) {
      const file = this.optionalText(path);
      if (file === undefined) continue;
      try {
        if (!readFile(file).text.includes('-----BEGIN CERTIFICATE-----'))
          this.refuse(path, `${path}: ${file} holds no PEM certificate`);
      } catch (error) {
        this.problems.push({
          where: this.where(path),
          message: unreadableFile(path, file, error),
          path,
          unreadable: true,
        });
      }
    }
  }
}

/** What a shell would replace in a path, and the character that ends it. */
const UNEXPANDED = /^~(?:\/|$)|^\$[A-Za-z_]|\$\{|\0/;

/** A secret that is replaced in the console, whatever file holds it. */
function inConsole(secret: Secret): Secret {
  return new Secret(secret.reveal(), secret.file, 'the console, in its field or by Renew key');
}

/** DISABLED is the word of the console; the schema says which keys take it. */
function isNever(text: string): boolean {
  return text === 'never' || text === 'DISABLED';
}

/** A date, taken as its first moment in UTC, or a date-time; undefined for anything else. */
function parseMoment(text: string): Instant | undefined {
  return parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
}

/** What the schema's patterns cannot check: 31 February, years in a duration, durations out of bounds, addresses that are none. */
function outOfForm(schema: (typeof keys)[number]['schema'], value: string): boolean {
  const kind = schema['x-kind'];
  if (isNever(value) && kind?.endsWith('OrNever')) return false;
  if (kind === 'moment' || kind === 'momentOrNever') return parseMoment(value) === undefined;
  if (kind === 'start') return parseMoment(value) === undefined && parseDuration(value) === undefined;
  if (kind === 'url') return !URL.canParse(value);
  if (kind !== 'duration' && kind !== 'durationOrNever') return false;
  const ms = parseDuration(value);
  const least = parseDuration(schema['x-minimum'] ?? '0s')!;
  const most = parseDuration(schema['x-maximum'] ?? '366000d')!;
  return ms === undefined || ms < least || ms > most;
}

function expectation(path: string): string {
  const key = keys.find((candidate) => candidate.path === path);
  if (key === undefined) return 'as the schema says';
  const { 'x-minimum': least, 'x-maximum': most } = key.schema;
  const bounds = [least === undefined ? '' : `at least ${least}`, most === undefined ? '' : `at most ${most}`];
  return [key.expected, ...bounds.filter((bound) => bound !== '')].join(', ');
}

/** True where a violation at this pointer is one of the key's value or of something inside it. */
function belongs(pointer: readonly string[], segments: readonly string[]): boolean {
  return segments.every((segment, index) => pointer[index] === segment);
}

/** Settings as the nested document that the schema describes. */
export function toDocument(settings: Settings): JsonValue {
  const root = entriesToMap([]);
  for (const { key, value } of settings.values()) {
    let node = root as Record<string, JsonValue>;
    for (const segment of key.segments.slice(0, -1)) {
      node[segment] ??= entriesToMap([]);
      node = node[segment] as Record<string, JsonValue>;
    }
    node[key.segments.at(-1)!] = value;
  }
  return root;
}
