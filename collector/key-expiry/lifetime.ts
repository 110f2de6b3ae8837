import { MS_PER_DAY } from '../../mappings/time-units.js';

/** How the end of a key's life is known, best first. */
export type LifeBasis =
  /** JumpCloud named the day. */
  | 'jumpcloud'
  /** The operator named the day, or the key's creation and its lifetime. */
  | 'declared'
  /** First use plus the lifetime: an upper bound, since the key was made before it was first used. */
  | 'first_seen'
  /** The key has no end: declared so, or JumpCloud says so. */
  | 'never';

/** What is authorized by: an administrator's API key, the client secret of a service account, or that of response. */
export type CredentialKind = 'key' | 'client_secret' | 'response_secret';

/** What is known of a key's life. Instants are epoch milliseconds. */
export interface KeyFacts {
  /** From JumpCloud's console API; undefined where it was not asked or refused. */
  readonly told: { readonly createdAt: number | undefined; readonly expiresAt: number | undefined } | undefined;
  /** From the configuration. */
  readonly declared: {
    readonly created: number | undefined;
    readonly expires: number | 'never' | undefined;
    readonly lifetime: number | 'never';
  };
  readonly firstSeen: number;
}

export interface LifeSpan {
  readonly basis: LifeBasis;
  /** Undefined: never. */
  readonly expiresAt: number | undefined;
  readonly createdAt: number | undefined;
  /** False where the key may end sooner than `expiresAt`. */
  readonly certain: boolean;
}

/** Days left at which a warning is due, each once; 0: the key has expired. */
export const WARNING_DAYS = [30, 14, 7, 3, 2, 1, 0] as const;

/** The end of a key's life from the best of what is known. */
export function keyLife({ told, declared, firstSeen }: KeyFacts): LifeSpan {
  const createdAt = told?.createdAt ?? declared.created;
  if (told?.expiresAt !== undefined) return { basis: 'jumpcloud', expiresAt: told.expiresAt, createdAt, certain: true };
  if (declared.expires === 'never') return { basis: 'never', expiresAt: undefined, createdAt, certain: true };
  if (declared.expires !== undefined) {
    return { basis: 'declared', expiresAt: declared.expires, createdAt, certain: true };
  }
  if (declared.lifetime === 'never') return { basis: 'never', expiresAt: undefined, createdAt, certain: true };
  if (createdAt !== undefined) {
    const basis = told?.createdAt !== undefined ? 'jumpcloud' : 'declared';
    return { basis, expiresAt: createdAt + declared.lifetime, createdAt, certain: true };
  }
  return { basis: 'first_seen', expiresAt: firstSeen + declared.lifetime, createdAt, certain: false };
}

/** Days left, begun days counted whole; 0 or less once expired; undefined for a key that never ends. */
export function daysLeft(life: LifeSpan, now: number): number | undefined {
  return life.expiresAt === undefined ? undefined : Math.ceil((life.expiresAt - now) / MS_PER_DAY);
}

/**
 * The warning that is due now: the lowest threshold reached, unless it (or a lower one) was given before.
 * A key that is first seen with 13 days left gets the warning of 14 days alone.
 */
export function dueWarning(life: LifeSpan, now: number, warned: number | undefined): number | undefined {
  const left = daysLeft(life, now);
  if (left === undefined) return undefined;
  const reached = WARNING_DAYS.filter((days) => left <= days).at(-1);
  return reached === undefined || (warned !== undefined && reached >= warned) ? undefined : reached;
}

/** `expires in 13 days, on 2026-12-04`: for logs, `key`, `check` and status alike. */
export function describeLife(life: LifeSpan, now: number): string {
  const left = daysLeft(life, now);
  if (left === undefined || life.expiresAt === undefined) return 'does not expire';
  const day = new Date(life.expiresAt).toISOString().slice(0, 10);
  if (left <= 0) return `expired on ${day}`;
  const days = left === 1 ? '1 day' : `${left} days`;
  return life.certain
    ? `expires in ${days}, on ${day}`
    : `expires in ${days} at the latest, on ${day}; it may be sooner`;
}

/** How the day is known, as a sentence. */
export function describeBasis(life: LifeSpan): string {
  switch (life.basis) {
    case 'jumpcloud':
      return 'JumpCloud says so.';
    case 'declared':
      return 'The configuration says so.';
    case 'never':
      return 'It has no end.';
    case 'first_seen':
      return 'It is the first day this key was used plus its lifetime; set jumpcloud.keyCreated (of response respond.secretExpires) to know it exactly.';
  }
}

/** What an operator does about a credential that ends soon. Of service accounts' secrets two may live side by side, of keys only one. */
export function rotationSteps(kind: CredentialKind): string {
  return steps[kind];
}

const ADD_SECRET = 'In the JumpCloud admin portal: Service Accounts → this account → add a client secret';
const steps: Readonly<Record<CredentialKind, string>> = {
  key: 'In the JumpCloud admin portal: the administrator who owns the key → API settings → generate a new key (this revokes the old one at once), then run `jumpcloud-ocsf key replace` or put it into the key file; the collector takes it up without a restart.',
  client_secret: `${ADD_SECRET} (the old one goes on working), then run \`jumpcloud-ocsf key replace\` or put it into the secret file, and revoke the old one; the collector takes it up without a restart.`,
  response_secret: `${ADD_SECRET} (the old one goes on working), put it where respond.clientSecret is read from, and revoke the old one.`,
};

const kinds: Readonly<Record<CredentialKind, string>> = {
  key: 'API key',
  client_secret: 'client secret',
  response_secret: 'client secret of response',
};

/** The credential as messages call it: `API key …abcd`. */
export function nameCredential({ kind, lastFour }: { kind: CredentialKind; lastFour: string }): string {
  return `${kinds[kind]} …${lastFour}`;
}
