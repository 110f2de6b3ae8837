import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { JsonValue } from '../../mappings/json.js';
import { looksLikeKey } from '../log/redactor.js';
import { nearest } from './did-you-mean.js';
import { type Key, keys } from './keys.js';
import { entriesToMap, fromText, item } from './parse-text.js';
import type { Problem, Setting, Settings } from './setting.js';

/** A configuration file, read: shared settings and, where it lists feeds, the settings of each. */
export interface ConfigDocument {
  readonly shared: Settings;
  readonly feeds: readonly FeedSettings[] | undefined;
  readonly problems: readonly Problem[];
}

export interface FeedSettings {
  readonly settings: Settings;
  /** `config.yaml:12`: where the member begins. */
  readonly where: string;
}

/** The sections and keys below one point of the configuration. */
type Level = Map<string, Key | Level>;

const rootLevel = levelOf(keys);
const feedLevel = levelOf(keys.filter((key) => !key.shared));
const largest = 1024 * 1024;

/**
 * Reads the text of a configuration file. Walks the document beside the tree of keys, so that only known names are ever
 * looked at (`__proto__` is an unknown key like any other) and every setting knows its line.
 * @param file the name by which problems call the file
 */
export function readDocument(text: string, file: string): ConfigDocument {
  const opened = open(text, file, 'file');
  if ('where' in opened) return { shared: new Map(), feeds: undefined, problems: [opened] };
  return opened.reader.root(opened.contents);
}

/**
 * Reads the text of a file that holds the keys of one feed.
 * @param kind who writes the file: the operator, or the console
 */
export function readMember(
  text: string,
  file: string,
  kind: 'file' | 'managed',
): { settings: Settings; problems: readonly Problem[] } {
  const opened = open(text, file, kind);
  if ('where' in opened) return { settings: new Map(), problems: [opened] };
  const settings = opened.reader.member(opened.contents);
  return { settings, problems: opened.reader.problems };
}

function open(
  text: string,
  file: string,
  kind: 'file' | 'managed',
): Problem | { readonly reader: Reader; readonly contents: Node | null } {
  if (text.length > largest) return { where: file, message: 'is larger than 1 MiB: not a configuration' };
  const lines = new LineCounter();
  const parsed = parse(text, lines);
  if (parsed === undefined) return { where: file, message: 'is nested too deeply: not a configuration' };
  const first = parsed.errors[0];
  if (first !== undefined)
    return { where: `${file}:${lines.linePos(first.pos[0]).line}`, message: syntaxProblem(first.code) };
  const reader = new Reader(
    file,
    kind,
    (offset) => lines.linePos(offset).line,
    (node) => (isAlias(node) ? node.resolve(parsed) : node),
  );
  return { reader, contents: parsed.contents };
}

/** Undefined where the nesting is beyond what the parser's recursion can take. */
function parse(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true, version: '1.2' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

class Reader {
  readonly #problems: Problem[] = [];

  constructor(
    private readonly file: string,
    private readonly kind: 'file' | 'managed',
    private readonly lineAt: (offset: number) => number,
    private readonly resolve: (node: Node) => Node | undefined,
  ) {}

  root(contents: Node | null): ConfigDocument {
    const shared = new Map<string, Setting>();
    let feeds: FeedSettings[] | undefined;
    this.#walk(contents, rootLevel, '', shared, (name, value) => {
      const given = this.#follow(value);
      // feeds.directory is a key like any other.
      if (name !== 'feeds' || (isMap(given) && given.has('directory'))) return false;
      feeds = this.#feeds(value);
      return true;
    });
    return { shared, feeds, problems: this.#problems };
  }

  /** A file of its own that holds what else is a member of `feeds`. */
  member(contents: Node | null): Settings {
    const settings = new Map<string, Setting>();
    this.#walk(contents, feedLevel, '', settings, () => false);
    return settings;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  #feeds(node: Node | null): FeedSettings[] {
    const list = this.#follow(node);
    if (!isSeq(list) || list.items.length === 0) {
      this.#problem(node, 'feeds must be a list of at least one feed, or {directory: a path}');
      return [];
    }
    return list.items.map((member) => {
      const settings = new Map<string, Setting>();
      this.#walk(member as Node, feedLevel, '', settings, () => false);
      return { settings, where: this.#where(member as Node) };
    });
  }

  /** @param special takes a name of this level that is no key; true where it did */
  #walk(
    node: Node | null,
    level: Level,
    prefix: string,
    into: Map<string, Setting>,
    special: (name: string, value: Node | null) => boolean,
  ): void {
    const map = this.#follow(node);
    if (isAlias(node) && map === null) this.#problem(node, `*${nameShown(node.source)} names no anchor above it`);
    if (map === null || (isScalar(map) && map.value === null)) return;
    if (!isMap(map)) {
      this.#problem(node, `${prefix === '' ? 'the configuration' : prefix} must hold keys, each on its line`);
      return;
    }
    for (const pair of map.items) {
      const keyNode = pair.key as Node;
      const value = pair.value as Node | null;
      const name = isScalar(keyNode) ? String(keyNode.value) : '';
      const path = prefix === '' ? name : `${prefix}.${name}`;
      if (special(name, value)) continue;
      const found = level.get(name);
      if (found === undefined) this.#problem(keyNode, this.#unknown(path, name, level, prefix));
      else if (found instanceof Map) this.#walk(value, found, path, into, () => false);
      else this.#leaf(found, keyNode, value, into);
    }
  }

  #leaf(key: Key, keyNode: Node, node: Node | null, into: Map<string, Setting>): void {
    const value = this.#value(key, this.#follow(node));
    if (value === undefined)
      this.#problem(keyNode, `${key.path} has no usable value: it must be ${key.expected}`, key.path);
    else into.set(key.path, { key, value, origin: { kind: this.kind, name: this.#where(keyNode) } });
  }

  #value(key: Key, node: Node | null): JsonValue | undefined {
    if (isScalar(node)) {
      const text = scalarText(node);
      return text === undefined ? undefined : fromText(key, text);
    }
    if (isSeq(node) && key.form === 'list') {
      const items = node.items.map((member) => this.#item(key, this.#follow(member as Node)));
      return items.every((value) => value !== undefined) ? items : undefined;
    }
    if (isMap(node) && (key.form === 'map' || key.secret)) return this.#entries(node);
    return undefined;
  }

  #item(key: Key, node: Node | null): JsonValue | undefined {
    if (isMap(node) && key.schema.items?.type === 'object') return this.#entries(node);
    const text = scalarText(node);
    return text === undefined ? undefined : item(key, text);
  }

  #entries(node: YAMLMap): JsonValue | undefined {
    const entries = node.items.map((pair): [string | undefined, string | undefined] => [
      scalarText(pair.key as Node),
      scalarText(this.#follow(pair.value as Node | null)),
    ]);
    if (entries.some(([name, text]) => name === undefined || text === undefined)) return undefined;
    return entriesToMap(entries as [string, string][]);
  }

  #unknown(path: string, name: string, level: Level, prefix: string): string {
    if (level === feedLevel && rootLevel.has(name))
      return `${path} is of the whole process and cannot stand in a feed: move it to the top level`;
    if (name === '<<')
      return 'the merge key << is not of YAML 1.2: what is at the top level is the default of all feeds, and an alias can stand for a whole section';
    const secretFile = keys.find((key) => key.secret && path === `${key.path}File`);
    if (secretFile !== undefined) return `${path} is not a key; write ${secretFile.path}: {file: …}`;
    const shown = prefix === '' ? nameShown(name) : `${prefix}.${nameShown(name)}`;
    const meant = meantBy(name, path, level, prefix);
    return meant === undefined
      ? `${shown} is not a key; there are ${[...level.keys()].join(', ')} here`
      : `${shown} is not a key; did you mean ${meant}?`;
  }

  #follow(node: Node | null | undefined): Node | null {
    return node == null ? null : (this.resolve(node) ?? null);
  }

  #where(node: Node | null): string {
    const offset = node?.range?.[0];
    return offset === undefined ? this.file : `${this.file}:${this.lineAt(offset)}`;
  }

  #problem(node: Node | null, message: string, path?: string): void {
    this.#problems.push({ where: this.#where(node), message, ...(path === undefined ? {} : { path }) });
  }
}

/** A name as a message may show it: in `{apiKey:text}` without a space, or pasted on the wrong side, the name holds the secret. */
function nameShown(name: string): string {
  return /^[\w-]{1,40}$/.test(name) && !looksLikeKey(name) ? name : 'this';
}

/** The key that was probably meant: the same name elsewhere, a like name here, a like name elsewhere. */
function meantBy(name: string, path: string, level: Level, prefix: string): string | undefined {
  const elsewhere = keys.find((key) => key.segments.length > 1 && key.segments.at(-1) === name);
  if (elsewhere !== undefined) return elsewhere.path;
  const here = nearest(name, level === rootLevel ? [...level.keys(), 'feeds'] : level.keys());
  if (here !== undefined) return prefix === '' ? here : `${prefix}.${here}`;
  return nearest(
    path,
    keys.map((key) => key.path),
  );
}

/** A scalar's text: numbers as they are written, since an organization id of digits only is not a number. */
function scalarText(node: Node | null): string | undefined {
  if (!isScalar(node) || node.value === null || node.value === undefined) return undefined;
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

function levelOf(some: readonly Key[]): Level {
  const root: Level = new Map();
  for (const key of some) {
    let level = root;
    for (const segment of key.segments.slice(0, -1)) {
      const next = level.get(segment);
      const below: Level = next instanceof Map ? next : new Map();
      level.set(segment, below);
      level = below;
    }
    level.set(key.segments.at(-1)!, key);
  }
  return root;
}

/** The parser's own messages quote the line, which may hold a secret. */
function syntaxProblem(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key stands twice';
  if (code === 'TAB_AS_INDENT') return 'a tab is used as indentation: YAML takes spaces only';
  if (code === 'BAD_INDENT') return 'the indentation does not fit the lines above, or a bracket is left open';
  if (code === 'MISSING_CHAR') return 'a closing quote or bracket, or a comma or space, is missing';
  return `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}
