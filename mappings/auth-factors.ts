import { type OcsfDevice, readPhoneDevice } from './device.js';
import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `auth_factor`. */
export interface OcsfAuthFactor {
  factor_type_id: number;
  /** Caption, or JumpCloud's own word beside 99. */
  factor_type: string;
  is_totp?: boolean;
  provider?: string;
  /** The phone that answered. */
  device?: OcsfDevice;
}

/** A factor before its caption is known: `word` is JumpCloud's own, beside 99. */
interface KnownFactor {
  readonly id: number;
  readonly word?: string;
  readonly more?: Pick<OcsfAuthFactor, 'is_totp' | 'provider'>;
}

const PROTECT = 'JumpCloud Protect';

/** Members of `auth_methods`, and words of `mfa_meta.type`, that OCSF has a kind for. JumpCloud Go is passwordless and has none. */
const knownFactors = new Map<string, KnownFactor>([
  ['password', { id: 11 }],
  ['totp', { id: 7, more: { is_totp: true } }],
  ['webauthn', { id: 10 }],
  ['jumpcloud_protect', { id: 5, more: { provider: PROTECT } }],
  ['push', { id: 5 }],
  ['duo', { id: 99, word: 'duo', more: { provider: 'Duo' } }],
]);

/** The factor that JumpCloud calls by this name (`totp`). */
export function factorNamed(reader: RecordReader, name: string): OcsfAuthFactor {
  const { id, word = name, more } = knownFactors.get(name) ?? { id: 99 };
  return { factor_type_id: id, factor_type: id === 99 ? word : reader.caption('authFactor', id), ...more };
}

/** The authentication factors of a record. */
export interface AuthFactors {
  readonly factors: OcsfAuthFactor[];
  /** Absent where the record does not say, or contradicts itself. */
  readonly isMfa: boolean | undefined;
}

/**
 * Reads factors from `auth_methods` and `mfa_meta`, and `is_mfa` from `mfa`. Each method's own `success` stays for
 * `unmapped`: OCSF's factors have no outcome.
 * @param knowsMethods false where the record's `mfa: false` means no more than that no method is recorded
 */
export function readAuthFactors(reader: RecordReader, knowsMethods: (methods: number) => boolean): AuthFactors {
  const { record } = reader;
  const methods =
    reader.object(reader.object(record, 'auth_context'), 'auth_methods') ??
    reader.object(reader.object(record, 'auth_meta'), 'auth_methods');
  const mfa = reader.peekFlag(record, 'mfa');
  const names = Object.keys(methods ?? {}).filter((name) => name.trim() !== '' && isMethod(methods!, name));
  // With `mfa: false` a second method that did not succeed was not used.
  const used = mfa === false && names.length > 1 ? names.filter((name) => succeeded(reader, methods!, name)) : names;
  const found = used.map((name) => factorNamed(reader, name));
  addMetaFactor(reader, used, mfa, found);
  const phone = found.find(({ provider }) => provider === PROTECT);
  const device = phone === undefined ? undefined : readPhone(reader);
  if (phone !== undefined && device !== undefined) phone.device = device;
  const contradicted = mfa === false && found.length > 1;
  const isMfa = contradicted || (mfa === false && !knowsMethods(names.length)) ? undefined : mfa;
  if (isMfa !== undefined) reader.consume(record, 'mfa');
  return { factors: found, isMfa };
}

function isMethod(methods: JsonObject, name: string): boolean {
  return typeof methods[name] === 'object' && methods[name] !== null;
}

function succeeded(reader: RecordReader, methods: JsonObject, name: string): boolean {
  return reader.peekFlag(reader.object(methods, name), 'success') === true;
}

/** The phone with JumpCloud Protect, which has an address and a place of its own. */
function readPhone(reader: RecordReader): OcsfDevice | undefined {
  const [phone] = ['auth_context', 'auth_meta']
    .map((key) => reader.object(reader.object(reader.record, key), 'jumpcloud_protect_device'))
    .filter((found) => found !== undefined);
  return phone === undefined ? undefined : readPhoneDevice(reader, phone);
}

/** `mfa_meta.type` names the second factor where `auth_methods` does not. */
function addMetaFactor(reader: RecordReader, used: string[], mfa: boolean | undefined, found: OcsfAuthFactor[]): void {
  const meta = reader.object(reader.record, 'mfa_meta');
  const name = reader.peek(meta, 'type')?.toLowerCase();
  if (name === undefined || name === 'none' || mfa === false) return;
  reader.consume(meta, 'type');
  if (!used.includes(name)) found.push(factorNamed(reader, name));
}
