import { isTestBody } from '../../mappings/alerts/notice.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { Log } from '../log/logger.js';
import {
  type CredentialRefusal,
  judgeCredential,
  refusalWords,
  type WebhookAuthentication,
} from './judge-credential.js';
import { decodeBody, LARGEST_BODY, readBody } from './read-body.js';
import type { SecretStore } from './secret-store.js';
import type { Spool } from './spool.js';

/** What a request shows before its body. */
export interface WebhookRequest {
  readonly method: string;
  /** Every value of every header, as Node.js's `headersDistinct`. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
}

/** What a request is answered. */
export interface WebhookAnswer {
  readonly status: 200 | 401 | 405 | 413 | 415 | 503;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What became of requests, by the label of the metric. */
export type RequestOutcome =
  | 'accepted'
  | 'test'
  | 'test_of_other'
  | 'unauthorized'
  | 'unavailable'
  | 'malformed'
  | 'cut';

/** What the operator is shown of a receiver. Times are RFC 3339; null: never since the process started. */
export interface ReceiverView {
  readonly received: number;
  readonly lastReceivedAt: string | null;
  /** When JumpCloud's *Test Webhook* last arrived, and whether it named this feed's organization. */
  readonly lastTest: { readonly at: string; readonly organization: 'own' | 'other' | 'unknown' } | null;
  /** Requests that were not let in, and the last one of them. */
  readonly refused: number;
  readonly lastRefused: { readonly at: string; readonly reason: CredentialRefusal; readonly why: string } | null;
  /** Why it is not all well; null: it is. It never makes a feed not ready: anyone can send a wrong secret. */
  readonly degraded: string | null;
}

/** What the list of alerts came to. */
export interface WebhookLaneView {
  /** Notices that the list of alerts showed and no webhook had brought, since the process started. */
  readonly missed: number;
  /** Why the list could not be read the last time; null: it was, or never yet. */
  readonly listFailure: { readonly code: string; readonly message: string; readonly cure: string } | null;
  /** Bytes that wait for delivery. */
  readonly waitingBytes: number;
}

/** What a receiver needs. */
export interface ReceiverParts {
  readonly authentication: WebhookAuthentication;
  readonly secrets: SecretStore;
  /** Undefined while it is not open: requests are answered 503. */
  readonly spool: () => Spool | undefined;
  /** The feed's organization, once it is known. */
  readonly organization: () => string | undefined;
  readonly onRequest: (outcome: RequestOutcome) => void;
  readonly log: Log;
  readonly now: () => number;
}

/** Headers that are kept with a body: what helps to recognise an unknown shape, and no credential. */
const KEPT_HEADERS = ['content-type', 'user-agent', 'x-request-id', 'x-delivery-id', 'date', 'traceparent'];
const MOST_HEADER_CHARACTERS = 256;
/** How the log's line about a refused request begins: why it was refused is for the operator alone. */
export const REFUSED_REQUEST = 'A webhook request was refused';
/** A refusal is shown as a degraded receiver for so long. */
const DEGRADED_MS = 15 * 60_000;

/**
 * Takes the requests of JumpCloud's webhook channel for one feed. 200 is answered only once the body is in the synced
 * spool, 503 where it cannot be: JumpCloud repeats on 503 and gives up on 4xx, so that our own trouble is never a 4xx.
 */
export class WebhookReceiver {
  #received = 0;
  #lastReceived: number | undefined;
  #test: ReceiverView['lastTest'] = null;
  #refused = 0;
  #lastRefused: { readonly at: number; readonly reason: CredentialRefusal } | undefined;
  #jumpcloudRefused: string | undefined;

  constructor(private readonly parts: ReceiverParts) {}

  /** @param read the body: `too_large` beyond so many bytes, `cut` where the client left or was too slow. Undefined: nobody is there to be answered. */
  async receive(
    request: WebhookRequest,
    read: (maxBytes: number) => Promise<Buffer | 'too_large' | 'cut'>,
  ): Promise<WebhookAnswer | undefined> {
    const refusal = await this.#judge(request);
    if (refusal !== undefined) return refusal;
    const raw = await read(LARGEST_BODY);
    if (raw === 'cut') {
      this.parts.onRequest('cut');
      return undefined;
    }
    if (raw === 'too_large') return this.#malformed(413, `The body is larger than ${LARGEST_BODY} bytes.`);
    const body = await decodeBody(raw, request.headers['content-encoding']?.join(',') ?? '');
    if (body === 'too_large' || body === 'not_decoded')
      return this.#malformed(415, 'The body is of a content coding that is not read, or too large without it.');
    if (isTest(body)) return this.#takeTest(body);
    return this.#spool(request, body);
  }

  /** What channel statistics say of JumpCloud's own requests; undefined: nothing is wrong with them. */
  jumpcloudRefused(why: string | undefined): void {
    this.#jumpcloudRefused = why;
  }

  get view(): ReceiverView {
    const refused = this.#lastRefused;
    const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
    return {
      received: this.#received,
      lastReceivedAt: date(this.#lastReceived),
      lastTest: this.#test,
      refused: this.#refused,
      lastRefused:
        refused === undefined
          ? null
          : { at: date(refused.at)!, reason: refused.reason, why: refusalWords[refused.reason] },
      degraded: this.#degraded(),
    };
  }

  #degraded(): string | null {
    if (this.#jumpcloudRefused !== undefined) return this.#jumpcloudRefused;
    if (this.parts.spool() === undefined) return 'the spool is not open: requests are answered 503';
    const refused = this.#lastRefused;
    if (refused === undefined || this.parts.now() - refused.at > DEGRADED_MS) return null;
    return `a request was refused: ${refusalWords[refused.reason]}`;
  }

  async #judge({ method, headers }: WebhookRequest): Promise<WebhookAnswer | undefined> {
    if (method !== 'POST') return this.#malformed(405, 'Only POST is taken here.');
    if (Number(headers['content-length']?.[0] ?? 0) > LARGEST_BODY)
      return this.#malformed(413, `The body is larger than ${LARGEST_BODY} bytes.`);
    const { authentication, secrets, log } = this.parts;
    const known = await secrets.known().catch((error: unknown) => {
      log.failing('webhook secrets', error);
      return undefined;
    });
    if (known === undefined || known.accepted.length === 0) {
      if (known !== undefined) log.failing('webhook secrets', noSecret());
      return this.#unavailable();
    }
    log.recovered('webhook secrets');
    const reason = judgeCredential(headers, authentication, known);
    if (reason === undefined) return undefined;
    this.#refused += 1;
    this.#lastRefused = { at: this.parts.now(), reason };
    this.parts.onRequest('unauthorized');
    log.failing('webhook authorization', refusedRequest(reason));
    return { status: 401, body: { error: 'unauthorized' } };
  }

  #takeTest(body: Buffer): WebhookAnswer {
    const { value } = readBody(body);
    const named = isTestBody(value ?? null) ? (value as Record<string, unknown>).organization_object_id : undefined;
    const own = this.parts.organization();
    const organization = own === undefined || typeof named !== 'string' ? 'unknown' : named === own ? 'own' : 'other';
    this.#test = { at: new Date(this.parts.now()).toISOString(), organization };
    this.parts.onRequest(organization === 'other' ? 'test_of_other' : 'test');
    if (organization === 'other') {
      this.parts.log.warn('a test of the webhook names another organization than this feed has', {
        cure: 'Look whether the channel belongs to this organization; the sample that JumpCloud sends may name none that exists.',
      });
    } else this.parts.log.info('a test of the webhook arrived');
    return { status: 200, body: { status: 'ok', test: true } };
  }

  async #spool({ headers }: WebhookRequest, body: Buffer): Promise<WebhookAnswer> {
    const { spool, now, log, onRequest } = this.parts;
    const open = spool();
    if (open === undefined) return this.#unavailable();
    const receivedAt = now();
    try {
      await open.append({ receivedAt, headers: keptHeaders(headers), body });
    } catch (error) {
      log.failing('webhook spool', asCollectorError(error));
      return this.#unavailable();
    }
    log.recovered('webhook spool');
    this.#received += 1;
    this.#lastReceived = receivedAt;
    onRequest('accepted');
    return { status: 200, body: { status: 'ok' } };
  }

  #unavailable(): WebhookAnswer {
    this.parts.onRequest('unavailable');
    return { status: 503, body: { error: 'not now' } };
  }

  #malformed(status: 405 | 413 | 415, error: string): WebhookAnswer {
    this.parts.onRequest('malformed');
    return { status, body: { error } };
  }
}

function isTest(body: Buffer): boolean {
  const { value } = readBody(body);
  return value !== undefined && isTestBody(value);
}

function keptHeaders(headers: WebhookRequest['headers']): Record<string, string> {
  const kept = KEPT_HEADERS.map((name) => [name, headers[name]?.join(', ')] as const);
  return Object.fromEntries(
    kept
      .filter((one): one is [string, string] => one[1] !== undefined)
      .map(([name, value]) => [name, value.slice(0, MOST_HEADER_CHARACTERS)]),
  );
}

function noSecret(): CollectorError {
  return new CollectorError('CREDENTIAL_MISSING', 'The webhook has no secret yet: requests are answered 503.', {
    cure: 'Run `jumpcloud-ocsf webhook token` and paste what it prints in JumpCloud.',
  });
}

function refusedRequest(reason: CredentialRefusal): CollectorError {
  return new CollectorError('CREDENTIAL_REFUSED', `${REFUSED_REQUEST}: ${refusalWords[reason]}.`, {
    cure: 'JumpCloud does not repeat what got 401: where it sent this, correct the channel with what `jumpcloud-ocsf webhook token` prints. Its alert is found in the list of alerts all the same.',
  });
}
