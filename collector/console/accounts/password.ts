import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** A password as it is stored. */
export interface PasswordHash {
  readonly scheme: 'scrypt-32768-8-3';
  readonly salt: string;
  readonly hash: string;
}

/** Characters of a password at least. */
export const LEAST_PASSWORD = 12;

const SCHEME = 'scrypt-32768-8-3';
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 };
const BYTES = 32;
/** Stands in for the hash of a user that does not exist, so that both answers take the same time. */
const NOBODY: PasswordHash = { scheme: SCHEME, salt: '00'.repeat(16), hash: '00'.repeat(BYTES) };

/** One hash at a time: each takes 32 MiB and a fifth of a second. */
let queue: Promise<unknown> = Promise.resolve();

function derive(password: string, salt: Buffer): Promise<Buffer> {
  const derived = queue.then(
    () =>
      new Promise<Buffer>((resolve, reject) =>
        scrypt(password.normalize('NFKC'), salt, BYTES, COST, (error, key) => (error ? reject(error) : resolve(key))),
      ),
  );
  queue = derived.catch(() => undefined);
  return derived;
}

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16);
  const key = await derive(password, salt);
  return { scheme: SCHEME, salt: salt.toString('hex'), hash: key.toString('hex') };
}

/** @param stored undefined: there is no such user; takes as long, and is false */
export async function passwordMatches(password: string, stored: PasswordHash | undefined): Promise<boolean> {
  const { salt, hash } = stored ?? NOBODY;
  const key = await derive(password, Buffer.from(salt, 'hex'));
  return timingSafeEqual(key, Buffer.from(hash, 'hex')) && stored !== undefined;
}
