import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keys } from '../../collector/config/keys.js';
import type { SupervisedFeed } from '../../collector/runtime/supervisor.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { folder } from '../cli/command.js';
import { consoleOverTenant, put, until } from './console-over-tenant.js';
import { type Client, type Reply, startTestConsole, stillSupervisor } from './harness.js';

const DAY = 24 * 60 * 60_000;

const stateOf = async (client: Client, name: string) => (await client.get(`/feeds/${name}/status`)).json?.state?.code;
const lines = (reply: Reply) =>
  reply.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const pointers = ({ json }: Reply) => json.problems?.map(({ pointer }: { pointer: string }) => pointer);

describe('the life of a feed', () => {
  it('A6 A7: is added, tested, collects, is edited, paused, resumed, removed and restored, and forgets nothing', async () => {
    const { one, admin, tenant, document } = await consoleOverTenant();
    const tested = lines(await admin.send('POST', '/drafts/test', { document: document('acme') }));
    expect(tested.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(tested.at(-1)).toMatchObject({ done: true, header: 'x-api-key' });
    expect((await admin.get('/feeds')).json.feeds).toEqual([]);

    const created = await put(admin, document('acme'), { 'if-none-match': '*' });
    expect([created.status, created.headers['x-applied']]).toEqual([201, 'started']);
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'connected',
    );
    const total = async () => {
      const { json } = await admin.get('/feeds/acme/status');
      return json.view.lanes.find(({ name }: { name: string }) => name === 'live').counts.total;
    };
    const { records, events, deadLetters, duplicates } = await until(
      total,
      (counts) => counts.records >= tenant.ledger.size,
    );
    expect(records).toBe(events + deadLetters + duplicates);

    const { json: before, headers } = await admin.get('/feeds/acme');
    const changed = await put(
      admin,
      { ...before, poll: { start: '2d', interval: '2s' } },
      { 'if-match': headers.etag },
    );
    expect([changed.status, changed.headers['x-applied']]).toEqual([200, 'restarted']);
    const described = await put(admin, { ...changed.json, description: 'Acme' }, { 'if-match': changed.headers.etag });
    expect([described.status, described.headers['x-applied']]).toEqual([200, 'live']);

    const paused = await admin.send('POST', '/feeds/acme/pause', { reason: 'maintenance' });
    expect(paused.json.state).toMatchObject({ code: 'paused', by: 'ana', reason: 'maintenance' });
    expect((await admin.send('POST', '/feeds/acme/resume', {})).status).toBe(200);
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'connected',
    );

    expect((await admin.send('DELETE', '/feeds/acme?tables=remove')).status).toBe(204);
    const list = (await admin.get('/feeds')).json;
    const removal = { name: 'acme', by: 'ana', tablesGo: expect.stringMatching(/^20/) };
    expect([list.feeds, list.removed]).toMatchObject([[], [removal]]);
    const restored = await admin.send('POST', '/feeds/acme/restore', {});
    expect([restored.status, restored.json.description]).toEqual([200, 'Acme']);
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'connected',
    );
    const after = await until(total, (counts) => counts.records >= records);
    expect(after.events + after.deadLetters).toBe(events + deadLetters);

    const { revisions } = (await admin.get('/feeds/acme/revisions')).json;
    const actions = revisions.map(({ action, by }: { action: string; by: string }) => `${action} ${by}`);
    expect(actions.reverse()).toEqual(
      ['created', 'changed', 'changed', 'removed', 'restored'].map((one) => `${one} ana`),
    );
    expect((await admin.get('/feeds/acme/activity?range=1h')).json.marks).toHaveLength(5);
    expect((await admin.get('/feeds/acme/log')).json.lines.length).toBeGreaterThan(0);
    expect((await admin.get('/audit/verification')).json.intact).toBe(true);
    expect(one.logged()).not.toContain(tenant.apiKey);
  });

  it('A5: another feed’s edits leave a feed alone, and every one of them is answered with the state in force', async () => {
    const { admin, document } = await consoleOverTenant();
    await put(admin, document('still'));
    await put(admin, document('edited'));
    await until(
      () => stateOf(admin, 'still'),
      (code) => code === 'connected',
    );
    const laneOf = async () => {
      const { json } = await admin.get('/feeds/still/status');
      return json.view.lanes.find(({ name }: { name: string }) => name === 'live');
    };
    const before = await laneOf();
    for (let seconds = 2; seconds < 5; seconds++) {
      const { headers, json } = await admin.get('/feeds/edited');
      const reply = await put(admin, { ...json, poll: { interval: `${seconds}s` } }, { 'if-match': headers.etag });
      expect(reply.headers['x-applied']).toBe('restarted');
    }
    const after = await laneOf();
    expect(after.since).toBe(before.since);
    expect(after.counts.sinceStart.records).toBeGreaterThanOrEqual(before.counts.sinceStart.records);
  });
});

describe('A15: two editors', () => {
  it('the second save is refused with who saved and when, and nothing is overwritten', async () => {
    const { one, admin, document } = await consoleOverTenant();
    await put(admin, document('acme', { poll: { interval: 'never' } }));
    const { headers, json } = await admin.get('/feeds/acme');
    const ben = await one.user(admin, 'ben', 'admin');
    const first = await put(ben, { ...json, description: 'Ben’s' }, { 'if-match': headers.etag });
    expect(first.status).toBe(200);
    const second = await put(admin, { ...json, description: 'Ana’s' }, { 'if-match': headers.etag });
    expect([second.status, second.json.code]).toEqual([412, 'STALE']);
    expect(second.json.present).toMatchObject({ by: 'ben', etag: first.headers.etag });
    expect((await put(admin, { ...json, description: 'Ana’s' })).status).toBe(412);
    expect((await admin.get('/feeds/acme')).json.description).toBe('Ben’s');
    expect((await put(admin, json, { 'if-none-match': '*' })).json.code).toBe('EXISTS');
  });

  it('a program with a token need not say which state it changes', async () => {
    const { one, admin, document } = await consoleOverTenant();
    const terraform = await one.token(admin, 'terraform', 'admin');
    const given = document('acme', { poll: { interval: 'DISABLED' } });
    expect((await put(terraform, given)).status).toBe(201);
    const echo = await terraform.get('/feeds/acme');
    expect(echo.json).toEqual({ ...given, jumpcloud: { ...(given.jumpcloud as object), apiKey: expect.anything() } });
    expect(Object.keys(echo.json)).toEqual(Object.keys(given));
    expect((await put(terraform, { ...given, account: { name: 'Acme' } })).status).toBe(200);
    expect((await admin.get('/feeds')).json.feeds[0].provenance).toEqual({
      kind: 'api',
      where: 'terraform',
      readOnly: false,
    });
  });
});

describe('S7: a secret', () => {
  it('is in no answer, no file outside of secrets and no line of the log', async () => {
    const { one, admin, tenant, document } = await consoleOverTenant();
    const viewer = await one.user(admin, 'eva', 'viewer');
    const { apiKey } = tenant;
    const given = document('acme');
    await put(admin, { ...given, jumpcloud: { ...(given.jumpcloud as object), apiKey: `"${apiKey}"\n` } });
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'connected',
    );
    const paths = [
      '/feeds',
      '/feeds/acme',
      '/feeds/acme/status',
      '/feeds/acme/effective',
      '/feeds/acme/revisions',
      '/feeds/acme/revisions/1',
      '/feeds/acme/activity',
      '/feeds/acme/completeness',
      '/feeds/acme/log',
      '/feeds/acme/dead-letters',
      '/audit',
      '/export',
      '/about',
      '/openapi.json',
      '/config-schema',
    ];
    const forms = [apiKey, Buffer.from(apiKey).toString('base64').slice(0, 30), Buffer.from(apiKey).toString('hex')];
    for (const client of [admin, viewer])
      for (const path of paths) {
        const { text } = await client.get(path);
        expect([path, forms.some((form) => text.includes(form))]).toEqual([path, false]);
      }
    const taken = await put(admin, { ...given, jumpcloud: { apiKey: 'half of' } });
    expect([taken.status, taken.text.includes('half of')]).toEqual([412, false]);
    for (const name of readdirSync(one.directory, { recursive: true, withFileTypes: true })) {
      if (!name.isFile() || name.parentPath.includes('/secrets/')) continue;
      const text = readFileSync(join(name.parentPath, name.name), 'utf8');
      expect([name.name, forms.some((form) => text.includes(form))]).toEqual([name.name, false]);
    }
    expect(one.logged()).not.toContain(apiKey);
    const { secrets } = (await admin.get('/feeds/acme/status')).json;
    expect(secrets['jumpcloud.apiKey']).toMatchObject({
      stored: expect.stringMatching(/^sha256:/),
      lastFour: apiKey.slice(-4),
    });
  });

  it('is kept where it is left out or named by its fingerprint, and refused as a mask', async () => {
    const { admin, document } = await consoleOverTenant();
    await put(admin, document('acme', { poll: { interval: 'never' } }));
    const first = await admin.get('/feeds/acme');
    const { apiKey: _left, ...without } = first.json.jumpcloud;
    const kept = await put(admin, { ...first.json, jumpcloud: without }, { 'if-match': first.headers.etag });
    expect([kept.status, kept.json.jumpcloud.apiKey]).toEqual([200, first.json.jumpcloud.apiKey]);
    for (const mask of ['********', '••••••••', '[secret]']) {
      const reply = await put(
        admin,
        { ...first.json, jumpcloud: { ...without, apiKey: mask } },
        { 'if-match': kept.headers.etag },
      );
      expect([mask, reply.status, reply.json.code, pointers(reply)]).toEqual([
        mask,
        400,
        'MASK',
        ['/jumpcloud/apiKey'],
      ]);
    }
    const other = { ...first.json, jumpcloud: { ...without, apiKey: { stored: 'sha256:0123456789abcdef' } } };
    expect((await put(admin, other, { 'if-match': kept.headers.etag })).json.code).toBe('SECRET_GONE');
  });

  it('C1: every secret of the schema is write-only', () => {
    for (const key of keys) {
      const named =
        /(?:secret|password|token|apikey)$/i.test(key.segments.at(-1)!) ||
        ['token', 'pem'].includes(key.schema['x-kind'] ?? '');
      expect([key.path, named && !key.secret]).toEqual([key.path, false]);
    }
  });
});

describe('S8: a secret follows its address', () => {
  it('a changed address takes the stored key neither to a test nor to a save, and nobody is asked', async () => {
    const { admin, tenant, document } = await consoleOverTenant();
    const heard: string[] = [];
    const listener = createServer((request, response) => {
      heard.push(request.headers.authorization ?? request.headers['x-api-key']?.toString() ?? 'nothing');
      response.end('{}');
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    const { port } = listener.address() as AddressInfo;
    await put(admin, document('acme', { poll: { interval: 'never' } }));
    // A paused feed sends no request.
    expect((await admin.send('POST', '/feeds/acme/pause', { reason: 'requests are counted' })).status).toBe(200);
    const { json, headers } = await admin.get('/feeds/acme');
    const changes: Record<string, unknown>[] = [
      { baseUrl: `http://127.0.0.1:${tenant.port}/other/insights/directory/v1` },
      { region: 'us' },
      { consoleUrl: `http://127.0.0.1:${tenant.port}` },
      { tokenUrl: `http://127.0.0.1:${tenant.port}/x` },
      { authorization: 'x-api-key' },
    ];
    for (const change of changes) {
      const changed = { ...json, jumpcloud: { ...json.jumpcloud, ...change } };
      const asked = tenant.requests.length;
      for (const reply of [
        await put(admin, changed, { 'if-match': headers.etag }),
        await admin.send('POST', '/drafts/test', { document: changed }),
      ])
        expect([change, reply.status, reply.json.code, pointers(reply)]).toEqual([
          change,
          422,
          'CREDENTIAL_NEEDED',
          ['/jumpcloud/apiKey'],
        ]);
      expect(tenant.requests.length).toBe(asked);
    }
    // S16: another host is not even asked with the key typed again.
    const away = {
      ...json,
      jumpcloud: {
        ...json.jumpcloud,
        apiKey: tenant.apiKey,
        baseUrl: `http://localhost:${port}/insights/directory/v1`,
      },
    };
    expect((await put(admin, away, { 'if-match': headers.etag })).json.code).toBe('NOT_ALLOWED');
    expect((await admin.send('POST', '/drafts/test', { document: away })).json.code).toBe('NOT_ALLOWED');
    expect(heard).toEqual([]);
  });

  it('S16: hosts that are not among those allowed are refused before anything is asked', async () => {
    const { admin, document } = await consoleOverTenant();
    for (const baseUrl of [
      'https://169.254.169.254/insights/directory/v1',
      'https://10.0.0.1/insights/directory/v1',
      'http://localhost:1/insights/directory/v1',
      'https://api.jumpcloud.com.evil.example/insights/directory/v1',
    ]) {
      const reply = await put(admin, document('acme', { jumpcloud: { baseUrl, apiKey: 'k'.repeat(40) } }));
      expect([baseUrl, reply.status, pointers(reply)]).toEqual([baseUrl, 422, ['/jumpcloud/baseUrl']]);
    }
  });
});

describe('S9: paths', () => {
  it('lie below their roots, links followed, or are refused without being opened', async () => {
    const { admin, root, document } = await consoleOverTenant();
    symlinkSync('/etc', join(root, 'secrets', 'link'));
    symlinkSync('/etc', join(root, 'tables', 'link'));
    writeFileSync(join(root, 'secrets', 'acme-key'), 'k'.repeat(40), { mode: 0o600 });
    const key = (file: string) => document('acme', { jumpcloud: { apiKey: { file } }, poll: { interval: 'never' } });
    for (const file of [
      '/etc/passwd',
      '../secrets/../../etc/passwd',
      'link/passwd',
      '/proc/self/environ',
      '.',
      'a\0b',
    ]) {
      const reply = await put(admin, key(file));
      expect([file, reply.status, pointers(reply)]).toEqual([file, 422, ['/jumpcloud/apiKey']]);
      expect(reply.text).not.toContain('root:');
    }
    const cases: [object, string][] = [
      [{ tables: { directory: '/etc' } }, '/tables/directory'],
      [{ tables: { directory: join(root, 'tables', 'link', 'x') } }, '/tables/directory'],
      [{ tables: { directory: join(root, 'tables') } }, '/tables/directory'],
      [{ sink: 'stdout', state: { directory: '/var/lib' } }, '/state/directory'],
      [{ jumpcloud: { apiKey: 'k'.repeat(40), ca: '/etc/shadow' } }, '/jumpcloud/ca'],
      [{ kafka: { tls: { enabled: true, ca: '/etc/shadow' } } }, '/kafka/tls/ca'],
      [{ sink: 'kafka', kafka: { brokers: ['evil.example:9092'] } }, '/kafka/brokers'],
    ];
    for (const [more, pointer] of cases) {
      const reply = await put(admin, document('acme', more));
      expect([more, reply.status, pointers(reply)]).toEqual([more, 422, [pointer]]);
    }
    const good = await put(admin, key('acme-key'));
    expect([good.status, good.json.jumpcloud.apiKey]).toEqual([201, { file: 'acme-key' }]);
  });
});

describe('wrong configurations', () => {
  it('are refused whole, each problem with its place, and nothing is saved', async () => {
    const { one, admin, document } = await consoleOverTenant();
    const cases: [object, string][] = [
      [{ poll: { interval: 'soon' } }, '/poll/interval'],
      [{ jumpcloud: { apiKey: 'k'.repeat(40), eventTypes: ['logins'] } }, '/jumpcloud/eventTypes'],
      [{ sink: 'kafka' }, '/kafka/brokers'],
      [{ sink: 'nowhere' }, '/sink'],
      [{ http: { port: 1 } }, '/http'],
      [{ pol: { interval: '1s' } }, '/pol'],
    ];
    for (const [more, pointer] of cases) {
      const reply = await put(admin, document('acme', more));
      expect([more, reply.status, reply.json.code]).toEqual([more, 422, 'CONFIG_INVALID']);
      expect([more, JSON.stringify(pointers(reply))]).toEqual([more, expect.stringContaining(pointer)]);
    }
    expect((await admin.send('PUT', '/feeds/acme', { name: 'other' })).json.code).toBe('NAME');
    expect((await admin.send('PUT', `/feeds/${encodeURIComponent('a b')}`, { name: 'a b' })).status).toBe(404);
    expect(readdirSync(one.directory)).not.toContain('feeds.d');
    expect((await admin.get('/feeds')).json.feeds).toEqual([]);
  });

  it('A2: a test names cause, cure and field of a wrong key, and saves nothing', async () => {
    const { admin, document } = await consoleOverTenant();
    const reply = await admin.send('POST', '/drafts/test', {
      document: document('acme', {
        jumpcloud: { baseUrl: (document('x').jumpcloud as { baseUrl: string }).baseUrl, apiKey: 'x'.repeat(40) },
      }),
    });
    const [failed] = lines(reply).filter(({ verdict }) => verdict === 'failed');
    expect(failed).toMatchObject({ code: 'CREDENTIAL_REFUSED', field: 'jumpcloud.apiKey' });
    expect(failed.cure).toContain('in the console, in its field or by Renew key');
    expect(reply.text).not.toContain('JUMPCLOUD_API_KEY');
    expect((await admin.get('/feeds')).json.feeds).toEqual([]);
  });

  it('A3: findings come one by one: what is known is shown while JumpCloud has not answered', async () => {
    const { one, admin, tenant, document } = await consoleOverTenant();
    tenant.script([{ effect: { kind: 'hang' } }]);
    const leaving = new AbortController();
    const reply = await fetch(`${one.origin}/api/v1/drafts/test`, {
      method: 'POST',
      headers: { ...admin.credential, origin: one.origin, 'content-type': 'application/json' },
      body: JSON.stringify({ document: document('acme') }),
      signal: leaving.signal,
    });
    let text = '';
    for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('"part":"tables"')) break;
    }
    expect(text).toContain('"part":"configuration"');
    expect(text).not.toContain('"done"');
    leaving.abort();
  });

  it('another destination is taken only when it was confirmed', async () => {
    const { admin, root, document } = await consoleOverTenant();
    await put(admin, document('acme', { poll: { interval: 'never' } }));
    const { json, headers } = await admin.get('/feeds/acme');
    const moved = { ...json, tables: { directory: join(root, 'tables', 'other') } };
    const asked = await put(admin, moved, { 'if-match': headers.etag });
    expect([asked.status, asked.json.confirm]).toEqual([409, 'new-position']);
    const confirmed = await admin.send('PUT', '/feeds/acme?confirm=new-position', moved, { 'if-match': headers.etag! });
    expect(confirmed.status).toBe(200);
  });
});

describe('A4: a renewed key', () => {
  it('of another organization is refused, and the old one stays; the right one is in use at the next poll', async () => {
    const { admin, tenant, document } = await consoleOverTenant();
    await put(admin, document('acme'));
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'connected',
    );
    const foreign = await startTenant({ seed: 9, records: 50, from: Date.now() - DAY, to: Date.now() - 120_000 });
    onTestFinished(() => foreign.close());
    const before = (await admin.get('/feeds/acme')).json;
    const wrong = await admin.send('PUT', '/feeds/acme/secrets/jumpcloud.apiKey', { secret: foreign.apiKey });
    expect([wrong.status, wrong.json.code]).toEqual([422, 'CREDENTIAL_REFUSED']);
    expect((await admin.get('/feeds/acme')).json).toEqual(before);
    const { key } = tenant.issueKey();
    await until(
      () => stateOf(admin, 'acme'),
      (code) => code === 'failing',
    );
    const renewed = await admin.send('PUT', '/feeds/acme/secrets/jumpcloud.apiKey', { secret: ` ${key}\n` });
    expect([renewed.status, renewed.json.kind]).toEqual([202, 'renew']);
    const done = await until(
      async () => (await admin.get(`/jobs/${renewed.json.id}`)).json,
      ({ state }) => state !== 'running',
    );
    expect(done).toMatchObject({ state: 'done', message: 'polled with the new key' });
    expect(await stateOf(admin, 'acme')).toBe('connected');
    const { changes } = (await admin.get('/audit')).json.entries[0];
    expect(JSON.stringify(changes)).not.toContain(key);
  });
});

it('A9: a removal whose sink does not close is answered with a job, which ends when it has closed', async () => {
  let isThere = true;
  const feed = {
    name: 'acme',
    state: 'stopping',
    configured: null,
    problems: [],
    source: { kind: 'managed', where: '' },
  };
  const one = await startTestConsole({
    supervisor: stillSupervisor([], {
      find: (name) => (isThere && name === 'acme' ? (feed as unknown as SupervisedFeed) : undefined),
      remove: async () => 'stopping',
    }),
  });
  const admin = await one.firstAdmin();
  const document = { name: 'acme', jumpcloud: { apiKey: 'k'.repeat(40) } };
  expect((await put(admin, document)).status).toBe(201);
  const removed = await admin.send('DELETE', '/feeds/acme');
  expect([removed.status, removed.json.kind, removed.json.state]).toEqual([202, 'remove', 'running']);
  expect((await admin.get(`/jobs/${removed.json.id}`)).json.state).toBe('running');
  isThere = false;
  const job = await until(
    async () => (await admin.get(`/jobs/${removed.json.id}`)).json,
    ({ state }) => state !== 'running',
  );
  expect(job.state).toBe('done');
});

it('C4: what Terraform does converges: its document is echoed, drift shows, what is gone is made again', async () => {
  const { one, admin, root, document } = await consoleOverTenant();
  writeFileSync(join(root, 'secrets', 'acme-key'), 'k'.repeat(40), { mode: 0o600 });
  const terraform = await one.token(admin, 'terraform', 'admin');
  const declared = document('acme', {
    jumpcloud: { region: 'us', apiKey: { file: 'acme-key' }, eventTypes: ['login', 'admin'] },
    poll: { interval: 'DISABLED' },
    owners: [{ name: 'SOC', email: 'soc@example.com' }],
  });
  const present = async () => JSON.stringify((await terraform.get('/feeds/acme')).json);
  expect((await put(terraform, declared)).status).toBe(201);
  expect(await present()).toBe(JSON.stringify(declared));
  const { json, headers } = await admin.get('/feeds/acme');
  expect((await put(admin, { ...json, description: 'by hand' }, { 'if-match': headers.etag })).status).toBe(200);
  expect(await present()).not.toBe(JSON.stringify(declared));
  expect((await put(terraform, declared)).status).toBe(200);
  expect(await present()).toBe(JSON.stringify(declared));
  expect((await terraform.send('DELETE', '/feeds/acme')).status).toBe(204);
  expect((await terraform.get('/feeds/acme')).status).toBe(404);
  expect((await terraform.send('DELETE', '/feeds/acme')).status).toBe(404);
  expect((await put(terraform, declared)).status).toBe(201);
  expect(await present()).toBe(JSON.stringify(declared));
});

describe('A13: feeds of the operator’s own files', () => {
  it('are shown, tested and run, and neither changed nor removed', async () => {
    const { admin, document, root } = await consoleOverTenant({
      env: {
        FEED_NAME: 'filed',
        JUMPCLOUD_API_KEY: 'k'.repeat(40),
        POLL_INTERVAL: 'never',
        TABLES_DIRECTORY: join(folder(), 't'),
      },
    });
    const shown = await admin.get('/feeds/filed');
    expect([shown.status, shown.text.includes('kkkk')]).toEqual([200, false]);
    for (const reply of [
      await put(admin, document('filed')),
      await put(admin, document('Filed')),
      await admin.send('DELETE', '/feeds/filed'),
    ])
      expect([reply.status, reply.json.code]).toEqual([409, 'MANAGED_BY_FILE']);
    expect((await admin.get('/feeds')).json.feeds[0].provenance.readOnly).toBe(true);
    expect(root).not.toBe('');
  });
});

it('a draft waits for a person with the key, and holds no secret', async () => {
  const { admin, document } = await consoleOverTenant();
  const draft = await admin.send('PUT', '/drafts/acme', { document: document('acme'), waitingFor: 'ben@example.com' });
  expect(draft.json).toMatchObject({ name: 'acme', by: 'ana', waitingFor: 'ben@example.com' });
  expect((await admin.get('/drafts/acme')).json.document.jumpcloud.apiKey).toBeUndefined();
  const key = 'not-shown-to-anybody';
  for (const apiKey of [{ value: key }, [key], { file: 'key', value: key }]) {
    const sent = document('acme');
    const kept = await admin.send('PUT', '/drafts/acme', {
      document: { ...sent, jumpcloud: { ...(sent.jumpcloud as object), apiKey } },
    });
    expect(kept.status).toBe(200);
    expect(JSON.stringify((await admin.get('/drafts/acme')).json)).not.toContain(key);
  }
  expect((await admin.get('/feeds')).json.drafts).toHaveLength(1);
  await put(admin, document('acme', { poll: { interval: 'never' } }));
  expect((await admin.get('/feeds')).json.drafts).toEqual([]);
  expect((await admin.send('DELETE', '/drafts/acme')).status).toBe(404);
});

it('a revision that is put in force again keeps its secret, or needs it again', async () => {
  const { admin, document } = await consoleOverTenant();
  const still = { poll: { interval: 'never' } };
  await put(admin, document('acme', { ...still, description: 'one' }));
  const first = await admin.get('/feeds/acme');
  await put(admin, { ...first.json, description: 'two' }, { 'if-match': first.headers.etag });
  const back = await admin.send('POST', '/feeds/acme/revisions/1/restore', {});
  expect([back.status, back.json.description, back.json.jumpcloud.apiKey]).toEqual([
    200,
    'one',
    first.json.jumpcloud.apiKey,
  ]);
  expect((await admin.get('/feeds/acme/revisions')).json.revisions[0]).toMatchObject({ number: 3, action: 'restored' });
});
