import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClientOptions, createClient } from '../../collector/jumpcloud/client.js';
import type { Search } from '../../collector/jumpcloud/insights/source.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { recordingObserver } from './client-under-test.js';
import { fakeTiming } from './fake-timing.js';

const now = Date.parse('2026-11-08T00:00:00Z');
const week: Search = { services: ['all'], start: now / 1000 - 8 * 86_400, end: now / 1000 + 60 };

/** The simulated tenant and a client for it, whose waits take no time. */
async function against(options: TenantOptions, client: Partial<ClientOptions> = {}) {
  const tenant = await startTenant({ seed: 5, records: 4_000, people: 20, now: () => now, ...options });
  const { observer, told } = recordingObserver();
  const source = createClient({
    baseUrl: tenant.baseUrl,
    secret: { value: tenant.apiKey, where: 'JUMPCLOUD_API_KEY' },
    env: {},
    timing: fakeTiming(),
    observer,
    ...client,
  });
  onTestFinished(async () => {
    source.close();
    await tenant.close();
  });
  return { tenant, source, told };
}

async function texts(source: ReturnType<typeof createClient>, search = week): Promise<string[]> {
  const found: string[] = [];
  for await (const page of source.pages(search)) found.push(...page.records.map((record) => record.text));
  return found;
}

const complete = async (tenant: Tenant, found: readonly string[]) =>
  expect(await tenant.ledger.compare(found)).toMatchObject({ equal: true, missing: 0, repeated: 0, unknown: 0 });

describe('the client against the simulated tenant', () => {
  it.each<[string, Partial<TenantOptions>]>([
    ['as it is', {}],
    ['with ties, 0 to 9 digits and malformed records', { trouble: { ties: 0.2, malformed: { share: 0.01 } } }],
    ['packed with gzip', { quirks: { gzip: true } }],
    ['sorted by nanoseconds', { quirks: { sortPrecision: 'ns' } }],
    ['taking admin keys as bearer', { quirks: { bearerAdminKeyAccepted: true, apiKeyHeaderAccepted: false } }],
  ])('%s: every record once, its text unchanged', async (_, options) => {
    const { tenant, source } = await against(options, { pageSize: 300 });
    const found = await texts(source);
    expect(found.length).toBe(4_000);
    await complete(tenant, found);
    expect(await source.count(week)).toBe(4_000);
  });

  it('F-12, F-15, F-16: through a storm of faults every record arrives once', async () => {
    const { tenant, source, told } = await against(
      {
        script: [
          { when: { every: 4 }, effect: { kind: 'status', status: 503 } },
          { when: { every: 5 }, effect: { kind: 'status', status: 429, headers: { 'retry-after': '3' } } },
          { when: { every: 7 }, effect: { kind: 'reset', at: 'mid_body' } },
          { when: { every: 9 }, effect: { kind: 'html', status: 502 } },
          { when: { every: 11 }, effect: { kind: 'body', form: 'truncated' } },
          { when: { every: 13 }, effect: { kind: 'body', form: 'gzip_cut' } },
          { when: { every: 3 }, effect: { kind: 'header_case', form: 'upper' } },
          { when: { every: 2 }, effect: { kind: 'result_count', value: 'less' } },
        ],
      },
      { pageSize: 100, retry: { attempts: 12 } },
    );
    await complete(tenant, await texts(source));
    expect(told.onRetry.length).toBeGreaterThan(10);
    expect(tenant.mostInFlight).toBe(1);
  });

  it('decision 4: bearer first, then x-api-key, seen from JumpCloud’s side', async () => {
    const { tenant, source } = await against({ records: 10 });
    await texts(source);
    expect(tenant.requests.map((request) => [request.credential, request.status])).toEqual([
      ['bearer', 401],
      ['x-api-key', 200],
    ]);
  });

  it('F-14: the causes are distinguished', async () => {
    const cases: [TenantOptions, Partial<ClientOptions>, string][] = [
      [{ organizations: [{ records: 10 }] }, {}, 'ORGANIZATION_MISSING'],
      [{}, { orgId: 'nonsense' }, 'ORGANIZATION_WRONG'],
      [{ keys: [{ state: 'revoked' }] }, {}, 'CREDENTIAL_REFUSED'],
      [{ keys: [{ state: 'unlicensed' }] }, {}, 'NOT_LICENSED'],
      [{ keys: [{ state: 'role' }] }, {}, 'ROLE_REFUSED'],
      [{ script: [{ effect: { kind: 'redirect', location: 'https://login.example.test/x' } }] }, {}, 'BASE_URL_WRONG'],
    ];
    for (const [options, client, code] of cases) {
      const { source } = await against({ records: 10, ...options }, client);
      await expect(texts(source)).rejects.toMatchObject({ code });
    }
  });

  it('one of two organizations by x-org-id', async () => {
    const { tenant, source } = await against({ records: 500, organizations: [{ records: 30, to: now }] }, {});
    await expect(source.count(week)).rejects.toMatchObject({ code: 'ORGANIZATION_MISSING' });
    const orgId = tenant.organizations[1] ?? '';
    const other = createClient({
      baseUrl: tenant.baseUrl,
      secret: { value: tenant.apiKey, where: 'JUMPCLOUD_API_KEY' },
      orgId,
      env: {},
      timing: fakeTiming(),
    });
    onTestFinished(() => other.close());
    const found = await texts(other);
    expect(await tenant.ledgerOf(orgId).compare(found)).toMatchObject({ equal: true, delivered: 30 });
  });

  it('a service account reads the same records, and its secret’s life', async () => {
    const organization = '5f0000000000000000000001';
    const serviceAccount = {
      clientId: 'abc',
      clientSecret: 'a-client-secret-of-the-test-AAAA',
      expiresAt: '2026-12-24T00:00:00Z',
    };
    const { tenant, source } = await against(
      { records: 200, organization, serviceAccounts: [serviceAccount] },
      {
        authorization: 'service-account',
        clientId: 'abc',
        orgId: organization,
        secret: { value: serviceAccount.clientSecret, where: 'JUMPCLOUD_CLIENT_SECRET' },
      },
    );
    await complete(tenant, await texts(source));
    expect(tenant.count('token')).toBe(1);
    expect(await source.keyLife()).toMatchObject({ kind: 'known', expiresAt: Date.parse('2026-12-24T00:00:00Z') });
  });

  it('the life of the administrator’s key, and its refusal', async () => {
    const { tenant, source } = await against({
      records: 10,
      keys: [{ createdAt: '2026-08-23T00:00:00Z', expiresAt: '2026-11-21T00:00:00Z' }],
    });
    const known = { createdAt: Date.parse('2026-08-23T00:00:00Z'), expiresAt: Date.parse('2026-11-21T00:00:00Z') };
    expect(await source.keyLife()).toEqual({ kind: 'known', ...known, from: 'getSelf', role: 'Read Only' });
    tenant.quirks.console.self = 'refused';
    expect(await source.keyLife()).toEqual({ kind: 'known', ...known, from: 'users', role: 'Read Only' });
    tenant.quirks.console.users = 'refused';
    expect(await source.keyLife()).toMatchObject({ kind: 'refused', code: 'ROLE_REFUSED' });
  });
});
