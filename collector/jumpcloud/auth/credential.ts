import { CollectorError } from '../../errors.js';
import { processRedactor } from '../../log/redactor.js';
import { linkedSignal, type Timing, throwIfAborted, unlessAborted } from '../http/abort.js';
import type { AuthorizationMode, ClientObserver, KeyHeader } from '../http/observer.js';
import type { TokenStore } from './oauth.js';
import { fingerprint, lastFour, type Secret, type SecretSource } from './secret-source.js';

/** How often a file is looked at while JumpCloud refuses the key that it held. */
const WATCH_MS = 2_000;
const MINUTE_MS = 60_000;
/** Keys whose header is remembered: today's, and those of a rotation or two before. */
const REMEMBERED = 4;

/** What one request carries. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>;
  readonly used: AuthorizationMode;
  readonly fingerprint: string;
  /** The access token, for service accounts. */
  readonly token: string | undefined;
}

/** Which header JumpCloud took for which key, by fingerprint, oldest first. JSON, for the cursor's memory. */
export type HeaderMemory = readonly { readonly fingerprint: string; readonly header: KeyHeader }[];

/** For people and status pages; no secret. */
export interface CredentialState {
  readonly configured: AuthorizationMode;
  /** What JumpCloud took; undefined until it took one. */
  readonly used: AuthorizationMode | undefined;
  /** Of the key, or of the client secret. Undefined until it was read. */
  readonly fingerprint: string | undefined;
  readonly lastFour: string | undefined;
  readonly where: string;
  /** JumpCloud refused it and has not accepted it since. */
  readonly refused: boolean;
}

/**
 * The feed's credential: which header it goes into, what a 401 means, and when to ask again.
 *
 * How the three kinds of 401 are told apart:
 * 1. *A missing organization.* The body says so ("no organization selected"; error table). The key itself was
 *    recognised, so neither the other header nor a wait is tried: the error is ORGANIZATION_MISSING, or
 *    ORGANIZATION_WRONG where x-org-id was sent.
 * 2. *The other header.* Mode `bearer`, any other 401, and JumpCloud never accepted this very key (by fingerprint; also
 *    not in an earlier run, see `restore`): the same request is repeated once, at once, with the key as `x-api-key`.
 *    A new key of a running feed starts with the header that worked for the one before, and may try the other once.
 * 3. *A revoked or expired key, or the middle of a swap.* Any other 401, and one after (2) found both headers refused:
 *    CREDENTIAL_REFUSED, no other header. From then on `ready` lets one request a minute pass; the key file is looked at
 *    every two seconds, and a key of other content, or `reload`, lets the next request pass at once. Where both headers
 *    were refused, the requests of later minutes take turns, so that an outage that answers 401 to everything does not
 *    fix the wrong one.
 * A 401 to a request that was sent with a key or token since replaced says nothing about the new one: asked again at once.
 * A service account's first 401 drops the access token and asks again with a fresh one; the second is kind 3.
 */
export interface Credential {
  readonly state: CredentialState;
  /** Waits while the key is refused: see 3 above. @throws CollectorError ABORTED */
  ready(signal?: AbortSignal): Promise<void>;
  /** Headers for the event API. @throws CollectorError CREDENTIAL_MISSING, or what the token endpoint led to */
  authorize(signal?: AbortSignal): Promise<Authorization>;
  /** Headers for the console, which takes keys as `x-api-key` only (README.md 2.1). */
  authorizeConsole(signal?: AbortSignal): Promise<Authorization>;
  accepted(authorization: Authorization): void;
  /** A 401 of kind 2 or 3. `again`: repeat the request now; `refused`: it is of no use. */
  refused(authorization: Authorization): Promise<'again' | 'refused'>;
  /**
   * Resolves true as soon as the secret has another content than now (a file is looked at every two seconds) or
   * `reload` was called, or a refused key was accepted; false after `ms`, or when the signal aborts.
   */
  waitForChange(ms: number, signal?: AbortSignal): Promise<boolean>;
  /** Looks at the file again, or takes another source, before the next request; ends every wait. SIGHUP leads here. */
  reload(source?: SecretSource): void;
  /** True where the key begins with this (and the prefix is longer than what all keys share). */
  keyStartsWith(prefix: string): Promise<boolean>;
  /** Client id of a service account. */
  readonly clientId: string | undefined;
  remember(): HeaderMemory;
  restore(memory: unknown): void;
  /** Texts that must never appear anywhere. */
  secrets(): readonly string[];
}

export interface CredentialOptions {
  readonly mode: AuthorizationMode;
  /** The key, or the client secret of a service account. */
  readonly secret: Secret;
  readonly clientId?: string | undefined;
  /** Service accounts only. */
  readonly tokens?: TokenStore | undefined;
  /** False fixes `bearer`: no other header is tried. Default true. */
  readonly fallback?: boolean | undefined;
}

export function createCredential(options: CredentialOptions, observer: ClientObserver, timing: Timing): Credential {
  return new KeyOrAccount(options, observer, timing);
}

class KeyOrAccount implements Credential {
  readonly #options: CredentialOptions;
  readonly #observer: ClientObserver;
  readonly #timing: Timing;
  /** Which header worked, by fingerprint; insertion order is age. */
  readonly #worked = new Map<string, KeyHeader>();
  #current: { secret: string; fingerprint: string; header: KeyHeader } | undefined;
  /** Headers refused for the current key since it was last accepted or read. */
  #tried = new Set<KeyHeader>();
  #accepted = false;
  #freshToken = false;
  #token: string | undefined;
  #refused = false;
  /** Monotonic milliseconds before which no request passes while refused. */
  #nextTry = 0;
  #wake = new AbortController();

  constructor(options: CredentialOptions, observer: ClientObserver, timing: Timing) {
    this.#options = options;
    this.#observer = observer;
    this.#timing = timing;
  }

  get clientId(): string | undefined {
    return this.#options.clientId;
  }

  get state(): CredentialState {
    const current = this.#current;
    return {
      configured: this.#options.mode,
      used: this.#used(),
      fingerprint: current?.fingerprint,
      lastFour: current === undefined ? undefined : lastFour(current.secret),
      where: this.#options.secret.where,
      refused: this.#refused,
    };
  }

  async ready(signal?: AbortSignal): Promise<void> {
    while (this.#refused) {
      throwIfAborted(signal);
      const wait = this.#nextTry - this.#timing.monotonic();
      if (wait <= 0) {
        // Taken before the request, so that of many who wait one passes.
        this.#nextTry = this.#timing.monotonic() + MINUTE_MS;
        return;
      }
      await this.waitForChange(wait, signal);
    }
  }

  async authorize(signal?: AbortSignal): Promise<Authorization> {
    const current = await this.#read();
    if (this.#options.mode !== 'service-account') return keyAuthorization(current.secret, current.header);
    try {
      return await this.#tokenAuthorization(current.secret, signal);
    } catch (error) {
      if (error instanceof CollectorError && error.code === 'CREDENTIAL_REFUSED') this.#refuse();
      throw error;
    }
  }

  async authorizeConsole(signal?: AbortSignal): Promise<Authorization> {
    if (this.#options.mode === 'service-account') return this.authorize(signal);
    return keyAuthorization((await this.#read()).secret, 'x-api-key');
  }

  accepted(authorization: Authorization): void {
    if (authorization.fingerprint !== this.#current?.fingerprint) return;
    const first = !this.#accepted;
    this.#accepted = true;
    this.#freshToken = false;
    this.#tried.clear();
    if (this.#refused) this.#relent();
    if (authorization.used !== 'service-account') this.#note(authorization.fingerprint, authorization.used);
    if (first) {
      const { used, fingerprint: key } = authorization;
      this.#observer.onHeaderUsed?.({ configured: this.#options.mode, used, fingerprint: key });
    }
  }

  async refused(authorization: Authorization): Promise<'again' | 'refused'> {
    // Read again: the file may have changed while the request was under way.
    const current = await this.#read();
    if (authorization.fingerprint !== current.fingerprint) return 'again';
    if (authorization.used === 'service-account') return this.#tokenRefused(authorization.token);
    // Another request of the same moment has already moved on to the other header.
    if (authorization.used !== current.header) return this.#refused ? 'refused' : 'again';
    this.#tried.add(current.header);
    const other: KeyHeader = current.header === 'bearer' ? 'x-api-key' : 'bearer';
    const mayChange = this.#options.mode === 'bearer' && this.#options.fallback !== false && !this.#proven();
    if (mayChange) current.header = other;
    if (mayChange && !this.#tried.has(other) && !this.#refused) return 'again';
    this.#refuse();
    return 'refused';
  }

  async waitForChange(ms: number, signal?: AbortSignal): Promise<boolean> {
    const woken = linkedSignal(this.#wake.signal, signal);
    const before = this.#current?.fingerprint;
    const end = this.#timing.monotonic() + ms;
    try {
      for (;;) {
        const left = end - this.#timing.monotonic();
        if (left <= 0) return false;
        await this.#timing.sleep(Math.min(WATCH_MS, left), woken.signal);
        if (signal?.aborted) return false;
        // What cannot be read now is looked at again in two seconds, and told by the secret's own observer.
        const now = await this.#read().catch(() => undefined);
        if (woken.signal.aborted || (now !== undefined && now.fingerprint !== before)) return true;
      }
    } finally {
      woken.unlink();
    }
  }

  reload(source?: SecretSource): void {
    this.#options.secret.reload(source);
    this.#relent();
  }

  async keyStartsWith(prefix: string): Promise<boolean> {
    // Every key begins with `jca_`: what does not go beyond that tells nothing.
    return prefix.length > 4 && (await this.#read()).secret.startsWith(prefix);
  }

  remember(): HeaderMemory {
    return [...this.#worked].map(([key, header]) => ({ fingerprint: key, header }));
  }

  restore(memory: unknown): void {
    if (!Array.isArray(memory)) return;
    for (const entry of memory) {
      const { fingerprint: key, header } = (entry ?? {}) as Record<string, unknown>;
      if (typeof key === 'string' && (header === 'bearer' || header === 'x-api-key')) this.#note(key, header);
    }
    if (this.#current !== undefined) this.#current.header = this.#headerFor(this.#current.fingerprint);
  }

  secrets(): readonly string[] {
    return [this.#current?.secret, this.#token].filter((secret) => secret !== undefined);
  }

  /** The secret now; a new content starts a new life. */
  async #read(): Promise<{ secret: string; fingerprint: string; header: KeyHeader }> {
    const secret = await this.#options.secret.read();
    const before = this.#current;
    if (before?.secret === secret) return before;
    const key = fingerprint(secret);
    this.#current = { secret, fingerprint: key, header: this.#headerFor(key, before?.fingerprint) };
    this.#tried.clear();
    this.#accepted = false;
    this.#freshToken = false;
    if (before !== undefined) {
      const { where } = this.#options.secret;
      this.#observer.onKeyChanged?.({ fingerprint: key, lastFour: lastFour(secret), where });
      this.#relent();
    }
    return this.#current;
  }

  #headerFor(key: string, before?: string): KeyHeader {
    if (this.#options.mode === 'x-api-key') return 'x-api-key';
    if (this.#options.fallback === false) return 'bearer';
    return this.#worked.get(key) ?? (before === undefined ? undefined : this.#worked.get(before)) ?? 'bearer';
  }

  #proven(): boolean {
    return this.#current !== undefined && this.#worked.get(this.#current.fingerprint) === this.#current.header;
  }

  #used(): AuthorizationMode | undefined {
    if (!this.#accepted && !this.#proven()) return undefined;
    return this.#options.mode === 'service-account' ? 'service-account' : this.#current?.header;
  }

  #note(key: string, header: KeyHeader): void {
    this.#worked.delete(key);
    this.#worked.set(key, header);
    for (const oldest of this.#worked.keys()) {
      if (this.#worked.size <= REMEMBERED) break;
      this.#worked.delete(oldest);
    }
  }

  async #tokenAuthorization(secret: string, signal: AbortSignal | undefined): Promise<Authorization> {
    const { tokens, clientId } = this.#options;
    if (tokens === undefined || clientId === undefined) throw accountIncomplete();
    const token = await unlessAborted(tokens.token({ clientId, clientSecret: secret }, signal), signal);
    processRedactor.useToken(clientId, token);
    this.#token = token;
    return {
      headers: { authorization: `Bearer ${token}` },
      used: 'service-account',
      fingerprint: fingerprint(secret),
      token,
    };
  }

  #tokenRefused(token: string | undefined): 'again' | 'refused' {
    if (token !== this.#token) return 'again';
    this.#options.tokens?.drop(token ?? '');
    if (!this.#freshToken && !this.#refused) {
      this.#freshToken = true;
      return 'again';
    }
    this.#refuse();
    return 'refused';
  }

  #refuse(): void {
    this.#nextTry = this.#timing.monotonic() + MINUTE_MS;
    if (this.#refused) return;
    this.#refused = true;
    const { fingerprint: key = '', lastFour: four = '', where } = this.state;
    this.#observer.onKeyRefused?.({ fingerprint: key, lastFour: four, where });
  }

  /** Ends the refusal and every wait for it. */
  #relent(): void {
    this.#refused = false;
    this.#wake.abort();
    this.#wake = new AbortController();
  }
}

function keyAuthorization(secret: string, header: KeyHeader): Authorization {
  return {
    headers: header === 'bearer' ? { authorization: `Bearer ${secret}` } : { 'x-api-key': secret },
    used: header,
    fingerprint: fingerprint(secret),
    token: undefined,
  };
}

function accountIncomplete(): CollectorError {
  return new CollectorError(
    'CONFIG_INVALID',
    'a service account needs a client id and a region with a token endpoint',
    {
      cure: 'Set jumpcloud.clientId, jumpcloud.clientSecret and jumpcloud.region.',
    },
  );
}
