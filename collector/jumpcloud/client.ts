import type { LookupFunction } from 'node:net';
import { serverTime } from '../clock.js';
import { type Credential, createCredential } from './auth/credential.js';
import { createTokenStore, type TokenRequest, type TokenStore } from './auth/oauth.js';
import { createSecret, type SecretSource } from './auth/secret-source.js';
import type { AskDirectory } from './directory/ask.js';
import { createDirectoryBudget } from './directory/budget.js';
import { type KeyLife, readKeyLife } from './directory/key-life.js';
import { createWriteOnce, type WriteOnce } from './directory/write-once.js';
import { systemTiming, type Timing } from './http/abort.js';
import { type Endpoints, type RegionOptions, resolveEndpoints } from './http/endpoints.js';
import { damaged, readJson, readObject } from './http/json-body.js';
import type { AuthorizationMode, ClientObserver } from './http/observer.js';
import type { Environment } from './http/proxy-agent.js';
import { createRateLimiter, type RateLimiter } from './http/rate-limiter.js';
import { defaultRetryPolicy, type RetryPolicy } from './http/retry-policy.js';
import { type Authorizer, createCall } from './http/retrying-call.js';
import { type Answer, createSendRequest, type Deadlines, type Request, type SendRequest } from './http/send-request.js';
import { createServerClock, type ServerClock } from './http/server-clock.js';
import { createTransport } from './http/transport.js';
import { type AskPage, type PageSize, queryOf, readPages } from './insights/pages.js';
import type { Source } from './insights/source.js';
import { withUndocumented } from './insights/undocumented.js';

/** A service account of its own for the directory. */
export interface DirectoryAccount {
  readonly clientId: string;
  readonly secret: SecretSource;
  /** Of its secret alone. What becomes of it says nothing about the key of the feed. */
  readonly observer?: ClientObserver | undefined;
}

export interface ClientOptions extends RegionOptions {
  /** Default `bearer`. */
  readonly authorization?: AuthorizationMode | undefined;
  /** False: `bearer` means bearer alone. Default true: a first 401 is answered by trying the key as x-api-key. */
  readonly headerFallback?: boolean | undefined;
  /** The API key; for a service account its client secret. */
  readonly secret: SecretSource;
  /** Service accounts only. */
  readonly clientId?: string | undefined;
  /** Sent as x-org-id. */
  readonly orgId?: string | undefined;
  /** Records a page: 1 to 10,000, default 1,000. */
  readonly pageSize?: number | undefined;
  /** Bytes a body may have after decompression; default 16 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Default 5. */
  readonly requestsPerSecond?: number | undefined;
  /** Requests in flight at the same time; default 1. */
  readonly concurrency?: number | undefined;
  /** A service account for GETs of the directory API; undefined: the credential of the feed reads that too. */
  readonly directoryAccount?: DirectoryAccount | undefined;
  /** Of the directory API, whose allowance is its own; default 5. */
  readonly directoryRequestsPerSecond?: number | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  readonly deadlines?: Partial<Deadlines> | undefined;
  /** PEM file of certificate authorities to trust besides the usual ones. */
  readonly caFile?: string | undefined;
  /** For HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS; default process.env. */
  readonly env?: Environment | undefined;
  readonly observer?: ClientObserver | undefined;
  readonly timing?: Timing | undefined;
  /** In place of the system's name resolution. */
  readonly lookup?: LookupFunction | undefined;
}

/** JumpCloud's event API for one organization and one credential. */
export interface Client extends Source {
  readonly endpoints: Endpoints;
  readonly credential: Credential;
  readonly clock: ServerClock;
  /** Host and port of the proxy on the way to the event API; undefined: none. */
  readonly proxy: string | undefined;
  /** What the console says about the life of the credential; a refusal is a result, not an error. */
  keyLife(signal?: AbortSignal): Promise<KeyLife>;
  /**
   * One GET of the directory API; undefined where no console belongs to the base URL. Waits while a search is being
   * repeated: polls come first.
   */
  readonly directory: AskDirectory | undefined;
  /** Whether a service account of its own reads that, not the credential of the feed. */
  readonly hasDirectoryAccount: boolean;
  /** One write of the directory API, sent once; undefined where no console belongs to the base URL. */
  readonly write: WriteOnce | undefined;
  /** Texts that must never appear anywhere, of both credentials. */
  secrets(): readonly string[];
  /** Ends what is under way for the credential and closes kept connections. Searches are ended by their own signals. */
  close(): void;
}

const defaultDeadlines: Deadlines = { connectMs: 10_000, responseMs: 60_000, requestMs: 120_000 };
const DEFAULT_PAGE = 1_000;
const MAX_PAGE = 10_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
/** For a count and a token. */
const MAX_SMALL_BYTES = 64 * 1024;
/** For the console's lists of up to 100 administrators or service accounts. */
const MAX_LIST_BYTES = 1024 * 1024;
/** For a page of the directory: 100 objects, before what is not kept of them is left out. */
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024;

/** @throws CollectorError BASE_URL_WRONG, CONFIG_INVALID or CONFIG_UNREADABLE; nothing is sent and no secret read yet. */
export function createClient(options: ClientOptions): Client {
  const endpoints = resolveEndpoints(options);
  const timing = options.timing ?? systemTiming;
  const budget = createDirectoryBudget(options.directoryRequestsPerSecond ?? 5, timing);
  const observer = budget.observing(options.observer ?? {});
  const deadlines = { ...defaultDeadlines, ...options.deadlines };
  const { caFile, lookup, env = process.env } = options;
  const transport = createTransport({ env, caFile, lookup, connectMs: deadlines.connectMs });
  const clock = createServerClock(timing, (skew) => observer.onSkew?.(skew));
  const serverNow = () => serverTime(clock.reading());
  const sendRequest = createSendRequest(transport, deadlines, clock, timing);
  const closed = new AbortController();

  const calls = createCalls(options, sendRequest, observer, timing, budget.limiter);
  const secret = createSecret(options.secret, observer, timing);
  const tokens = createTokenStore(askToken, timing);
  const credential = createCredential(
    {
      mode: options.authorization ?? 'bearer',
      secret,
      clientId: options.clientId,
      tokens: endpoints.tokenUrl === undefined ? undefined : tokens,
      fallback: options.headerFallback,
    },
    observer,
    timing,
  );
  const secrets = () => [...credential.secrets(), ...(reader?.credential.secrets() ?? [])];
  const organization: Record<string, string> = options.orgId ? { 'x-org-id': options.orgId } : {};
  const maxBytes = options.maxBodyBytes ?? DEFAULT_MAX_BYTES;
  const configured = Math.min(MAX_PAGE, Math.max(1, Math.trunc(options.pageSize ?? DEFAULT_PAGE)));
  const size: PageSize = { limit: configured, configured, maxBytes };

  function askToken<T>(asked: TokenRequest, read: (answer: Answer) => T): Promise<T> {
    return tokenFrom(secret.where, asked, read);
  }

  function tokenFrom<T>(where: string, { headers, body }: TokenRequest, read: (answer: Answer) => T): Promise<T> {
    const url = endpoints.tokenUrl ?? '';
    const request = { method: 'POST' as const, url, headers, body, maxBytes: MAX_SMALL_BYTES };
    return calls.token({ purpose: 'token', request, read, where, secrets }, closed.signal);
  }

  function readerOf({ clientId, secret: source, observer = {} }: DirectoryAccount) {
    const own = createSecret(source, observer, timing);
    const ownTokens = createTokenStore((asked, read) => tokenFrom(own.where, asked, read), timing);
    const options = { mode: 'service-account', secret: own, clientId, tokens: ownTokens } as const;
    return { credential: createCredential(options, observer, timing), tokens: ownTokens, where: own.where };
  }

  function post<T>(
    path: string,
    body: string,
    limits: Pick<Request, 'maxBytes' | 'beyond'>,
    read: (answer: Answer) => T,
    signal?: AbortSignal,
  ) {
    const headers = { ...organization, 'content-type': 'application/json', accept: 'application/json' };
    const request = { method: 'POST' as const, url: endpoints.baseUrl + path, headers, body, ...limits };
    return calls.api({ purpose: 'api', request, read, credential, where: secret.where, secrets }, signal);
  }

  function askConsole(path: string, signal?: AbortSignal) {
    const headers = { ...organization, accept: 'application/json' };
    const url = `${endpoints.consoleUrl}${path}`;
    const request = { method: 'GET' as const, url, headers, maxBytes: MAX_LIST_BYTES };
    const read = (answer: Answer) => readObject(answer.body);
    return calls.console(
      { purpose: 'console', request, read, credential: atConsole(credential), where: secret.where, secrets },
      signal,
    );
  }

  const reader = options.directoryAccount && readerOf(options.directoryAccount);
  const directoryCredential = atDirectory(
    reader?.credential ?? credential,
    reader?.tokens ?? tokens,
    budget.untilPollsAreThrough,
  );
  const askDirectory: AskDirectory = (path, ask, signal) => {
    const headers = { ...(ask?.withoutOrganization ? {} : organization), accept: 'application/json' };
    const url = `${endpoints.consoleUrl}${path}`;
    const request = { method: 'GET' as const, url, headers, maxBytes: MAX_DIRECTORY_BYTES };
    const read = (answer: Answer) => ({ value: readJson(answer.body), headers: answer.headers });
    const common = { credential: directoryCredential, where: reader?.where ?? secret.where, secrets };
    return calls.directory({ purpose: 'directory', request, read, ...common }, signal);
  };

  const source: Source = {
    pages: (search, signal) => {
      const ask: AskPage = (body, read, beyond, own) => post('/events', body, { maxBytes, beyond }, read, own);
      return readPages(search, ask, size, observer, serverNow, signal);
    },
    count: (search, signal) => post('/events/count', queryOf(search), { maxBytes: MAX_SMALL_BYTES }, readCount, signal),
  };

  return {
    endpoints,
    credential,
    clock,
    proxy: transport.proxy(new URL(endpoints.baseUrl)),
    ...withUndocumented(source),
    directory: endpoints.consoleUrl === undefined ? undefined : askDirectory,
    hasDirectoryAccount: reader !== undefined,
    write:
      endpoints.consoleUrl === undefined
        ? undefined
        : createWriteOnce({
            consoleUrl: endpoints.consoleUrl,
            sendRequest,
            credential,
            headers: organization,
            where: secret.where,
            now: () => timing.now(),
          }),
    secrets,
    keyLife: (signal) => readKeyLife(endpoints.consoleUrl === undefined ? undefined : askConsole, credential, signal),
    close() {
      closed.abort();
      transport.close();
    },
  };
}

/** One way to call for each purpose: other hosts have allowances of their own, and a request that needs a token first holds a turn already. */
function createCalls(
  options: ClientOptions,
  sendRequest: SendRequest,
  observer: ClientObserver,
  timing: Timing,
  directoryLimiter: RateLimiter,
) {
  const rate = { requestsPerSecond: options.requestsPerSecond ?? 5, concurrency: options.concurrency ?? 1 };
  const policy = { ...defaultRetryPolicy, ...options.retry };
  // Nothing waits for the console: it gets one more attempt and no long waits.
  const brief = { ...policy, attempts: Math.min(2, policy.attempts), retryAfterCapMs: policy.baseMs };
  const common = { sendRequest, policy, observer, timing };
  return {
    api: createCall({ ...common, limiter: createRateLimiter(rate, timing) }),
    token: createCall({ ...common, limiter: createRateLimiter(rate, timing) }),
    console: createCall({ ...common, limiter: createRateLimiter(rate, timing), policy: brief }),
    directory: createCall({ ...common, limiter: directoryLimiter, policy: { ...policy, capMs: 60_000 } }),
  };
}

/** What the console thinks of a key must not decide what the event API is sent. */
function atConsole(credential: Credential): Authorizer {
  return {
    ready: async () => {},
    authorize: (signal) => credential.authorizeConsole(signal),
    accepted: () => {},
    refused: async () => 'refused',
  };
}

/**
 * As at the console, but that a refused access token is renewed once: it may have ended in the middle of a long list.
 * @param ready waits until the directory may be asked
 */
function atDirectory(credential: Credential, tokens: TokenStore, ready: Authorizer['ready']): Authorizer {
  let renewed = false;
  return {
    ready,
    authorize: (signal) => credential.authorizeConsole(signal),
    accepted: () => {
      renewed = false;
    },
    refused: async ({ token }) => {
      if (token === undefined || renewed) return 'refused';
      renewed = true;
      tokens.drop(token);
      return 'again';
    },
  };
}

function readCount(answer: Answer): number {
  const { count } = readObject(answer.body);
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
  throw damaged('it holds no count');
}
