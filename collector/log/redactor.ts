import { replaceSecretShapes } from '../../mappings/secret-shapes.js';

const mask = '[secret]';

/** Encoded forms shorter than this could be anything: masking them would hide innocent text and protect nothing. */
const shortestForm = 8;

/** Tokens of one account that are masked: those in force and before, of a few clients at the same time. */
const keptTokens = 8;
/** Accounts whose tokens are masked, the last used. */
const keptAccounts = 256;

/**
 * Whether a word could be a key or a token that somebody put where a name or a path belongs: one of JumpCloud's, or long
 * and of letters and digits, as no name is.
 */
export function looksLikeKey(word: string): boolean {
  if (/jc[as]_[A-Za-z0-9]/i.test(word)) return true;
  const mixed = /^[A-Za-z0-9+/=_-]{16,}$/.test(word) && /\d/.test(word) && /[A-Za-z]/.test(word);
  return mixed || /^[A-Za-z0-9+/=]{24,}$/.test(word);
}

/** Masks registered secrets wherever they stand in a text, also encoded as base64, hexadecimal, URL or JSON. */
export class Redactor {
  readonly #forms = new Set<string>();
  #pattern: RegExp | undefined;
  /** Tokens by account, each with its forms, and accounts: the last used stand last. */
  readonly #tokens = new Map<string, Map<string, readonly string[]>>();

  /** From now on this value is masked. Old values stay masked: they may still turn up. */
  add(secret: string): void {
    for (const form of formsOf(secret)) this.#forms.add(form);
    // A secret within another one must not leave the rest of it standing.
    const longestFirst = [...this.#forms].sort((one, other) => other.length - one.length);
    this.#pattern = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map(literally).join('|'), 'g');
  }

  /**
   * Masks a token that was fetched and is about to be used. Tokens follow each other for as long as the process runs, so
   * only the last ones of an account stay masked, and what is too short to be one never is: its endpoint could otherwise
   * empty the log.
   * @param account names whose token it is; no secret
   */
  useToken(account: string, token: string): void {
    if (token.length < shortestForm) return;
    const known = this.#tokens.get(account) ?? new Map<string, readonly string[]>();
    moveLast(known, token, known.get(token) ?? formsOf(token), keptTokens);
    moveLast(this.#tokens, account, known, keptAccounts);
  }

  /** The text with every secret in it masked, registered or known by its form. */
  mask(text: string): string {
    let masked = this.#pattern === undefined ? text : text.replace(this.#pattern, mask);
    // Token by token: all of them, some kilobytes long, would be a pattern too large.
    for (const known of this.#tokens.values())
      for (const forms of known.values()) for (const form of forms) masked = masked.replaceAll(form, mask);
    return replaceSecretShapes(masked, mask);
  }
}

/** The redactor of the process: output outside a log is masked with the same secrets. */
export const processRedactor = new Redactor();

/** Puts a member at the end of its map, and takes members off the beginning until `most` are left. */
function moveLast<T>(members: Map<string, T>, name: string, value: T, most: number): void {
  members.delete(name);
  members.set(name, value);
  for (const first of members.keys()) {
    if (members.size <= most) break;
    members.delete(first);
  }
}

function formsOf(secret: string): string[] {
  if (secret === '') return [];
  const url = encodeURIComponent(secret);
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith('-----'));
  const encoded = [
    ...base64Cores(secret),
    Buffer.from(secret).toString('hex'),
    url,
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    new URLSearchParams([['', secret]]).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
  ];
  return [secret, ...lines, ...encoded.filter((form) => form.length >= shortestForm)];
}

/**
 * What a secret looks like in base64 at each of the three places it can start at within a group of three bytes (as in
 * `user:password`), without the characters that its neighbours have a part in; in both alphabets.
 */
function base64Cores(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const head = Math.ceil((before * 8) / 6);
    const tail = (before + bytes.length) % 3 === 0 ? text.length : text.length - 1;
    const core = text.slice(head, tail);
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** The text as a pattern that matches nothing but itself. */
function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** JSON of a value whose texts and names are masked one by one: masked as a whole it could lose a quote and be none. */
export function maskedJson(value: unknown, mask: (text: string) => string, indent?: number): string {
  return JSON.stringify(
    value,
    (_name, member: unknown) => {
      if (typeof member === 'string') return mask(member);
      if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
      return Object.fromEntries(Object.entries(member).map(([name, one]) => [mask(name), one]));
    },
    indent,
  );
}
