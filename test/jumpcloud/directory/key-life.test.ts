import { describe, expect, it } from 'vitest';
import { userAgent } from '../../../collector/version.js';
import { adminKey, clientFor, collect } from '../client-under-test.js';
import { answer, page, type Step, scriptedServer } from '../scripted-server.js';

const createdAt = '2026-09-01T00:00:00.000Z';
const expireAt = '2026-11-30T00:00:00.000Z';
const known = { createdAt: Date.parse(createdAt), expiresAt: Date.parse(expireAt) };
const hash = { createdAt, expireAt, prefix: adminKey.slice(0, 8) };
const refused = answer(403, { message: 'Forbidden' });

describe('the life of an administrator’s key', () => {
  it('is read from getSelf, with the key as x-api-key whatever header the event API takes', async () => {
    const server = await scriptedServer([answer(200, { email: 'ops@example.test', apiKeyHash: hash })]);
    const { client } = clientFor(server.origin, { authorization: 'bearer', orgId: 'org1' });
    expect(await client.keyLife()).toEqual({ kind: 'known', ...known, from: 'getSelf' });
    server.verify();
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/api/users/getSelf', body: '' });
    expect(server.requests[0]?.headers).toMatchObject({
      'x-api-key': adminKey,
      'user-agent': userAgent,
      'x-org-id': 'org1',
    });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('takes apiKeyUpdatedAt as its beginning where the hash is not shown', async () => {
    const server = await scriptedServer([answer(200, { apiKeyUpdatedAt: createdAt })]);
    const { client } = clientFor(server.origin);
    expect(await client.keyLife()).toEqual({
      kind: 'known',
      createdAt: known.createdAt,
      expiresAt: undefined,
      from: 'getSelf',
    });
  });

  it('is found among the administrators by the key’s prefix, over several lists', async () => {
    const others = Array.from({ length: 100 }, (_, index) => ({
      apiKeyHash: { ...hash, prefix: `jca_x${String(index).padStart(3, '0')}` },
    }));
    const server = await scriptedServer([
      refused,
      answer(200, { results: others, totalCount: 101 }),
      answer(200, { results: [{ apiKeyHash: hash }], totalCount: 101 }),
    ]);
    const { client } = clientFor(server.origin);
    expect(await client.keyLife()).toEqual({ kind: 'known', ...known, from: 'users' });
    expect(server.requests.map((request) => request.path)).toEqual([
      '/api/users/getSelf',
      '/api/users?sort=_id&limit=100&skip=0',
      '/api/users?sort=_id&limit=100&skip=100',
    ]);
  });

  it('is not taken from a key with another prefix, nor from a prefix that all keys share', async () => {
    const stranger = { ...hash, prefix: 'jca_zzzz' };
    const server = await scriptedServer([
      answer(200, { apiKeyHash: stranger }),
      answer(200, {
        results: [{ apiKeyHash: stranger }, { apiKeyHash: { ...hash, prefix: 'jca_' } }, { email: 'x' }, null],
      }),
    ]);
    const { client } = clientFor(server.origin);
    expect(await client.keyLife()).toMatchObject({ kind: 'not_found' });
  });

  it('is not guessed where two keys have the prefix', async () => {
    const server = await scriptedServer([
      refused,
      answer(200, { results: [{ apiKeyHash: hash }, { apiKeyHash: hash }] }),
    ]);
    const { client } = clientFor(server.origin);
    expect(await client.keyLife()).toMatchObject({ kind: 'not_found', reason: expect.stringContaining('several') });
  });

  it.each<[string, Step, string]>([
    ['403', refused, 'ROLE_REFUSED'],
    ['401', answer(401, { message: 'Unauthorized' }), 'CREDENTIAL_REFUSED'],
    ['404', answer(404, ''), 'QUERY_REFUSED'],
    ['500', answer(500, ''), 'SERVER_ERROR'],
    ['HTML', answer(200, '<html>'), 'RESPONSE_INVALID'],
  ])('a refusal by %s is a result, and does not touch what the event API is sent', async (_, step, code) => {
    const server = await scriptedServer((request, response) =>
      (request.path.startsWith('/api/') ? step : page([]))(request, response),
    );
    const { client, told } = clientFor(server.origin);
    await collect(client);
    expect(await client.keyLife()).toMatchObject({ kind: 'refused', code });
    await collect(client);
    expect(told.onKeyRefused).toEqual([]);
    expect(client.credential.state).toMatchObject({ refused: false, used: 'x-api-key' });
  });

  it('is not asked with a key that JumpCloud refuses: that would be a second request in the minute', async () => {
    const server = await scriptedServer([answer(401, '')]);
    const { client } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    expect(await client.keyLife()).toMatchObject({ kind: 'refused', code: 'CREDENTIAL_REFUSED' });
    server.verify();
  });

  it('is not asked where no console belongs to the base URL', async () => {
    const { client } = clientFor('https://gateway.example.test');
    expect(await client.keyLife()).toMatchObject({
      kind: 'not_found',
      reason: expect.stringContaining('jumpcloud.region'),
    });
  });

  it('an abort is an abort, not a refusal', async () => {
    const stop = new AbortController();
    const server = await scriptedServer(() => stop.abort());
    const { client } = clientFor(server.origin);
    await expect(client.keyLife(stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('the life of a service account’s secret', () => {
  const account = { objectId: 'sa 1', name: 'collector', expiresAt: '2027-01-01T00:00:00Z' };
  const config = { clientId: 'client-1', createdAt, expiresAt: expireAt };

  it.each([
    ['wrapped', { serviceAccount: { ...account, authConfigList: [{ clientId: 'other' }, config] } }, known.expiresAt],
    ['bare', { ...account, authConfigList: [{ clientSecretConfig: config }] }, known.expiresAt],
    [
      'without a date of its own',
      { ...account, authConfigList: [{ ...config, expiresAt: undefined }] },
      Date.parse('2027-01-01T00:00:00Z'),
    ],
  ])('is found by the client id, in an answer that is %s', async (_, full, expiresAt) => {
    const server = await scriptedServer([
      answer(200, { access_token: 'token-1', expires_in: 3_600 }),
      answer(200, { results: [account], totalCount: 1 }),
      answer(200, full),
    ]);
    const { client } = clientFor(server.origin, {
      authorization: 'service-account',
      clientId: 'client-1',
      secret: { value: 'client-secret', where: 'JUMPCLOUD_CLIENT_SECRET' },
    });
    expect(await client.keyLife()).toEqual({
      kind: 'known',
      createdAt: known.createdAt,
      expiresAt,
      from: 'service-accounts',
    });
    expect(server.requests.slice(1).map((request) => [request.path, request.headers.authorization])).toEqual([
      ['/api/v2/service-accounts?limit=100&skip=0', 'Bearer token-1'],
      ['/api/v2/service-accounts/sa%201', 'Bearer token-1'],
    ]);
  });

  const asAccount = {
    authorization: 'service-account',
    clientId: 'client-1',
    secret: { value: 'client-secret', where: 'JUMPCLOUD_CLIENT_SECRET' },
  } as const;
  const listing =
    (results: unknown[]): Step =>
    (request, response) => {
      const list = request.path.startsWith('/api/v2/service-accounts?');
      const step = request.path === '/oauth2/token' ? answer(200, { access_token: 't' }) : answer(404, '');
      (list ? answer(200, { results }) : step)(request, response);
    };

  it('is the single account’s own where its secrets are not shown', async () => {
    const server = await scriptedServer(listing([account]));
    const { client } = clientFor(server.origin, asAccount);
    const expiresAt = Date.parse('2027-01-01T00:00:00Z');
    expect(await client.keyLife()).toEqual({
      kind: 'known',
      createdAt: undefined,
      expiresAt,
      from: 'service-accounts',
    });
  });

  it.each([{ toString: 1 }, '\ud800', undefined])(
    'of an account whose id is %j is what the list shows',
    async (objectId) => {
      const server = await scriptedServer(listing([{ ...account, objectId }]));
      const { client } = clientFor(server.origin, asAccount);
      expect(await client.keyLife()).toMatchObject({ kind: 'known', from: 'service-accounts' });
    },
  );

  it('is not guessed among several', async () => {
    const server = await scriptedServer(listing([account, { ...account, objectId: 'sa 2' }]));
    const { client } = clientFor(server.origin, asAccount);
    expect(await client.keyLife()).toMatchObject({ kind: 'not_found' });
  });
});
