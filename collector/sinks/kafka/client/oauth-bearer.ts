import type { Duplex } from 'node:stream';
import got from 'got';
import { isObject, type JsonValue } from '../../../../mappings/json.js';
import { CollectorError } from '../../../errors.js';
import { processRedactor } from '../../../log/redactor.js';
import type { KafkaSasl } from './settings.js';

type OauthBearer = Extract<KafkaSasl, { mechanism: 'oauthbearer' }>;

const LONGEST_ANSWER_MS = 10_000;
/** After decompression. A token has some kilobytes. */
const LARGEST_ANSWER = 64 * 1024;
/** A token is renewed this long before it ends, so that no connection starts with one about to lapse. */
const RESERVE_MS = 60_000;

/**
 * Fetches access tokens from an OAuth token endpoint (client credentials) for SASL/OAUTHBEARER and keeps each until
 * shortly before it ends. kafkajs asks once a connection and again before the broker's session ends.
 * @throws CollectorError CONFIG_INVALID where the endpoint is neither https nor on loopback
 */
export function createTokenProvider(settings: OauthBearer): () => Promise<{ value: string }> {
  const endpoint = safeEndpoint(settings.tokenEndpoint);
  let token: { value: string; ends: number } | undefined;
  let pending: Promise<{ value: string; ends: number }> | undefined;
  return async () => {
    if (token !== undefined && Date.now() < token.ends - RESERVE_MS) return { value: token.value };
    pending ??= requestToken(endpoint, settings).finally(() => {
      pending = undefined;
    });
    token = await pending;
    processRedactor.useToken(`${settings.clientId} at ${endpoint.host}`, token.value);
    return { value: token.value };
  };
}

function safeEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const loopback = url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return url;
  throw new CollectorError('CONFIG_INVALID', 'kafka.sasl.tokenEndpoint is not an https URL.', {
    cure: 'Give the https address of the token endpoint: the client secret leaves over nothing else.',
  });
}

async function requestToken(endpoint: URL, settings: OauthBearer): Promise<{ value: string; ends: number }> {
  const asked = Date.now();
  const stream = got.stream.post(endpoint, {
    username: encodeURIComponent(settings.clientId),
    password: encodeURIComponent(settings.clientSecret),
    form: { grant_type: 'client_credentials', ...(settings.scope === undefined ? {} : { scope: settings.scope }) },
    headers: { accept: 'application/json' },
    timeout: { request: LONGEST_ANSWER_MS },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    https: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
  });
  // got takes such an answer for the end of its request, and the deadline with it.
  stream.once('upgrade', (_: unknown, socket: Duplex) => {
    socket.destroy();
    stream.destroy(new Error('the answer changes the protocol'));
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let answer: JsonValue = null;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // To leave the loop closes the connection.
      if (bytes > LARGEST_ANSWER) throw new Error(`the answer is larger than ${LARGEST_ANSWER} bytes`);
      chunks.push(chunk);
    }
    if (stream.response?.statusCode === 200) answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonValue;
  } catch (error) {
    // What JSON.parse says quotes the text, which holds the token.
    throw tokenError(endpoint, true, error instanceof SyntaxError ? 'the answer is no JSON' : messageOf(error));
  }
  const status = stream.response?.statusCode ?? 0;
  const { access_token: token, expires_in: lasts } = isObject(answer) ? answer : {};
  if (typeof token !== 'string') throw tokenError(endpoint, status >= 500 || status === 429, `status ${status}`);
  return { value: token, ends: asked + (typeof lasts === 'number' ? lasts : 300) * 1000 };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function tokenError(endpoint: URL, transient: boolean, detail: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `The token endpoint ${endpoint.host} gave no access token.`, {
    cure: 'Check kafka.sasl.tokenEndpoint, kafka.sasl.clientId, kafka.sasl.clientSecret and kafka.sasl.scope.',
    transient,
    detail,
  });
}
