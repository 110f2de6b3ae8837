import { isMarkedNumber, parseExactly, restoreNumbers } from './exact-numbers.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';
import type { ReceivedRecord } from './record.js';
import { hides, judgeName, NAME_HINT, type Sensitivity } from './secret-names.js';
import { isPlain, replaceQuotedMembers, replaceSecretShapes, SHAPE_HINT } from './secret-shapes.js';

/*
 * What is taken for a secret (decision 0009):
 *
 * 1. The value of a member whose name says so (secret-names.ts): `clientSecret`, `newpassword`, `api_key`.
 * 2. The value, from or to of an object that names what it is about in `field`, `name`, `path`, `configFieldName` or the
 *    like (`{field: 'password', from, to}`), by the same words; such a `key` itself is a name, not a key.
 * 3. Where an object says `sensitive: true`, what stands beside it, but for names and what only tells.
 * 4. Inside an object or array that is such a value, every text and number, except what only tells about the secret.
 * 5. In any text the part that shows by its form (secret-shapes.ts); a text that is JSON is searched as a value.
 *
 * Booleans, null, empty texts, switches (`yes`, `enabled`) and what is masked already hold no secret and stay:
 * `sso_token_success`, `apiKeyAllowed`, `totp: {success}`. Numbers stay where the word is token or key: they count them
 * (`input_tokens`).
 */
export const REDACTED = '[redacted]';

/** Levels of nesting that are searched for secrets: few enough for the stack, and for the source to have parsed them. */
const DEEPEST_SEARCHED = 500;
/** Characters of a text that is searched for secrets: no record may hold the event loop longer than a second. */
const LONGEST_SEARCHED = 2 * 1_048_576;
/** Characters of one short member that is kept of a longer record, and of all of them. */
const LONGEST_MEMBER = 2_048;
const MOST_KEPT = 64 * 1024;
/** JSON in a text in a JSON in a text: deeper is searched by form alone. */
const DEEPEST_TEXT = 3;

/** What a redaction left. */
export interface Redaction {
  readonly value: JsonValue;
  readonly redacted: boolean;
  /** Members of all objects in the value. */
  readonly members: number;
}

interface Tally {
  members: number;
  /** How many texts the one that is searched stands in. */
  texts: number;
}

/**
 * Replaces the secrets of a value by `[redacted]`. The value itself is not changed: what holds no secret is shared.
 * @throws RangeError where the value is nested more than 500 levels deep
 */
export function redact(value: JsonValue): Redaction {
  const tally: Tally = { members: 0, texts: 0 };
  const redacted = redactValue(value, 'none', 0, tally);
  return { value: redacted, redacted: redacted !== value, members: tally.members };
}

function redactValue(value: JsonValue, sensitivity: Sensitivity, depth: number, tally: Tally): JsonValue {
  if (typeof value === 'number' || (typeof value === 'string' && isMarkedNumber(value)))
    return sensitivity === 'all' ? REDACTED : value;
  if (typeof value === 'string') return redactString(value, sensitivity, tally);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST_SEARCHED) throw new RangeError(`nested more than ${DEEPEST_SEARCHED} levels deep`);
  if (Array.isArray(value)) return redactArray(value, sensitivity, depth, tally);
  return redactObject(value, sensitivity, depth, tally);
}

function redactString(value: string, sensitivity: Sensitivity, tally: Tally): string {
  if (hides(sensitivity)) return isPlain(value) ? value : REDACTED;
  // What is no JSON after all may still have members written in it.
  const json = /^\s{0,8}[{[]/.test(value) ? redactJson(value, tally) : undefined;
  return json ?? replaceQuotedMembers(replaceSecretShapes(value, REDACTED), REDACTED);
}

/** A text that is JSON without the secrets of its value; undefined where it is none, or is to be searched by form alone. */
function redactJson(text: string, { texts }: Tally): string | undefined {
  if (texts >= DEEPEST_TEXT) return undefined;
  try {
    const marked = parseExactly(text);
    const value = marked ?? (JSON.parse(text) as JsonValue);
    const tally = { members: 0, texts: texts + 1 };
    const redacted = redactValue(value, 'none', 0, tally);
    // A name that occurs twice hides the first of its values.
    if (redacted === value && countMembers(text) === tally.members) return text;
    const left = JSON.stringify(redacted);
    return marked === undefined ? left : restoreNumbers(left);
  } catch (error) {
    // What is nested too deeply to be searched is withheld.
    return error instanceof RangeError ? REDACTED : undefined;
  }
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
  const label = labelSensitivity(value, depth);
  let copy: JsonObject | undefined;
  for (const key in value) {
    tally.members += 1;
    const before = value[key]!;
    const after = redactValue(before, memberSensitivity(key, outer, label), depth + 1, tally);
    if (after === before) continue;
    copy ??= { ...value };
    if (key === '__proto__')
      Object.defineProperty(copy, key, { value: after, enumerable: true, configurable: true, writable: true });
    else copy[key] = after;
  }
  return copy ?? value;
}

function memberSensitivity(key: string, outer: Sensitivity, label: Label | undefined): Sensitivity {
  const { sensitivity, isLabel, isLabelled } = judgeName(key);
  if (label !== undefined) {
    if (isLabelled) return hides(label.sensitivity) ? label.sensitivity : outer;
    if (label.decidesAll && !isLabel && sensitivity === 'none') return 'all';
    if (isLabel && (label.decidesAll || hides(sensitivity))) return 'none';
  }
  if (sensitivity === 'told') return 'none';
  return sensitivity === 'none' ? outer : sensitivity;
}

/** What an object says about its values. */
interface Label {
  readonly sensitivity: Sensitivity;
  /** It says that all that stands in it is a secret. */
  readonly decidesAll: boolean;
}

/**
 * How sensitive the thing is that the object names, where it is of the kind `{field, from, to}`, or says so itself;
 * undefined where it is neither. A record as a whole is never a secret.
 */
function labelSensitivity(value: JsonObject, depth: number): Label | undefined {
  let label: Sensitivity | undefined;
  let isPair = false;
  let isSensitive = false;
  for (const key in value) {
    const kind = judgeName(key);
    if (kind.isLabelled) isPair = true;
    if (kind.isSensitiveFlag && (value[key] === true || value[key] === 'true')) isSensitive = true;
    if (!kind.isLabel || hides(label ?? 'none')) continue;
    const name = value[key];
    if (typeof name === 'string') label = judgeName(name).sensitivity;
  }
  if (isSensitive) return { sensitivity: 'all', decidesAll: depth > 0 };
  return isPair && label !== undefined ? { sensitivity: label, decidesAll: false } : undefined;
}

/** A record's text without its secrets. */
export interface RedactedText {
  readonly text: string;
  readonly redacted: boolean;
  /** The text holds the record's short members alone. */
  readonly isPart?: true;
}

/** A secret word (first group) or a part of a secret's form. */
export const HINT = new RegExp(`(${NAME_HINT})|${SHAPE_HINT}`, 'gi');

/**
 * Whether a text could hold a secret: a quick look, one pass over it. What a hint of a secret stands in is looked at more
 * closely: as a name by the words of names, as a text by the forms of secrets. True where something may be spelled with
 * escapes.
 */
export function mayHoldSecret(text: string): boolean {
  if (hasEscapes(text)) return true;
  HINT.lastIndex = 0;
  for (let hint = HINT.exec(text); hint !== null; hint = HINT.exec(text)) {
    const from = text.lastIndexOf('"', hint.index) + 1;
    let to = text.indexOf('"', hint.index);
    if (to < 0) to = text.length;
    if (isSecretAt(text, from, to, hint[1] !== undefined)) return true;
    HINT.lastIndex = to + 1;
  }
  return false;
}

/** Whether something in it may be spelled otherwise. */
function hasEscapes(text: string): boolean {
  return text.includes('\\u') || text.includes('\\/');
}

/** A colon and, for what no name makes a secret, what follows it: a switch, nothing, an outcome alone. */
const COLON = /"\s*:\s*(true|false|null|""|\{"success":(?:true|false)\}|-?\d)?/y;

/** Whether a string of a JSON text, a member's name or a value, makes it worth looking for secrets. */
function isSecretAt(text: string, from: number, to: number, isWord: boolean): boolean {
  const string = text.slice(from, to);
  if (string.includes('\\') || text[from - 2] === '\\') return true;
  COLON.lastIndex = to;
  const name = COLON.exec(text);
  if (name !== null) {
    const { sensitivity, isSensitiveFlag } = judgeName(string);
    if (isSensitiveFlag) return true;
    const isNumber = name[1] !== undefined && /\d/.test(name[1]);
    return isNumber ? sensitivity === 'all' : name[1] === undefined && hides(sensitivity);
  }
  if (replaceQuotedMembers(replaceSecretShapes(string, REDACTED), REDACTED) !== string) return true;
  return isWord && hides(judgeName(string).sensitivity) && judgeName(nameBefore(text, from)).isLabel;
}

/** The name of the member whose value starts after a quotation mark; '' for an element of an array. */
function nameBefore(text: string, from: number): string {
  const before = text.slice(Math.max(0, from - 100), from - 1);
  return /"([^"]*)"\s*:\s*$/.exec(before)?.[1] ?? '';
}

/**
 * The text as received where nothing in it needs redaction, else the redacted record written again. Never throws: what
 * could not be searched for secrets is withheld, with the reason in its place.
 */
export function redactText({ text: received, value, depth, members }: ReceivedRecord): RedactedText {
  const text = wellFormed(received);
  if (text.length > LONGEST_SEARCHED && mayNeedSearch(text))
    return { text: shortMembers(value), redacted: true, isPart: true };
  if (!mayHoldSecret(text)) return { text, redacted: false };
  try {
    // The source does not parse what is far too deep.
    if (depth > DEEPEST_SEARCHED) throw new RangeError('nested too deeply');
    const marked = parseExactly(text);
    const redaction = searchRecord(marked ?? value, text, members);
    const left = wellFormed(redaction.text);
    return { text: marked === undefined ? left : restoreNumbers(left), redacted: redaction.redacted };
  } catch (error) {
    const reason = error instanceof RangeError ? 'nested too deeply' : 'unreadable';
    return { text: JSON.stringify({ withheld: `${reason} to be searched for secrets` }), redacted: true };
  }
}

function mayNeedSearch(text: string): boolean {
  HINT.lastIndex = 0;
  return hasEscapes(text) || HINT.test(text);
}

/** Replaces a record that is too long to be searched: its short members, searched, and what was left out. */
function shortMembers(value: JsonValue): string {
  const kept: JsonObject = {};
  let room = MOST_KEPT;
  for (const name in isObject(value) ? value : {}) {
    const member = (value as JsonObject)[name]!;
    const size = name.length + (typeof member === 'string' ? member.length : 8);
    if (size > LONGEST_MEMBER || size > room || (typeof member === 'object' && member !== null)) continue;
    room -= size;
    kept[name.toWellFormed()] = typeof member === 'string' ? member.toWellFormed() : member;
  }
  const { value: left } = redact(kept);
  return JSON.stringify({
    ...(left as JsonObject),
    withheld: 'too long to be searched for secrets: short members alone',
  });
}

/**
 * A record without its secrets, and its text: as received where there are none. The text is written again as well where a
 * name occurs twice in one object and could be a secret's: the value holds only the last of them, so that only the last
 * was searched.
 * @param members the members of all objects in the text, where somebody counted them
 * @throws RangeError where the value is nested more than 500 levels deep
 */
export function redactRecord(value: JsonValue, text: string, members?: number): RedactedRecord {
  return mayHoldSecret(text) ? searchRecord(value, text, members) : { value, text, redacted: false };
}

/** A record, and its text. */
export interface RedactedRecord extends RedactedText {
  readonly value: JsonValue;
}

function searchRecord(value: JsonValue, text: string, counted?: number): RedactedRecord {
  const { redacted, value: left, members } = redact(value);
  const isFaithful = !redacted && (counted ?? countMembers(text)) === members;
  return { value: left, text: isFaithful ? text : JSON.stringify(left), redacted };
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
