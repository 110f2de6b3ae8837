import { createHash, timingSafeEqual } from 'node:crypto';

/** How JumpCloud's channel proves itself. */
export interface WebhookAuthentication {
  /** `token`: `Authorization: Bearer T` or `Authorization: T`; `header`: a header of choice that holds the secret alone. */
  readonly kind: 'token' | 'basic' | 'header';
  /** Basic alone. */
  readonly user: string;
  /** `header` alone; lower case. */
  readonly header: string;
}

/** Digests of the secrets that a receiver knows: SHA-256 in hexadecimal, so that no secret lies in memory or on disk. */
export interface KnownSecrets {
  /** One, or two during a rotation. Empty: no secret was made yet. */
  readonly accepted: readonly string[];
  /** Of secrets that were replaced: distinguished from what was never one. */
  readonly retired: readonly string[];
}

/** Why a request is not let in, for the operator alone: the answer is 401 whatever the reason. */
export type CredentialRefusal =
  | 'no_header'
  | 'repeated_header'
  | 'basic_instead_of_token'
  | 'token_instead_of_basic'
  | 'white_space_inside'
  | 'old_secret'
  | 'wrong_secret';

/** The refusals in words. */
export const refusalWords: Readonly<Record<CredentialRefusal, string>> = {
  no_header: 'the header with the secret was missing',
  repeated_header: 'the header with the secret came more than once',
  basic_instead_of_token: 'Basic came where a token is expected',
  token_instead_of_basic: 'a token came where Basic is expected',
  white_space_inside: 'the secret has white space in the middle',
  old_secret: 'the secret is one that was replaced',
  wrong_secret: 'the secret is another one',
};

/** SHA-256 in hexadecimal of a secret. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/**
 * Judges the credential of a request. Undefined: it is let in. Compares digests, each with each, so that neither content
 * nor length shows in the time it takes.
 * @param headers every value of every header, as Node.js's `headersDistinct`
 */
export function judgeCredential(
  headers: Readonly<Record<string, readonly string[] | undefined>>,
  { kind, user, header }: WebhookAuthentication,
  { accepted, retired }: KnownSecrets,
): CredentialRefusal | undefined {
  const values = headers[kind === 'header' ? header : 'authorization'] ?? [];
  const [value] = values;
  if (value === undefined || value === '') return 'no_header';
  if (values.length > 1) return 'repeated_header';
  const basic = /^Basic +(.*)$/i.exec(value)?.[1];
  if (kind === 'token' && basic !== undefined) return 'basic_instead_of_token';
  if (kind === 'basic' && basic === undefined) return 'token_instead_of_basic';
  const given =
    kind === 'basic' ? passwordOf(basic!, user) : kind === 'token' ? value.replace(/^Bearer +/i, '') : value;
  const digest = digestOf(given);
  if (isAmong(digest, accepted)) return undefined;
  if (isAmong(digest, retired)) return 'old_secret';
  return /\s/.test(given) ? 'white_space_inside' : 'wrong_secret';
}

/** The password of Basic credentials; of another user, what no password can be. */
function passwordOf(encoded: string, user: string): string {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const isUser = isAmong(digestOf(text.slice(0, Math.max(0, colon))), [digestOf(user)]);
  return isUser ? text.slice(colon + 1) : '\0';
}

function isAmong(digest: string, known: readonly string[]): boolean {
  let found = false;
  for (const one of known) found = timingSafeEqual(Buffer.from(digest), Buffer.from(one)) || found;
  return found;
}
