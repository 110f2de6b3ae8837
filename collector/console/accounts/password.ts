import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonValue } from '../../../mappings/json.js';

/** A password as it is stored. */
export interface PasswordHash {
  /** The cost parameters N, r and p of scrypt. */
  readonly scheme: `scrypt-${number}-8-3`;
  readonly salt: string;
  readonly hash: string;
}

/** Characters of a password at least. */
export const LEAST_PASSWORD = 12;

const COST = 2 ** 15;
const BYTES = 32;
const SALT_BYTES = 16;
/** Stands in for the hash of a user that does not exist, so that both answers take the same time. */
const NOBODY: PasswordHash = { scheme: `scrypt-${COST}-8-3`, salt: '00'.repeat(SALT_BYTES), hash: '00'.repeat(BYTES) };

/** One hash at a time: at the cost of new ones each takes 32 MiB and a fifth of a second. */
let queue: Promise<unknown> = Promise.resolve();

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const costs = { N: cost, r: 8, p: 3, maxmem: 64 * 1024 * 1024 };
  const derived = queue.then(
    () =>
      new Promise<Buffer>((resolve, reject) =>
        scrypt(password.normalize('NFKC'), salt, BYTES, costs, (error, key) => (error ? reject(error) : resolve(key))),
      ),
  );
  queue = derived.catch(() => undefined);
  return derived;
}

/** @param cost scrypt's N */
export async function hashPassword(password: string, cost = COST): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, cost);
  return { scheme: `scrypt-${cost}-8-3`, salt: salt.toString('hex'), hash: key.toString('hex') };
}

/** Whether a stored value is a hash that passwords can be compared with. */
export function isPasswordHash(value: JsonValue | undefined): boolean {
  if (!isObject(value)) return false;
  const { scheme, salt, hash } = value;
  const cost = Number(/^scrypt-(\d{1,5})-8-3$/.exec(String(scheme))?.[1]);
  const isHex = (text: JsonValue | undefined, bytes: number) => Buffer.from(String(text), 'hex').length === bytes;
  return cost > 1 && Number.isInteger(Math.log2(cost)) && isHex(salt, SALT_BYTES) && isHex(hash, BYTES);
}

/** @param stored undefined: there is no such user; takes as long, and is false */
export async function passwordMatches(password: string, stored: PasswordHash | undefined): Promise<boolean> {
  const { scheme, salt, hash } = stored ?? NOBODY;
  const key = await derive(password, Buffer.from(salt, 'hex'), Number(scheme.split('-')[1]));
  return timingSafeEqual(key, Buffer.from(hash, 'hex')) && stored !== undefined;
}
