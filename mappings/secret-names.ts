/*
 * What a name says about the value that it stands beside. A name is cut into words at case changes and punctuation
 * (`clientSecret`, `api_key`, `mfa.totp`); secret words are also found inside words written together (`newpassword`,
 * `totpsecret`), but not in ordinary words that hold them (`secretary`, `monkey`).
 */

import { copyOf } from './json.js';

/** How much of a value its name makes a secret: nothing, texts alone, or texts and numbers; `told`: it only tells about one. */
export type Sensitivity = 'none' | 'texts' | 'all' | 'told';

/** What a member's name says. */
export interface NameKind {
  readonly sensitivity: Sensitivity;
  /** It holds the name of what the object is about (`field`, `configFieldName`). */
  readonly isLabel: boolean;
  /** It holds the value of what the object is about (`value`, `from`, `to`). */
  readonly isLabelled: boolean;
  /** `sensitive: true` beside a value says that the value is a secret. */
  readonly isSensitiveFlag: boolean;
}

/** Whether values of this sensitivity are replaced at all. */
export function hides(sensitivity: Sensitivity): boolean {
  return sensitivity === 'all' || sensitivity === 'texts';
}

/**
 * A part of every name that says that a value is a secret, as a pattern that ignores case. What holds none of these need
 * not be judged.
 */
export const NAME_HINT =
  'pass|pwd|secret|token|key|otp|pin|cookie|cred|bearer|authorization|jwt|psk|seed|saml[^a-z"]*resp|assertion|answer|sensitive|(?<!country_|region_|continent_|error_|status_)codes?(?![a-z])';

const known = new Map<string, NameKind>();
const MOST_KNOWN = 10_000;

/** Judges a member's name. Steps are linear in its length. */
export function judgeName(name: string): NameKind {
  const before = known.get(name);
  if (before !== undefined) return before;
  const squashed = name.length > 40 ? '' : name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const kind: NameKind = {
    sensitivity: judgeWords(wordsOf(name)),
    isLabel: labels.has(squashed),
    isLabelled: labelled.has(squashed),
    isSensitiveFlag: squashed === 'sensitive' || squashed === 'issensitive' || squashed === 'issecret',
  };
  if (known.size < MOST_KNOWN && name.length <= 100) known.set(copyOf(name), kind);
  return kind;
}

const words = (text: string): Set<string> => new Set(text.split(' '));

const labels = words(
  'field key name attribute path property parameter setting header variable option uri fieldname keyname attributename ' +
    'propertyname parametername settingname headername variablename optionname configname configfieldname customvaluename',
);
const labelled = words(
  'value values val from to old new oldvalue newvalue before after previous current previousvalue currentvalue',
);

/** Last words that say that the value tells about a secret and is none. */
const harmlessEnds = words(
  'id ids uid name names type types kind status state success result enabled disabled allowed set required configured ' +
    'enrolled enrollment active activated expired expire expires expiry expiration date dates time times timestamp dt at on ' +
    'days count counts length size limit lifetime ttl age policy policies algorithm method methods version prefix protocol ' +
    'provider rotation rotated reason error message description created updated modified changed used last source action usage ' +
    'format in attempts remaining strength complexity manager email warning sync synced escrowed verified ' +
    'verification interval binding reset fingerprint thumbprint less lastset lastchanged file filename filepath path directory ' +
    'issuer audience scope scopes owner permissions validity quality score rules requirements hint hints present exists ' +
    'change changes needed',
);

/** As ends of what only tells, where no word is as strong as password: the address of a token endpoint is public. */
const harmlessAddresses = words('url uri link');
const publicWords = words('public fingerprint thumbprint');

/** Words that say how a secret is written, after which it is still one: `token_value`, `key_material`; without the digits at their ends. */
const neutralEnds = words(
  'value values text string raw data material hash plain plaintext cleartext encrypted base b json hex pem old new ' +
    'current previous header field input',
);

/** A secret word anywhere in a word. */
const STRONG = /passwords?|passwd|passwort|passphrases?|passcodes?|secrets?|credentials?|pwd|jwt/g;
const NOT_STRONG =
  /^(?:under)?(?:secretar\w*|secrete[drs]?|secreting|secretions?|secreti[vn]\w*|secretly|secretory|credential(?:ed|ing))$/;
/** Words that are a secret as they stand. */
const exact = words('pin pincode pincodes totp otp hotp psk');
const joinedCode = /^(?:recovery|backup|scratch|bypass|verification|activation|unlock|totp|otp|mfa)codes?$/;
const joinedSaml = /^saml(?:assertion|response)$/;
/** Secret only as the last word of a name. */
const weak = words('pass bearer authorization seed seeds cookie cookies');
const weakEnd = /(?:tokens?|keys?|psk|cookies?)$/;
const joinedPass =
  /^(?:db|user|admin|root|smtp|imap|ftp|ssh|mysql|my|ldap|wifi|bind|sudo|login|client|new|old|proxy)pass$/;
const joinedSeed = /^(?:totp|otp|hotp|mfa|token)seeds?$/;
/** Ordinary words that end as `key` or `token` does. */
const NOT_WEAK = words(
  'monkey turkey hockey jockey whiskey donkey lackey mickey hickey rickey dickey flunkey malarkey smokey pokey hokey jokey ' +
    'okey dokey lowkey latchkey turnkey passkey hotkey softkey shortkey yubikey crikey cockney darkey diskey ' +
    'mackey mckey starkey sharkey hinkey huskey leakey makey bulkey cranky spooky wonkey trickey sulkey gawkey murkey duskey ' +
    'jokkey storkey blakey oakey lakey bakey flakey shakey snakey cheekey sneakey kikey spikey pikey mikey nikey fluckey ' +
    'luckey muckey buckey stuckey tuckey duckey mulkey pinkey kinkey stinkey dinkey winkey hankey yankey swankey lankey ' +
    'betoken foretoken',
);
/** Before `key`: it names a row, a place or a thing on a keyboard. */
const ordinaryKeys = words(
  'primary partition foreign sort row cache composite natural surrogate unique candidate index lookup routing idempotency ' +
    'dedup dedupe deduplication group grouping hot shortcut arrow function modifier map object property dictionary go ' +
    'registry reg translation i18n locale message feature project issue correlation range order aggregation tag label ' +
    'attribute column context custom sorting alt ctrl shift escape enter answer config setting settings condition',
);
const CODE =
  /(?:^| )(?:recovery|backup|scratch|bypass|verification|activation|unlock|reset|mfa|otp|totp|sms|auth|one time|pairing|security) codes?$/;
const ASSERTION =
  /(?:^| )(?:saml (?:assertion|response)|(?:client|sso|oidc|jwt) assertion|(?:security|secret|recovery) answers?)$/;
/** Beside `token` they say that a number is one, not how many there are. */
const tokenKinds = words('mfa otp totp hotp sms auth reset verification access unlock security login');

function judgeWords(all: readonly string[]): Sensitivity {
  if (all.length === 0) return 'none';
  const last = all.at(-1)!;
  const kinds = all.map(judgeWord);
  if (harmlessEnds.has(last) || kinds.at(-1) === 'told' || tellsBefore(all)) return 'told';
  const name = all.join(' ');
  // How many passwords are remembered is a number, what they were is not.
  if (last === 'history' && kinds.includes('all')) return 'texts';
  if (kinds.includes('all') || CODE.test(name) || ASSERTION.test(name)) return 'all';
  if (harmlessAddresses.has(last) || all.some((word) => publicWords.has(word))) return 'told';
  let tail = all.length - 1;
  while (tail > 0 && neutralEnds.has(all[tail]!)) tail -= 1;
  if (!isWeak(all[tail]!, all[tail - 1])) return 'none';
  return all[tail] === 'token' && all.some((word) => tokenKinds.has(word)) ? 'all' : 'texts';
}

/** `is_totp`, `has_password`, `withoutPassword` are switches. */
function tellsBefore(all: readonly string[]): boolean {
  return all[0] === 'is' || all[0] === 'has' || all.includes('without');
}

function judgeWord(word: string): Sensitivity {
  if (exact.has(word) || joinedCode.test(word) || joinedSaml.test(word) || joinedSeed.test(word)) return 'all';
  let rest: string | undefined;
  for (const { 0: stem, index } of word.matchAll(STRONG)) rest = word.slice(index + stem.length);
  if (rest !== undefined) return NOT_STRONG.test(word) ? 'none' : tells(rest) ? 'told' : 'all';
  const written = /^(?:tokens?|keys?|apikeys?|cookies?)(?=.)/.exec(word)?.[0];
  return written !== undefined && harmlessEnds.has(word.slice(written.length)) ? 'told' : 'none';
}

/** Whether what follows a secret word in a word says that the value only tells about it: `passwordexpired`. */
function tells(rest: string): boolean {
  if (harmlessEnds.has(rest)) return true;
  for (let at = Math.max(1, rest.length - 14); at <= rest.length - 4; at += 1)
    if (harmlessEnds.has(rest.slice(at))) return true;
  return false;
}

function isWeak(word: string, before: string | undefined): boolean {
  if (weak.has(word) || joinedPass.test(word)) return true;
  if (!weakEnd.test(word) || NOT_WEAK.has(word) || NOT_WEAK.has(word.slice(0, -1))) return false;
  return !(before !== undefined && ordinaryKeys.has(before) && /^keys?$/.test(word));
}

/** Words in lower case, without the digits at their ends. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase().replace(/(?<![0-9])[0-9]+$/, ''))
    .filter((word) => word !== '');
}
