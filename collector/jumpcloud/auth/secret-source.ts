import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { CollectorError } from '../../errors.js';
import type { Timing } from '../http/abort.js';
import type { ClientObserver } from '../http/observer.js';
import { tidy } from './tidy-secret.js';

/** Where a secret comes from. `where` is how messages call the place, e.g. `JUMPCLOUD_API_KEY`; else a file is called by its path. */
export type SecretSource =
  | { readonly value: string; readonly where: string }
  | { readonly file: string; readonly where?: string };

/** A secret that may change while it is in use. */
export interface Secret {
  readonly where: string;
  /**
   * The secret now. A file that has not changed since (time, size, inode) is not read again.
   * @throws CollectorError CREDENTIAL_MISSING where there never was a usable one
   */
  read(): Promise<string>;
  /** Forgets what is known about the file, or takes another source; the next `read` looks again. */
  reload(source?: SecretSource): void;
}

/** First 16 hexadecimal digits of the SHA-256: tells keys apart without telling them. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16);
}

/** The last four characters; of a secret so short that they would give it away, nothing. */
export function lastFour(secret: string): string {
  return secret.length >= 16 ? secret.slice(-4) : '****';
}

export function createSecret(first: SecretSource, observer: ClientObserver, timing: Timing): Secret {
  let source = first;
  let known: string | undefined;
  let stamp = '';
  let inline: string | undefined;
  let toldUnreadable = false;

  const where = () => ('file' in source ? (source.where ?? source.file) : source.where);

  function take(raw: string): string {
    const { secret, found } = tidy(raw);
    if (secret === '') throw missing(where(), 'is empty');
    if (!/^[\x21-\x7e]+$/.test(secret)) throw missing(where(), `holds ${strange(secret)}, which no key has`);
    if (secret !== known && found.length > 0) observer.onKeyUntidy?.({ where: where(), found });
    known = secret;
    return secret;
  }

  async function readOnce(file: string): Promise<string> {
    const { mtimeMs, ctimeMs, size, ino } = await stat(file);
    const now = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
    if (known !== undefined && now === stamp) return known;
    const secret = take(await readFile(file, 'utf8'));
    // A file written within the clock's grain of being read may change once more under the same time.
    stamp = timing.now() - mtimeMs > 5_000 ? now : '';
    return secret;
  }

  return {
    get where() {
      return where();
    },
    async read() {
      if ('value' in source) {
        inline ??= take(source.value);
        return inline;
      }
      try {
        const secret = await readOnce(source.file);
        toldUnreadable = false;
        return secret;
      } catch (error) {
        const failure = error instanceof CollectorError ? error : unreadable(source.file, error);
        // In the middle of a swap the file may be missing or empty for a moment.
        if (known === undefined) throw failure;
        if (!toldUnreadable) observer.onKeyUnreadable?.({ where: source.file, reason: failure.message });
        toldUnreadable = true;
        return known;
      }
    },
    reload(next) {
      if (next !== undefined) source = next;
      stamp = '';
      inline = undefined;
    },
  };
}

function strange(secret: string): string {
  if (/[\r\n]/.test(secret)) return 'more than one line';
  if (/\s/.test(secret)) return 'a space';
  return 'a character outside plain ASCII';
}

function missing(where: string, why: string): CollectorError {
  return new CollectorError('CREDENTIAL_MISSING', `the credential in ${where} ${why}`, {
    cure: `Put the key, and nothing else, into ${where}.`,
  });
}

function unreadable(file: string, error: unknown): CollectorError {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return new CollectorError('CREDENTIAL_MISSING', `the credential file ${file} cannot be read (${errno})`, {
    cure: 'Check the path and that this user may read the file.',
    detail: errno,
    cause: error,
  });
}
