import { isMarkedNumber, parseExactly, restoreNumbers } from './exact-numbers.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';
import type { ReceivedRecord } from './record.js';

/*
 * What is taken for a secret (design decision 9):
 *
 * 1. The value of a member whose name, cut into words (`clientSecret`, `api_key`, `mfa.totp`), holds one of the words
 *    below, unless its last word says that it only tells about the secret (`password_expiration_date`, `tokenType`,
 *    `apiKeyPrefix`), or it is public (`public_key`).
 * 2. The value, from or to of an object that names what it is about in `field`, `key`, `name` or `attribute`
 *    (`{field: 'password', from, to}`), by the same words; such a `key` itself is a name, not a key.
 * 3. Inside an object or array that is such a value, every text and number, except under names of rule 1's second half.
 *
 * Booleans, null, empty texts and what is masked already hold no secret and stay: `sso_token_success`, `apiKeyAllowed`, `totp: {success}`.
 * Numbers stay where the word is token or key: they count them (`input_tokens`).
 */
export const REDACTED = '[redacted]';

const secretWords = new Set(
  'password passwords passwd pwd passphrase passphrases passcode passcodes pin pincode pincodes secret secrets totp otp cookie cookies'.split(
    ' ',
  ),
);
const countableWords = new Set('token tokens key keys apikey apikeys'.split(' '));
const harmlessEnds = new Set(
  (
    'id ids uid name names type types kind status state success result enabled disabled allowed set required configured ' +
    'enrolled enrollment active activated expired expire expires expiry expiration date dates time times timestamp at on ' +
    'days count counts length size limit lifetime ttl age policy policies algorithm method methods version prefix protocol provider ' +
    'rotation reason error message description created updated modified changed used last source url action usage format'
  ).split(' '),
);
const publicWords = new Set(['public', 'fingerprint', 'thumbprint']);
const labels = new Set(['field', 'key', 'name', 'attribute']);
const labelled = new Set('value values from to old new old_value new_value oldValue newValue before after'.split(' '));

const RECOVERY_CODE = /(^| )(recovery|backup|scratch) codes?$/;

/** Nothing, or what JumpCloud itself put in a secret's place. */
const MASKED = /^(\*+|\[(hidden|masked|filtered|redacted)\])?$/i;

/** Levels of nesting that are searched for secrets: few enough for the stack, and for the source to have parsed them. */
const DEEPEST_SEARCHED = 500;

/** How much of a value its name makes a secret: nothing, texts alone, or texts and numbers; `told`: it only tells about one. */
type Sensitivity = 'none' | 'texts' | 'all' | 'told';

/** What a member's name says. */
interface NameKind {
  readonly sensitivity: Sensitivity;
  /** It holds the name of what the object is about. */
  readonly isLabel: boolean;
  /** It holds the value of what the object is about. */
  readonly isLabelled: boolean;
}

const judged = new Map<string, NameKind>();
const MOST_JUDGED = 10_000;

function judge(name: string): NameKind {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const kind = { sensitivity: judgeWords(wordsOf(name)), isLabel: labels.has(name), isLabelled: labelled.has(name) };
  if (judged.size < MOST_JUDGED && name.length <= 100) judged.set(name, kind);
  return kind;
}

function judgeWords(words: readonly string[]): Sensitivity {
  if (words.length === 0) return 'none';
  const told = harmlessEnds.has(words.at(-1)!) || words.some((word) => publicWords.has(word));
  if (told) return 'told';
  if (words.some((word) => secretWords.has(word)) || RECOVERY_CODE.test(words.join(' '))) return 'all';
  return words.some((word) => countableWords.has(word)) ? 'texts' : 'none';
}

function wordsOf(name: string): string[] {
  return name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** What a redaction left. */
export interface Redaction {
  readonly value: JsonValue;
  readonly redacted: boolean;
  /** Members of all objects in the value. */
  readonly members: number;
}

interface Tally {
  members: number;
}

/**
 * Replaces the secrets of a value by `[redacted]`. The value itself is not changed: what holds no secret is shared.
 * @throws RangeError where the value is nested more than 500 levels deep
 */
export function redact(value: JsonValue): Redaction {
  const tally: Tally = { members: 0 };
  const redacted = redactValue(value, 'none', 0, tally);
  return { value: redacted, redacted: redacted !== value, members: tally.members };
}

function redactValue(value: JsonValue, sensitivity: Sensitivity, depth: number, tally: Tally): JsonValue {
  if (typeof value === 'number' || (typeof value === 'string' && isMarkedNumber(value)))
    return sensitivity === 'all' ? REDACTED : value;
  if (typeof value === 'string') return hides(sensitivity) && !MASKED.test(value) ? REDACTED : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST_SEARCHED) throw new RangeError(`nested more than ${DEEPEST_SEARCHED} levels deep`);
  if (Array.isArray(value)) return redactArray(value, sensitivity, depth, tally);
  return redactObject(value, sensitivity, depth, tally);
}

function hides(sensitivity: Sensitivity): boolean {
  return sensitivity === 'all' || sensitivity === 'texts';
}

function redactArray(value: JsonValue[], sensitivity: Sensitivity, depth: number, tally: Tally): JsonValue {
  let copy: JsonValue[] | undefined;
  for (let index = 0; index < value.length; index += 1) {
    const before = value[index]!;
    const after = redactValue(before, sensitivity, depth + 1, tally);
    if (after === before) continue;
    copy ??= [...value];
    copy[index] = after;
  }
  return copy ?? value;
}

function redactObject(value: JsonObject, outer: Sensitivity, depth: number, tally: Tally): JsonValue {
  const label = labelSensitivity(value);
  let copy: JsonObject | undefined;
  for (const key in value) {
    tally.members += 1;
    const before = value[key]!;
    const after = redactValue(before, memberSensitivity(key, outer, label), depth + 1, tally);
    if (after === before) continue;
    copy ??= ownCopy(value);
    Object.defineProperty(copy, key, { value: after, enumerable: true, configurable: true, writable: true });
  }
  return copy ?? value;
}

function memberSensitivity(key: string, outer: Sensitivity, label: Sensitivity | undefined): Sensitivity {
  const { sensitivity, isLabelled } = judge(key);
  if (label !== undefined) {
    if (isLabelled) return hides(label) ? label : outer;
    if (key === 'key') return 'none';
  }
  if (sensitivity === 'told') return 'none';
  return sensitivity === 'none' ? outer : sensitivity;
}

/** How sensitive the thing is that the object names, where it is of the kind `{field, from, to}`; undefined where it is not. */
function labelSensitivity(value: JsonObject): Sensitivity | undefined {
  if (!mayBeLabelled(value)) return undefined;
  let label: Sensitivity | undefined;
  let isPair = false;
  for (const key in value) {
    const kind = judge(key);
    if (kind.isLabelled) isPair = true;
    if (!kind.isLabel || hides(label ?? 'none')) continue;
    const name = value[key];
    if (typeof name === 'string') label = judge(name).sensitivity;
  }
  return isPair ? label : undefined;
}

/** A quick look: most objects have none of these names. */
function mayBeLabelled(value: JsonObject): boolean {
  for (const key in value) if (key === 'field' || key === 'key' || key === 'name' || key === 'attribute') return true;
  return false;
}

/** A copy whose members are all its own, `__proto__` too. */
function ownCopy(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value));
}

/** A record's text without its secrets. */
export interface RedactedText {
  readonly text: string;
  readonly redacted: boolean;
}

/**
 * A part of every secret word: in the name of a member whose value could be a secret (no boolean, no null, no `{success}`),
 * or in the text that names what an object is about.
 */
const HINT =
  /(?:pass|pwd|secret|token|key|otp|pin|cookie|recovery|backup|scratch)[^"]*"\s*:\s*(?!true|false|null|\{"success":(?:true|false)\})[^\s]|"(?:field|key|name|attribute)"\s*:\s*"[^"]*(?:pass|pwd|secret|token|key|otp|pin|cookie|recovery|backup|scratch)/i;

/** Whether a text could hold a secret by name at all: a quick look, true where names may be spelled with escapes. */
export function mayHoldSecret(text: string): boolean {
  return HINT.test(text) || text.includes('\\u') || text.includes('\\"');
}

/**
 * The text as received where nothing in it needs redaction, else the redacted record written anew. Never throws: what
 * could not be searched for secrets is withheld, with the reason in its place.
 */
export function redactText({ text: received, value, depth, members }: ReceivedRecord): RedactedText {
  const text = wellFormed(received);
  if (!mayHoldSecret(text)) return { text, redacted: false };
  try {
    // The source does not parse what is far too deep.
    if (depth > DEEPEST_SEARCHED) throw new RangeError('nested too deeply');
    const marked = parseExactly(text);
    const restored = (json: string) => (marked === undefined ? json : restoreNumbers(json));
    const redaction = redact(marked ?? value);
    if (!redaction.redacted) return { text: restored(faithful(text, redaction, members)), redacted: false };
    return { text: restored(wellFormed(JSON.stringify(redaction.value))), redacted: true };
  } catch (error) {
    const reason = error instanceof RangeError ? 'nested too deeply' : 'unreadable';
    return { text: JSON.stringify({ withheld: `${reason} to be searched for secrets` }), redacted: true };
  }
}

/**
 * The text of a value in which nothing was redacted, as received, unless a name occurs twice in one object and could be
 * a secret's: the value holds only the last of them, so that only the last was searched for secrets.
 * @param counted the members of all objects in the text, where somebody counted them
 */
export function faithful(text: string, { value, members }: Redaction, counted = countMembers(text)): string {
  return counted === members || !mayHoldSecret(text) ? text : wellFormed(JSON.stringify(value));
}

function countMembers(text: string): number {
  // Without a backslash every quotation mark delimits a string; JumpCloud writes no blank before a colon.
  return text.includes('\\') || /"\s+:/.test(text) ? countNames(text) : countPairs(text);
}

function countPairs(text: string): number {
  let pairs = 0;
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) pairs += 1;
  return pairs;
}

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

/** In valid JSON a string followed by a colon is a member's name. */
function countNames(text: string): number {
  let names = 0;
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) names += 1;
  return names;
}

function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

/** Whether a member called `__proto__` is anywhere in the value; such a member turns into another object's parent when copied. */
export function hasForbiddenKey(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasForbiddenKey);
  return Object.entries(value).some(([key, member]) => key === '__proto__' || hasForbiddenKey(member));
}

/** The value with every text and name well-formed: a lone surrogate is replaced by U+FFFD. */
export function makeWellFormed(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(makeWellFormed);
  if (!isObject(value)) return value;
  const copy: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    let name = key.toWellFormed();
    // Two names that differ only in what was damaged would become one.
    while (Object.hasOwn(copy, name)) name = `${name}\uFFFD`;
    copy[name] = makeWellFormed(member);
  }
  return copy;
}
