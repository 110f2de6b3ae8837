import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClientOptions } from '../../../collector/jumpcloud/client.js';
import { processRedactor } from '../../../collector/log/redactor.js';
import { clientFor, collect, search } from '../client-under-test.js';
import { answer, page, type Step, scriptedServer } from '../scripted-server.js';

const clientId = 'client-1';
const clientSecret = 'secret-of-the-service-account+/=AAAA';

interface Account {
  /** Seconds that tokens live. */
  lifeS: number | undefined;
  /** `id:secret` that is accepted. */
  pair: string;
  issued: number;
  /** Tokens the event API takes. */
  valid: Set<string>;
  fault?: Step | undefined;
}

/** Token endpoint and event API in one: enforces Basic, grant type, scope, the token and x-org-id. */
async function tenant(account: Account) {
  const server = await scriptedServer((request, response) => {
    if (request.path === '/oauth2/token') return (account.fault ?? token(account))(request, response);
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!account.valid.has(bearer)) return answer(401, { message: 'Unauthorized' })(request, response);
    if (request.headers['x-org-id'] !== 'org1' || request.headers['x-api-key'] !== undefined)
      return answer(400, { message: 'organization' })(request, response);
    (request.path.endsWith('/count') ? answer(200, { count: 1 }) : page([]))(request, response);
  });
  return server;
}

const token =
  (account: Account): Step =>
  (request, response) => {
    const basic = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    const form = new URLSearchParams(request.body);
    const [id = '', secret = ''] = basic.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    const wellFormed =
      request.method === 'POST' &&
      request.headers['content-type'] === 'application/x-www-form-urlencoded' &&
      request.headers['x-org-id'] === undefined &&
      form.get('grant_type') === 'client_credentials';
    if (!wellFormed) return answer(400, { error: 'invalid_request' })(request, response);
    if (`${id}:${secret}` !== account.pair) {
      return answer(401, { error: 'invalid_client', error_description: 'client authentication failed' })(
        request,
        response,
      );
    }
    if (form.get('scope') !== 'api') return answer(400, { error: 'invalid_scope' })(request, response);
    account.issued += 1;
    const issued = `opaque-token-${account.issued}`;
    account.valid = new Set([issued]);
    answer(200, { access_token: issued, expires_in: account.lifeS, token_type: 'Bearer', scope: 'api' })(
      request,
      response,
    );
  };

function newAccount(): Account {
  return { lifeS: 3_600, pair: `${clientId}:${clientSecret}`, issued: 0, valid: new Set() };
}

const serviceAccount: Partial<ClientOptions> = {
  authorization: 'service-account',
  clientId,
  orgId: 'org1',
  secret: { value: clientSecret, where: 'JUMPCLOUD_CLIENT_SECRET' },
};

describe('service account', () => {
  it('asks the token endpoint with HTTP Basic and the scope api, once for many requests, and sends x-org-id to the API', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, told } = clientFor(server.origin, serviceAccount);
    for (let search = 0; search < 3; search += 1) await collect(client);
    expect(account.issued).toBe(1);
    expect(server.requests.map((request) => request.path)).toEqual([
      '/oauth2/token',
      ...Array(3).fill('/insights/directory/v1/events'),
    ]);
    expect(told.onHeaderUsed).toEqual([
      { configured: 'service-account', used: 'service-account', fingerprint: expect.any(String) },
    ]);
  });

  it('shares one token request among those who ask at the same time', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client } = clientFor(server.origin, { ...serviceAccount, concurrency: 5 });
    await Promise.all(Array.from({ length: 5 }, () => client.count(search)));
    expect(account.issued).toBe(1);
  });

  it('renews early, while the token still works', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing } = clientFor(server.origin, serviceAccount);
    await collect(client);
    timing.advance(2_800_000);
    await collect(client);
    expect(account.issued).toBe(1);
    timing.advance(100_000);
    await collect(client);
    expect(account.issued).toBe(2);
  });

  it('an outage of the token endpoint does no harm before the token ends, and is an error after', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing } = clientFor(server.origin, { ...serviceAccount, retry: { attempts: 2, capMs: 10 } });
    await collect(client);
    account.fault = answer(503);
    timing.advance(3_000_000);
    await collect(client);
    timing.advance(569_000);
    await collect(client);
    timing.advance(2_000);
    // Less than 30 seconds are left: too few for a request to travel.
    await expect(collect(client)).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringContaining("503 from JumpCloud's token endpoint"),
    });
    account.fault = undefined;
    await collect(client);
    expect(account.issued).toBe(2);
  });

  it('takes an hour where the endpoint names no life, and a wall clock that ran on during a suspend counts', async () => {
    const account = { ...newAccount(), lifeS: undefined };
    const server = await tenant(account);
    const { client, timing } = clientFor(server.origin, serviceAccount);
    await collect(client);
    timing.step(3_580_000);
    await collect(client);
    expect(account.issued).toBe(2);
  });

  it('a token that JumpCloud refuses is replaced once, at once', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing, told } = clientFor(server.origin, serviceAccount);
    await collect(client);
    account.valid.clear();
    await collect(client);
    expect(account.issued).toBe(2);
    expect(told.onKeyRefused).toEqual([]);
    expect(timing.total()).toBeLessThan(2_000);
  });

  it('a fresh token that is refused as well is an error, then one request a minute', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing } = clientFor(server.origin, serviceAccount);
    account.fault = answer(200, { access_token: 'worthless', expires_in: 3_600 });
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    const before = server.requests.length;
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    expect(timing.monotonic()).toBeGreaterThanOrEqual(60_000);
    expect(server.requests.slice(before).filter((request) => request.path.endsWith('/events'))).toHaveLength(1);
  });

  it('a client secret that is refused is named with its place; a new one in the file recovers within seconds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'oauth-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'secret');
    writeFileSync(file, clientSecret);
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing, told } = clientFor(server.origin, { ...serviceAccount, secret: { file } });
    account.pair = `${clientId}:the next secret`;
    await expect(collect(client)).rejects.toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      message: expect.stringContaining('the client id or secret is wrong, revoked or expired'),
      cure: expect.stringContaining(file),
    });
    expect(told.onKeyRefused).toHaveLength(1);
    const refusedAt = timing.monotonic();
    account.pair = `${clientId}:secret-of-the-service-account+/=BBBB`;
    timing.duringSleep = () => writeFileSync(file, 'secret-of-the-service-account+/=BBBB');
    await collect(client);
    expect(timing.monotonic() - refusedAt).toBeLessThanOrEqual(3_000);
    expect(account.issued).toBe(1);
  });

  it.each<[string, Step, string]>([
    ['invalid_client with status 400', answer(400, { error: 'invalid_client' }), 'CREDENTIAL_REFUSED'],
    ['a scope it may not have', answer(400, { error: 'invalid_scope' }), 'ROLE_REFUSED'],
    ['an answer without a token', answer(200, { token_type: 'Bearer' }), 'RESPONSE_INVALID'],
    ['a token of another kind', answer(200, { access_token: 'x', token_type: 'mac' }), 'RESPONSE_INVALID'],
    ['HTML', answer(200, '<html>'), 'RESPONSE_INVALID'],
    ['an object as kind', answer(200, { access_token: 'x', token_type: { toString: 1 } }), 'RESPONSE_INVALID'],
    // The token itself is taken, and JumpCloud refuses it.
    ['an object as life', answer(200, { access_token: 'x', expires_in: { toString: 1 } }), 'CREDENTIAL_REFUSED'],
    ['a list as life', answer(200, { access_token: 'x', expires_in: [{ toString: 1 }] }), 'CREDENTIAL_REFUSED'],
  ])('%s is told by its code', async (_, fault, code) => {
    const server = await tenant({ ...newAccount(), fault });
    const { client } = clientFor(server.origin, { ...serviceAccount, retry: { attempts: 2 } });
    await expect(collect(client)).rejects.toMatchObject({ code });
  });

  it('without a token endpoint it says what to set', async () => {
    const { client } = clientFor('https://gateway.example.test', serviceAccount);
    await expect(collect(client)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      cure: expect.stringContaining('jumpcloud.region'),
    });
  });

  it('neither secret nor token is in what a failure shows', async () => {
    const account = newAccount();
    account.fault = answer(400, { error: 'bad', error_description: `no ${clientSecret} here` });
    const server = await tenant(account);
    const { client, told } = clientFor(server.origin, serviceAccount);
    const failure: unknown = await collect(client).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'QUERY_REFUSED', message: expect.stringContaining('[secret]') });
    expect(JSON.stringify([failure, told])).not.toContain(clientSecret);
  });

  it('a token is masked in the log once it is in use, and so is the one before it', async () => {
    const account = newAccount();
    const server = await tenant(account);
    const { client, timing } = clientFor(server.origin, serviceAccount);
    await collect(client);
    timing.advance(3_000_000);
    await collect(client);
    expect(account.issued).toBe(2);
    for (const issued of ['opaque-token-1', 'opaque-token-2'])
      expect(processRedactor.mask(`not ${issued} here`)).toBe('not [secret] here');
  });
});
