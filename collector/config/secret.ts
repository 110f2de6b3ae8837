import { inspect } from 'node:util';
import { looksLikeKey } from '../log/redactor.js';
import type { Key } from './keys.js';
import type { Problem } from './setting.js';

/** A file as the loader sees it: its text and its permission bits. */
export interface FileText {
  readonly text: string;
  readonly mode: number;
}

/** Reads a file; throws what node:fs throws. */
export type ReadFile = (path: string) => FileText;

/** A secret value that shows itself only where it is asked to. */
export class Secret {
  readonly #text: string;
  /** The file it was read from, to be read again when it changes. */
  readonly file: string | undefined;
  /** Where people replace it, as messages call the place; undefined: in its file, or the variable of its key. */
  readonly place: string | undefined;

  constructor(text: string, file?: string, place?: string) {
    this.#text = text;
    this.file = file;
    this.place = place;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** What became of a secret that was asked for. */
export interface SecretOutcome {
  readonly secret: Secret | undefined;
  readonly problem: Problem | undefined;
  readonly notes: readonly string[];
}

const largest = 64 * 1024;

/**
 * Takes a secret as given. What copy and paste adds (line ends, and for keys and tokens spaces and quotes, which they
 * cannot contain) is taken off and named.
 * @param where where it was given: `JUMPCLOUD_API_KEY`, `config.yaml:12`
 * @param file the file the text came from
 */
export function takeSecret(key: Key, text: string, where: string, file?: string): SecretOutcome {
  const place = file === undefined ? where : `${where} (${file})`;
  const notes: string[] = [];
  const refused = (message: string): SecretOutcome => ({
    secret: undefined,
    problem: { where: place, message },
    notes,
  });
  let cleaned = strip(text, /^\uFEFF/, 'a byte order mark');
  cleaned = strip(cleaned, /[\r\n]+$/, 'the trailing newline');
  if (key.schema['x-kind'] === 'token') {
    cleaned = strip(cleaned, /^\s+|\s+$/g, 'white space around it');
    cleaned = strip(cleaned, /^(["'])(.*)\1$/s, 'the quotes around it', '$2');
    if (/\s/.test(cleaned))
      return refused(`${key.path} has white space in the middle: it was probably not copied whole`);
  }
  if (cleaned === '') return refused(`${key.path} is empty`);
  if (/^\$\{[^{}]+\}$/.test(cleaned))
    return refused(
      `${key.path} names a variable, which nothing replaces: leave the key out and set ${key.env}, or ${key.fileEnv}`,
    );
  const least = key.schema['x-min-length'] ?? 0;
  if (cleaned.length < least)
    return refused(`${key.path} has fewer than ${least} characters: make one with \`openssl rand -hex 32\``);
  if (key.schema['x-kind'] === 'pem' && !cleaned.includes('-----BEGIN '))
    return refused(`${key.path} is not PEM text; for a path write {file: …} or set ${key.fileEnv}`);
  return { secret: new Secret(cleaned, file), problem: undefined, notes };

  function strip(from: string, pattern: RegExp, what: string, by = ''): string {
    const rest = from.replace(pattern, by);
    if (rest !== from) notes.push(`${place}: took ${what} off ${key.path}`);
    return rest;
  }
}

/** Reads a secret from its file, at start and whenever the file changes. */
export function readSecret(key: Key, file: string, where: string, readFile: ReadFile): SecretOutcome {
  let read: FileText;
  try {
    read = readFile(file);
  } catch (error) {
    return {
      secret: undefined,
      problem: { where, message: unreadableFile(key.path, file, error), unreadable: true },
      notes: [],
    };
  }
  if (read.text.length > largest)
    return { secret: undefined, problem: { where, message: `${file} is larger than 64 KiB: not a secret` }, notes: [] };
  const taken = takeSecret(key, read.text, where, file);
  const open =
    (read.mode & 0o004) !== 0 ? [`${file} (${key.path}) can be read by every user of the machine: chmod o-r`] : [];
  return { ...taken, notes: [...taken.notes, ...open] };
}

/** That the file a key names cannot be read. What is no path but the secret itself is not shown. */
export function unreadableFile(path: string, file: string, error: unknown): string {
  if (/^[~.]{0,2}\//.test(file) || !looksLikeKey(file)) return `the file of ${path}, ${file}, ${unreadable(error)}`;
  return `${path} is to be read from a file, and what is given looks like the secret itself, not like the path of a file`;
}

/** Why a file could not be read, in words that follow its name. */
export function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read (${code})`;
}
