import { captions } from '../schemas/ocsf.js';
import type { JsonObject } from './json.js';
import type { Reading } from './record-reader.js';

/** OCSF `auth_factor`. */
export interface OcsfAuthFactor {
  factor_type_id: number;
  /** Caption, or JumpCloud's own word beside 99. */
  factor_type: string;
  is_totp?: boolean;
  provider?: string;
}

const factor = (typeId: number, more: Partial<OcsfAuthFactor> = {}): OcsfAuthFactor => ({
  factor_type_id: typeId,
  factor_type: captions.authFactor[typeId]!,
  ...more,
});

/** Members of `auth_methods`, and words of `mfa_meta.type`, that OCSF has a kind for. JumpCloud Go is passwordless and has none. */
const factors = new Map<string, OcsfAuthFactor>([
  ['password', factor(11)],
  ['totp', factor(7, { is_totp: true })],
  ['webauthn', factor(10)],
  ['jumpcloud_protect', factor(5, { provider: 'JumpCloud Protect' })],
  ['push', factor(5)],
  ['duo', factor(99, { factor_type: 'duo', provider: 'Duo' })],
]);

/** The time-based one-time password of enrolment events. */
export const totpFactor: OcsfAuthFactor = factors.get('totp')!;

function factorNamed(name: string): OcsfAuthFactor {
  return factors.get(name) ?? { factor_type_id: 99, factor_type: name };
}

/** What a record tells of how somebody proved who they are. */
export interface AuthFactors {
  readonly factors: OcsfAuthFactor[];
  /** Absent where the record does not know, or contradicts itself. */
  readonly isMfa: boolean | undefined;
}

/**
 * Reads factors from `auth_methods` and `mfa_meta`, and `is_mfa` from `mfa`. Each method's own `success` stays for
 * `unmapped`: OCSF's factors have no outcome.
 * @param knowsMethods false where the record's `mfa: false` means no more than that no method is recorded
 */
export function readAuthFactors(reading: Reading, knowsMethods: (methods: number) => boolean): AuthFactors {
  const { record } = reading;
  const methods =
    reading.object(reading.object(record, 'auth_context'), 'auth_methods') ??
    reading.object(reading.object(record, 'auth_meta'), 'auth_methods');
  const mfa = reading.peekFlag(record, 'mfa');
  const names = Object.keys(methods ?? {}).filter((name) => name.trim() !== '' && isMethod(methods!, name));
  // With `mfa: false` a second method that did not succeed was not used.
  const used = mfa === false && names.length > 1 ? names.filter((name) => succeeded(reading, methods!, name)) : names;
  const found = used.map(factorNamed);
  addMetaFactor(reading, used, mfa, found);
  const contradicted = mfa === false && found.length > 1;
  const isMfa = contradicted || (mfa === false && !knowsMethods(names.length)) ? undefined : mfa;
  if (isMfa !== undefined) reading.take(record, 'mfa');
  return { factors: found, isMfa };
}

function isMethod(methods: JsonObject, name: string): boolean {
  return typeof methods[name] === 'object' && methods[name] !== null;
}

function succeeded(reading: Reading, methods: JsonObject, name: string): boolean {
  return reading.peekFlag(reading.object(methods, name), 'success') === true;
}

/** `mfa_meta.type` names the second factor where `auth_methods` does not. */
function addMetaFactor(reading: Reading, used: string[], mfa: boolean | undefined, found: OcsfAuthFactor[]): void {
  const meta = reading.object(reading.record, 'mfa_meta');
  const name = reading.peek(meta, 'type')?.toLowerCase();
  if (name === undefined || name === 'none' || mfa === false) return;
  reading.take(meta, 'type');
  if (!used.includes(name)) found.push(factorNamed(name));
}
