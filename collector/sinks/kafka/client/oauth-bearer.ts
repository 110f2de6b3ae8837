import got, { type OptionsOfJSONResponseBody } from 'got';
import { CollectorError } from '../../../errors.js';
import type { KafkaSasl } from './settings.js';

type OauthBearer = Extract<KafkaSasl, { mechanism: 'oauthbearer' }>;

const LONGEST_ANSWER_MS = 10_000;
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
  const request: OptionsOfJSONResponseBody = {
    method: 'POST',
    username: encodeURIComponent(settings.clientId),
    password: encodeURIComponent(settings.clientSecret),
    form: { grant_type: 'client_credentials', ...(settings.scope === undefined ? {} : { scope: settings.scope }) },
    responseType: 'json',
    timeout: { request: LONGEST_ANSWER_MS },
    retry: { limit: 0 },
    followRedirect: false,
  };
  const asked = Date.now();
  const { statusCode, body } = await got<Record<string, unknown>>(endpoint, {
    ...request,
    throwHttpErrors: false,
  }).catch((error) => {
    throw tokenError(endpoint, true, error instanceof Error ? error.message : String(error));
  });
  if (statusCode !== 200 || typeof body?.access_token !== 'string') {
    throw tokenError(endpoint, statusCode >= 500 || statusCode === 429, `status ${statusCode}`);
  }
  const seconds = typeof body.expires_in === 'number' ? body.expires_in : 300;
  return { value: body.access_token, ends: asked + seconds * 1000 };
}

function tokenError(endpoint: URL, transient: boolean, detail: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `The token endpoint ${endpoint.host} gave no access token.`, {
    cure: 'Check kafka.sasl.tokenEndpoint, kafka.sasl.clientId, kafka.sasl.clientSecret and kafka.sasl.scope.',
    transient,
    detail,
  });
}
