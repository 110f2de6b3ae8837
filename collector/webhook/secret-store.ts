import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isObject, type JsonValue } from '../../mappings/json.js';
import { CollectorError } from '../errors.js';
import { isMissing, makeDirectory, replaceFile } from '../files/durable-file.js';
import { digestOf, type KnownSecrets } from './judge-credential.js';

/** What the file holds: digests, never a secret. */
interface StoredSecrets {
  readonly version: 1;
  readonly current: string;
  /** Accepted until then (RFC 3339): the time that it takes to paste the new one. */
  readonly previous?: { readonly digest: string; readonly until: string };
  readonly retired: readonly string[];
}

/** Where the secret in force comes from. */
export interface PresentSecret {
  readonly source: 'configuration' | 'made' | 'none';
  /** Epoch milliseconds; undefined: no other secret is taken. */
  readonly previousUntil: number | undefined;
}

const MOST_RETIRED = 10;
const LOOK_EVERY_MS = 1_000;
const HEX_DIGEST = /^[0-9a-f]{64}$/;

/** The secrets of one feed's webhook: those of the configuration, else those that `webhook token` made. */
export class SecretStore {
  readonly #path: string;
  #stored: StoredSecrets | undefined;
  #stamp = '';
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Whoever asks during a look waits for what it finds. */
  #looking: Promise<void> | undefined;

  /**
   * @param directory the webhook's own below `state.directory`
   * @param configured secrets of the configuration: they alone count where there is one
   */
  constructor(
    directory: string,
    private readonly configured: readonly string[],
    private readonly now: () => number,
  ) {
    this.#path = join(directory, 'secrets.json');
  }

  /** True where the configuration gives the secret: the file is not used. */
  get isConfigured(): boolean {
    return this.configured.length > 0;
  }

  /** The secrets in force. The file is looked at once per second at most. @throws CollectorError STATE_CORRUPT */
  async known(): Promise<KnownSecrets> {
    if (this.isConfigured) return { accepted: this.configured.map(digestOf), retired: [] };
    // A clock that steps back must not put off the next look.
    if (Math.abs(this.now() - this.#lookedAt) >= LOOK_EVERY_MS)
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    await this.#looking;
    const stored = this.#stored;
    if (stored === undefined) return { accepted: [], retired: [] };
    const { current, previous, retired } = stored;
    if (previous === undefined) return { accepted: [current], retired };
    const isOpen = this.now() < Date.parse(previous.until);
    return isOpen
      ? { accepted: [current, previous.digest], retired }
      : { accepted: [current], retired: [...retired, previous.digest] };
  }

  /** Which secret is in force, without the secret: where it comes from, and until when the one before it is taken too. */
  async present(): Promise<PresentSecret> {
    if (this.isConfigured) return { source: 'configuration', previousUntil: undefined };
    await this.#look();
    if (this.#stored === undefined) return { source: 'none', previousUntil: undefined };
    const until = Date.parse(this.#stored.previous?.until ?? '');
    return { source: 'made', previousUntil: this.now() < until ? until : undefined };
  }

  /**
   * Makes a secret, stores its digest and returns it, once. The one before is accepted for `overlapMs` more.
   * @throws CollectorError CONFIG_INVALID where the configuration gives the secret
   */
  async make(overlapMs: number): Promise<{ readonly secret: string; readonly previousUntil: number | undefined }> {
    if (this.isConfigured)
      throw new CollectorError('CONFIG_INVALID', 'The configuration gives the secret (webhook.secret).', {
        cure: 'Change it where it comes from, with the old one as webhook.previousSecret; or take webhook.secret out and run this again.',
      });
    await this.#look();
    const secret = randomBytes(32).toString('base64url');
    const before = this.#stored;
    const until = this.now() + overlapMs;
    const older = before?.previous === undefined ? [] : [before.previous.digest];
    const stored: StoredSecrets = {
      version: 1,
      current: digestOf(secret),
      ...(before === undefined ? {} : { previous: { digest: before.current, until: new Date(until).toISOString() } }),
      retired: [...(before?.retired ?? []), ...older].slice(-MOST_RETIRED),
    };
    await makeDirectory(dirname(this.#path));
    await replaceFile(this.#path, `${JSON.stringify(stored)}\n`);
    this.#stored = stored;
    return { secret, previousUntil: before === undefined ? undefined : until };
  }

  async #look(): Promise<void> {
    this.#lookedAt = this.now();
    const found = await stat(this.#path).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    const stamp = found === undefined ? '' : `${found.mtimeMs} ${found.ino} ${found.size}`;
    if (stamp === this.#stamp) return;
    this.#stored = found === undefined ? undefined : read(await readFile(this.#path, 'utf8'), this.#path);
    this.#stamp = stamp;
  }
}

function read(text: string, path: string): StoredSecrets {
  let value: JsonValue = null;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Refused below.
  }
  if (isStored(value)) return value;
  throw new CollectorError('STATE_CORRUPT', `The digests of the webhook's secrets in ${path} cannot be read.`, {
    cure: 'Remove the file and run `jumpcloud-ocsf webhook token`, then paste the new secret in JumpCloud.',
  });
}

function isStored(value: unknown): value is StoredSecrets {
  if (!isObject(value)) return false;
  const { version, current, previous, retired } = value;
  const isDigest = (one: unknown) => typeof one === 'string' && HEX_DIGEST.test(one);
  return (
    version === 1 &&
    isDigest(current) &&
    Array.isArray(retired) &&
    retired.every(isDigest) &&
    (previous === undefined ||
      (isObject(previous) && isDigest(previous.digest) && !Number.isNaN(Date.parse(String(previous.until)))))
  );
}
