import { hides, judgeName, NAME_HINT } from './secret-names.js';

/*
 * Secrets that show by their own form, wherever they stand in a text: in a record, a log line or an error. Known forms,
 * not all secrets. Every pattern is linear: it starts at a fixed text or at the beginning of a run, and what it scans it
 * consumes or scans to a fixed length.
 */

/** A part of every shape, as a pattern that ignores case; names are hints of their own. */
export const SHAPE_HINT = [
  'jc[a-z]_|jo_|basic |eyj|-----begin|a[ks]ia[a-z0-9]{16}|gh[opusr]_|_pat_|glpat-|xox[a-z]-|k_live_|sig(?:nature)?=| --?[up]| user |securestring',
  // Most records of SSO hold an address: only what comes before an `@`, or is of a host that takes webhooks, is one's part.
  String.raw`://[^\s/?#"'<>]+@`,
  String.raw`//(?:hooks\.|outlook\.|events\.|maker\.|api\.telegram|(?:[a-z]{1,10}\.)?discord|[\w-]{1,100}\.webhook\.)`,
].join('|');

/** What is replaced: all of it, or what stands between a head, the first group, and a tail. */
interface Shape {
  readonly pattern: RegExp;
  readonly head: string;
  readonly tail: string;
}

const whole = (pattern: RegExp): Shape => ({ pattern, head: '', tail: '' });
const after = (pattern: RegExp): Shape => ({ pattern, head: '$1', tail: '' });
const userInfo = (pattern: RegExp): Shape => ({ pattern, head: '$1', tail: '@' });

const shapes: readonly Shape[] = [
  whole(
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^"]*?-----END [A-Z0-9 ]{0,40}-----|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^"]*/g,
  ),
  // JumpCloud's own keys (reference: `jca_` and `jcs_`).
  whole(/(?<![A-Za-z0-9])jc[a-z]_[A-Za-z0-9_-]{16,}/g),
  // API tokens of this program's console.
  whole(/(?<![A-Za-z0-9])jo_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g),
  after(
    /(?<![A-Za-z0-9])((?:[Bb]earer|BEARER|[Bb]asic|BASIC) {1,8})(?![A-Za-z]?[a-z-]{0,60}(?![A-Za-z0-9._~+/=-]))[A-Za-z0-9._~+/=-]{12,}/g,
  ),
  whole(/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}/g),
  // User info of an address: the password, and a user name so long that it is a token.
  userInfo(/(:\/\/[^\s/?#@"'<>:]{0,200}:)[^\s/?#"'<>]{1,200}@/g),
  userInfo(/(:\/\/)[A-Za-z0-9_-]{20,200}@/g),
  whole(/(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/g),
  whole(
    /(?<![A-Za-z0-9])(?:gh[opusr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{10,}|[sr]k_live_[A-Za-z0-9]{16,})/g,
  ),
  // Webhook addresses: who knows one can post.
  after(
    /(\/\/hooks\.(?:slack(?:-gov)?\.com\/(?:services|workflows|triggers)|zapier\.com\/hooks\/catch|chime\.aws\/incomingwebhooks)\/)[^\s"'<>]+/gi,
  ),
  after(/(\/\/(?:[a-z]{1,10}\.)?discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/)[^\s"'<>]+/gi),
  after(
    /(\/\/(?:[\w-]{1,100}\.webhook\.office\.com\/webhookb2|outlook\.office(?:365)?\.com\/webhook|events\.pagerduty\.com\/integration)\/)[^\s"'<>]+/gi,
  ),
  after(/(\/\/maker\.ifttt\.com\/trigger\/[^\s"'<>/]{1,100}\/(?:json\/)?with\/key\/)[^\s"'<>]+/gi),
  after(/(\/\/api\.telegram\.org\/bot)[^\s"'<>/]+/gi),
  after(/([?&](?:sig|signature|x-amz-signature|x-goog-signature)=)[^\s"'<>&#]+/gi),
  // Commands whose password has no name.
  after(
    /(?<![\w.-])(net1?(?:\.exe)? user {1,4}(?:\/domain {1,4})?(?:\\?"[^"\\]{1,100}\\?"|[^\s"/]{1,100}) {1,4}(?!\/))(?:\\?"[^"\\]+\\?"|(?=[^\s"]{0,60}[\d!@#$%^&*_+=])[^\s"]+|[^\s"]+(?= {1,4}\/))/gi,
  ),
  after(
    /(?<![\w.-])((?:curl|wget)(?:\.exe)? (?:[^\s"]{1,200} ){0,6}?(?:-u|--user|--proxy-user)[ =]{1,4}["']?[^\s:"']{1,100}:)(?!\/\/)[^\s"']+/gi,
  ),
  after(/(?<![\w.-])(sshpass -p {0,4})(?:'[^']+'|[^\s"']+)/gi),
  after(/(?<![\w.-])(mysql(?:dump|admin)? (?:[^\s"]{1,200} ){0,6}?-p)(?:'[^']+'|[^\s"']+)/gi),
  after(/(?<![\w.-])(-passwd {1,4}[^\s"]{1,200} {1,4})[^\s"]+/gi),
  after(
    /(?<![\w.-])(echo {1,4}\\?["']?[^\s:"'|]{1,100}:)[^\s"'|]{1,200}(?=\\?["']? {0,4}\| {0,4}(?:sudo )?chpasswd)/gi,
  ),
  after(/(ConvertTo-SecureString {1,4}(?:-String {1,4})?)(?:\\?"[^"\\]+\\?"|'[^']+'|[^\s"'-][^\s"']*)/gi),
];

/** A run of letters with what makes it the name of a value: `=`, a colon, or for a flag a blank. */
const NAMED = /(?<![\w.-])([\w.-]+)( {0,2}= {0,2}|: {0,4}| {1,4})/g;
/**
 * Its value, in quotes (that may be escaped, or never close) or up to a blank; the word of a scheme stays. Behind a name
 * that ends in `authorization` any word is the scheme; a cookie's value goes on to the end of the line.
 */
const VALUE =
  /((?:Bearer|Basic|Token|Digest|Negotiate) {1,4})?(\\{0,4}"(?:[^"\\\n]|\\[^"\n])*(?:\\{0,4}"|\\*$|(?=\\*\n))|'[^'\n]*'?|[^\s&;"'<>]+)/iy;
const AUTHORIZATION = /([A-Za-z][\w.-]{0,30} {1,4})?(\\{0,4}"[^"\n]*"?|'[^'\n]*'?|[^\s"'<>]+)/y;
const COOKIES = /()([^"'\n<>]+)/y;
/** A name in quotes, as in JSON that is a part of another text. */
const QUOTED = /["']([^"'\\\s]+)\\{0,4}["'] {0,4}: {0,4}/g;
const QUOTED_VALUE = /\[[^\]]*\]?|"(?:[^"\\]|\\[\s\S])*\\?"?|\\{1,4}"[^"]*"?|'[^']*'?|[^\s,}"']+/y;

const NAME = new RegExp(NAME_HINT, 'i');
/** A part of every shape, those that a name shows among them. */
const SHAPE = new RegExp(`${SHAPE_HINT}|bearer|passwd`, 'i');
/** A part of what stands between a name and its value. */
const SIGN = /[=: ]/;
/** What stands in a secret's place without being one: a mask, a switch, the name of a variable. */
const PLACEHOLDER =
  /^(?:\*+|•+|\$\{[^}]*\}?|\$\([^)]*\)?|\$[A-Z_][A-Z0-9_]*|%[A-Z_]+%|\{\{[^}]*(?:\}\})?|\[(?:hidden|masked|filtered|redacted|secret)\]|\.\.\.|…)$/;
const SWITCH =
  /^(?:yes|no|on|off|true|false|null|none|nil|undefined|enabled|disabled|granted|denied|escrowed|initiated|required|optional|expired|invalid|missing|unset|bearer|basic)$/i;

/**
 * The text with the secrets in it replaced that show by their form: keys and tokens of known issuers, credentials behind
 * Bearer and Basic, JWT, private keys in PEM, passwords in addresses, in commands and behind `password=` and its like.
 * Steps are linear in its length; the same text where there is none.
 */
export function replaceSecretShapes(text: string, mask: string): string {
  const replaced = SHAPE.test(text) ? replaceShapes(text, mask) : text;
  return SIGN.test(replaced) && NAME.test(replaced) ? replaceNamed(replaced, mask, NAMED, assigned) : replaced;
}

function replaceShapes(text: string, mask: string): string {
  const written = mask.replaceAll('$', '$$$$');
  let replaced = text;
  for (const { pattern, head, tail } of shapes) replaced = replaced.replace(pattern, head + written + tail);
  return replaced;
}

/** The same for what is written as a member of JSON within a text that as a whole is none. */
export function replaceQuotedMembers(text: string, mask: string): string {
  return text.includes(':') && NAME.test(text) ? replaceNamed(text, mask, QUOTED, quoted) : text;
}

/** Whether a text in a secret's place is none: empty, masked, a switch, or the name of a variable. */
export function isPlain(value: string): boolean {
  return value.length <= 200 && (value === '' || PLACEHOLDER.test(value) || SWITCH.test(value));
}

/** Where the secret stands behind a name that was found; undefined where there is none. */
type FindValue = (
  text: string,
  name: string,
  sign: string,
  at: number,
) => readonly [from: number, to: number] | undefined;

/** Replaces values behind names. A value that stays is looked at for at most 200 characters, so that steps stay linear. */
function replaceNamed(text: string, mask: string, pattern: RegExp, find: FindValue): string {
  let replaced = '';
  let done = 0;
  for (const { 0: match, 1: name = '', 2: sign = '', index } of text.matchAll(pattern)) {
    if (index < done || !NAME.test(name)) continue;
    const place = find(text, name, sign, index + match.length);
    if (place === undefined) continue;
    replaced += text.slice(done, place[0]) + mask;
    done = place[1];
  }
  return done === 0 ? text : replaced + text.slice(done);
}

const assigned: FindValue = (text, name, sign, at) => {
  const isBlank = sign.trim() === '';
  if (isBlank && (!name.startsWith('-') || text[at] === '-')) return undefined;
  const { sensitivity } = judgeName(name);
  if (!hides(sensitivity)) return undefined;
  const pattern = patternOf(name);
  const start = valueAt(pattern, text.slice(at, at + 200), 0);
  if (start === undefined) return undefined;
  const [scheme, value] = start;
  if (isPlain(value)) return undefined;
  if (sign.startsWith(':') && !looksChosen(value)) return undefined;
  if (sensitivity === 'texts' && /^[a-z]{1,8}$/.test(value) && !/token/i.test(name)) return undefined;
  valueAt(pattern, text, at);
  return [at + scheme.length, pattern.lastIndex];
};

function patternOf(name: string): RegExp {
  if (/authorization$/i.test(name)) return AUTHORIZATION;
  return /cookie$/i.test(name) ? COOKIES : VALUE;
}

/** The scheme and the value without its quotes. */
function valueAt(pattern: RegExp, text: string, at: number): readonly [scheme: string, value: string] | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? undefined : [found[1] ?? '', found[2]!.replace(/^\\{0,4}["']|\\{0,4}["']$/g, '')];
}

/** Behind a colon stands prose as often as a value (`invalid token: signature mismatch`): a value has digits or signs in it. */
function looksChosen(value: string): boolean {
  if (value.length < 6 || /^\d{4}-\d\d-\d\d/.test(value) || value.startsWith('//')) return false;
  return /\d/.test(value) || /[a-z][A-Z]/.test(value) || /[!@#$%^*_+=~]/.test(value);
}

const quoted: FindValue = (text, name, _sign, at) => {
  if (!hides(judgeName(name).sensitivity)) return undefined;
  QUOTED_VALUE.lastIndex = at;
  const [value] = QUOTED_VALUE.exec(text) ?? [];
  if (value === undefined) return undefined;
  return isPlain(value.replace(/^\\{0,4}["']|\\{0,4}["']$/g, '')) ? undefined : [at, QUOTED_VALUE.lastIndex];
};
