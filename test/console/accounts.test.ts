import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeUser } from '../../collector/commands/console.js';
import { openInvitations } from '../../collector/console/accounts/invitations.js';
import { createLoginDelays } from '../../collector/console/accounts/login-delays.js';
import { hashPassword, passwordMatches } from '../../collector/console/accounts/password.js';
import { createSessions } from '../../collector/console/accounts/sessions.js';
import { openTokens } from '../../collector/console/accounts/tokens.js';
import { openUsers, type StoredUser, type Users } from '../../collector/console/accounts/users.js';
import { accountHandlers } from '../../collector/console/handlers/accounts.js';
import { sessionHandlers } from '../../collector/console/handlers/session.js';
import { oneAtATime } from '../../collector/console/one-at-a-time.js';
import { createRateLimit } from '../../collector/console/rate.js';
import { folder } from '../cli/command.js';
import { PASSWORD, startTestConsole } from './harness.js';

describe('S13: the first start', () => {
  it('two uses of the one-time link at the same time make one administrator', async () => {
    const one = await startTestConsole();
    const token = one.firstToken();
    const use = (user: string) =>
      one.send('/api/v1/session', { method: 'POST', body: { token, user, password: PASSWORD } });
    const replies = await Promise.all([use('ana'), use('ben')]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(readdirSync(join(one.directory, 'users'))).toHaveLength(1);
    expect((await use('eva')).status).toBe(401);
    expect(readdirSync(one.directory)).not.toContain('first-login');
    expect(one.logged()).not.toContain(token);
  });

  it('a link is good for an hour, and a start without users makes another in its place', async () => {
    const one = await startTestConsole();
    const token = one.firstToken();
    one.now += 60 * 60_000;
    const late = await one.send('/api/v1/session', {
      method: 'POST',
      body: { token, user: 'ana', password: PASSWORD },
    });
    expect(late.status).toBe(401);
    await one.close();
    const two = await startTestConsole({ directory: one.directory });
    expect(two.firstToken()).not.toBe(token);
    const old = await two.send('/api/v1/session', { method: 'POST', body: { token, user: 'ana', password: PASSWORD } });
    expect(old.status).toBe(401);
    await two.firstAdmin();
    await two.close();
    const three = await startTestConsole({ directory: one.directory });
    expect(readdirSync(three.directory)).not.toContain('first-login');
    expect(readdirSync(join(three.directory, 'invitations')).filter((name) => name.endsWith('.json'))).toEqual([]);
  });

  it('a password that is too short, and a name that is missing, do not use the link up', async () => {
    const one = await startTestConsole();
    const token = one.firstToken();
    const use = (body: object) => one.send('/api/v1/session', { method: 'POST', body: { token, ...body } });
    expect((await use({ user: 'ana', password: 'short' })).json.problems[0].pointer).toBe('/password');
    expect((await use({ password: PASSWORD })).json.problems[0].pointer).toBe('/user');
    expect((await use({ user: '../ana', password: PASSWORD })).status).toBe(422);
    expect((await use({ user: 'ana', password: PASSWORD })).status).toBe(200);
  });
});

it('S12: a password is stored at the full cost of scrypt, and matches at the cost that it was stored at', async () => {
  const [full, less] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD, 2)]);
  expect([full.scheme, less.scheme]).toEqual(['scrypt-32768-8-3', 'scrypt-2-8-3']);
  expect(full.hash).toHaveLength(64);
  for (const stored of [full, less]) {
    expect(await passwordMatches(PASSWORD, stored)).toBe(true);
    expect(await passwordMatches(`${PASSWORD}.`, stored)).toBe(false);
    expect(await passwordMatches(PASSWORD, { ...stored, scheme: 'scrypt-4-8-3' })).toBe(false);
  }
});

describe('S12: wrong passwords', () => {
  it('cost growing delays for that account alone, whatever address a header names, and say the same of unknown users', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    await one.user(admin, 'ben', 'viewer');
    const attempt = (user: string, password: string, headers = {}) =>
      one.send('/api/v1/session', { method: 'POST', headers, body: { user, password } });
    const replies = [];
    for (let at = 0; at < 5; at++)
      replies.push(await attempt('ana', 'wrong wrong wrong', { 'x-forwarded-for': `192.0.2.${at}` }));
    expect(replies.map(({ status }) => status)).toEqual([401, 401, 401, 429, 429]);
    expect(Number(replies[4]!.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    const right = await attempt('ana', PASSWORD);
    expect([right.status, right.json.code]).toEqual([429, 'WAIT']);
    expect((await attempt('ben', PASSWORD)).status).toBe(200);
    const unknown = await attempt('nobody', 'wrong wrong wrong');
    expect([unknown.status, unknown.json.detail]).toEqual([401, replies[0]!.json.detail]);
    one.now += 15 * 60_000;
    expect((await attempt('ana', PASSWORD)).status).toBe(200);
  });

  it('double from a second to a quarter of an hour, attempts at the same time counted, and are forgotten after an hour', () => {
    let now = 0;
    const delays = createLoginDelays(() => now);
    const source = { account: 'ana', address: '192.0.2.1' };
    expect([1, 2, 3].map(() => delays.attempt(source))).toEqual([0, 0, 0]);
    const waits: number[] = [];
    for (let at = 0; at < 12; at++) {
      const wait = delays.attempt(source);
      waits.push(wait);
      now += wait;
      expect(delays.attempt(source)).toBe(0);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].map((seconds) => seconds * 1000));
    now += 60 * 60_000;
    expect(delays.attempt(source)).toBe(0);
  });
});

describe('API tokens', () => {
  it('carry a role and an end, are shown once, and show when they were used last', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const made = (await admin.send('POST', '/tokens', { name: 'terraform', role: 'viewer', days: 1 })).json;
    expect(made.token).toMatch(/^jo_[A-Za-z0-9_-]{43}$/);
    const headers = { authorization: `Bearer ${made.token}` };
    expect((await one.send('/api/v1/session', { headers })).json).toMatchObject({ user: 'terraform', kind: 'token' });
    const [listed] = (await admin.get('/tokens')).json.tokens;
    expect(listed.lastUsed).not.toBeNull();
    expect(JSON.stringify(listed)).not.toContain(made.token);
    const [file] = readdirSync(join(one.directory, 'tokens'));
    expect(readFileSync(join(one.directory, 'tokens', file!), 'utf8')).not.toContain(made.token);
    one.now += 24 * 60 * 60_000;
    expect((await one.send('/api/v1/session', { headers })).status).toBe(401);
  });

  it('that are used while they are rotated stay rotated, over a restart too', async () => {
    const directory = folder();
    let now = Date.parse('2026-11-28T12:00:00Z');
    const open = () =>
      openTokens(
        directory,
        () => now,
        () => expect.fail('it was not stored'),
      );
    const tokens = await open();
    const made = await tokens.create({ name: 'ci', role: 'viewer', days: undefined, verbs: [], by: ['admin'] });
    now += 3_600_000;
    const rotating = tokens.rotate(made.id, 0, ['admin']);
    expect(tokens.use(made.token)).toBeUndefined();
    const used = tokens.use((await rotating)!.token);
    expect(used?.name).toBe('ci');
    await tokens.close();
    const again = await open();
    expect(again.use(made.token)).toBeUndefined();
    expect(again.use((await rotating)!.token)?.name).toBe('ci');
    await again.close();
  });

  it('are rotated with an overlap, in which both are taken, and revoked at once', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const made = (await admin.send('POST', '/tokens', { name: 'bot', role: 'viewer' })).json;
    const rotated = (await admin.send('POST', `/tokens/${made.id}/rotate`, { overlapHours: 2 })).json;
    const ask = async (token: string) =>
      (await one.send('/api/v1/session', { headers: { authorization: `Bearer ${token}` } })).status;
    expect([await ask(made.token), await ask(rotated.token)]).toEqual([200, 200]);
    one.now += 2 * 60 * 60_000;
    await admin.get('/session');
    expect([await ask(made.token), await ask(rotated.token)]).toEqual([401, 200]);
    await one.close();
    const two = await startTestConsole({ directory: one.directory });
    const headers = { authorization: `Bearer ${rotated.token}` };
    expect((await two.send('/api/v1/session', { headers })).status).toBe(200);
  });
});

describe('S18: the audit', () => {
  it('has one line for each change and each login, refused ones included, and none for who is nobody', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    await admin.send('POST', '/tokens', { name: 'bot', role: 'viewer' });
    await admin.send('PUT', '/users/nobody', { role: 'viewer' });
    const bot = await one.token(admin, 'reader', 'viewer');
    await bot.send('POST', '/users', { name: 'eva', role: 'admin' });
    await one.send('/api/v1/session', { method: 'POST', body: { user: 'ana', password: 'wrong' } });
    await one.send('/api/v1/users', { method: 'POST', body: { name: 'eva', role: 'admin' } });
    const { entries } = (await admin.get('/audit')).json;
    expect(entries.map(({ actor, operation, status }: never) => [actor, operation, status]).reverse()).toEqual([
      ['ana', 'login', 200],
      ['ana', 'createToken', 201],
      ['ana', 'changeUser', 404],
      ['ana', 'createToken', 201],
      ['reader', 'inviteUser', 403],
      ['ana', 'login', 401],
    ]);
    expect((await admin.get('/audit/verification')).json).toEqual({ intact: true, lines: 6, broken: null });
    const [file] = readdirSync(one.directory).filter((name) => name.startsWith('audit-'));
    const path = join(one.directory, file!);
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, lines.toSpliced(2, 1).join('\n'));
    expect((await admin.get('/audit/verification')).json).toMatchObject({ intact: false, broken: { line: 3 } });
  });
});

it('the audit tells a token from the user of the same name', async () => {
  const one = await startTestConsole();
  const admin = await one.firstAdmin();
  const { user } = (await admin.get('/session')).json;
  await (await one.token(admin, user, 'viewer')).send('DELETE', '/users/nobody');
  await admin.send('DELETE', '/users/nobody');
  const { entries } = (await admin.get(`/audit?actor=${user}`)).json;
  const removals = entries.filter(({ operation }: { operation: string }) => operation === 'removeUser');
  expect(removals.map(({ kind, status }: { kind: string; status: number }) => [kind, status])).toEqual([
    ['session', 404],
    ['token', 403],
  ]);
});

it('S18: refusals for too many requests are written down once in a row, so that they fill no disk', async () => {
  let now = 0;
  const limit = createRateLimit(() => now, 1, 2);
  const take = () => limit.take('ana');
  expect([take(), take(), take(), take()]).toEqual([
    { waitMs: 0, isFirst: true },
    { waitMs: 0, isFirst: true },
    { waitMs: 1000, isFirst: true },
    { waitMs: 1000, isFirst: false },
  ]);
  now += 1000;
  expect([take(), take()]).toEqual([
    { waitMs: 0, isFirst: false },
    { waitMs: 1000, isFirst: true },
  ]);

  const one = await startTestConsole({ rate: createRateLimit(() => now, 1, 5) });
  const admin = await one.firstAdmin();
  const bot = await one.token(admin, 'bot', 'viewer');
  const statuses: number[] = [];
  for (let at = 0; at < 9; at++) statuses.push((await bot.send('DELETE', '/users/nobody')).status);
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429, 429, 429]);
  now += 60_000;
  const { entries } = (await admin.get('/audit?actor=bot')).json;
  expect(entries.map(({ status }: { status: number }) => status)).toEqual([429, 403, 403, 403, 403, 403]);
});

it('cookies, proofs, one-time links and API tokens are in no file of the console and no line of its log, whatever they were used for', async () => {
  const one = await startTestConsole();
  const first = one.firstToken();
  const admin = await one.firstAdmin();
  const invited = (await admin.send('POST', '/users', { name: 'ben', role: 'viewer' })).json.link.split('#start=')[1];
  const made = (await admin.send('POST', '/tokens', { name: 'bot', role: 'viewer' })).json;
  const rotated = (await admin.send('POST', `/tokens/${made.id}/rotate`, { overlapHours: 1 })).json;
  const secrets = [first, invited, admin.cookie!.split('=')[1]!, admin.proof!, made.token, rotated.token];
  expect(new Set(secrets).size).toBe(6);
  for (const secret of secrets) {
    await one.send('/api/v1/session', { method: 'POST', body: { token: secret, password: secret } });
    await one.send('/api/v1/session', { method: 'POST', body: { user: 'ana', password: secret } });
    await one.send('/api/v1/feeds', { headers: { authorization: `Bearer ${secret}`, cookie: `id=${secret}` } });
    await admin.send('POST', '/users', { name: secret, role: secret });
    await one.send('/api/v1/session', { method: 'POST', body: `{"token":"${secret}"` });
  }
  await one.close();
  const files = readdirSync(one.directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  expect(files.map(({ name }) => name)).toContain(`${made.id}.json`);
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
  expect(one.logged()).toContain('rotateToken');
  for (const text of [one.logged(), ...texts]) expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
});

it('a user who is removed or gets another role has no link any more that would give the former one back', async () => {
  const one = await startTestConsole();
  const admin = await one.firstAdmin();
  const open = async (name: string): Promise<string> => {
    const { json } = await admin.send('POST', '/users', { name, role: 'admin' });
    return json.link.split('#start=')[1];
  };
  const use = (token: string) =>
    one.send('/api/v1/session', { method: 'POST', body: { token, password: 'another long one' } });
  await one.user(admin, 'ben', 'admin');
  const [ofBen, ofEva] = [await open('ben'), await open('eva')];
  expect((await admin.send('PUT', '/users/ben', { role: 'viewer' })).status).toBe(204);
  expect((await use(ofBen)).status).toBe(401);
  expect((await admin.send('DELETE', '/users/eva')).status).toBe(204);
  expect((await use(ofEva)).status).toBe(401);

  await one.user(admin, 'kim', 'admin');
  const ofKim = await open('kim');
  await removeUser({ 'console-directory': one.directory, user: 'kim' });
  expect((await use(ofKim)).status).toBe(401);
});

it('the last administrator can neither be removed nor made something else', async () => {
  const one = await startTestConsole();
  const admin = await one.firstAdmin();
  expect((await admin.send('DELETE', '/users/ana')).json.code).toBe('LAST_ADMIN');
  expect((await admin.send('PUT', '/users/ana', { role: 'viewer' })).json.code).toBe('LAST_ADMIN');
  expect((await admin.send('POST', '/users', { name: 'ana', role: 'viewer' })).json.code).toBe('LAST_ADMIN');
});

/** Users ana and ben, both administrators, in a directory of their own. */
async function twoAdmins() {
  const directory = folder();
  const users = openUsers(directory);
  const password = await hashPassword(PASSWORD, 2);
  for (const name of ['ana', 'ben'])
    await users.create({ name, role: 'admin', createdAt: '2026-11-28T12:00:00Z', createdBy: 'test', password });
  const now = () => 0;
  const sessions = createSessions({ idleMs: 1_000, maxMs: 1_000 }, now);
  const invitations = openInvitations(directory, now);
  const parts = { directory, users, sessions, invitations, now, exclusive: oneAtATime() };
  const asked = <Body>(name: string, body: Body) => ({
    principal: {
      ...{ name, role: 'admin' as const, kind: 'session' as const, token: undefined },
      session: sessions.start(name, 'admin').session,
    },
    parameters: { name },
    query: new URLSearchParams(),
    body,
    ifMatch: undefined,
    ifNoneMatch: undefined,
    address: '127.0.0.1',
    signal: new AbortController().signal,
    audit: { details: {} },
  });
  const sessionsOver = (over: Users) =>
    sessionHandlers({ ...parts, users: over, delays: createLoginDelays(now), manage: true, passwordCost: 2 });
  const tokens = await openTokens(directory, now, () => undefined);
  const accounts = accountHandlers({ ...parts, tokens, origin: () => '', lastLogins: new Map() });
  return { users, sessionsOver, accounts, asked, invitations };
}

it.each([
  ['removed', undefined, (users: Users) => users.remove('ben')],
  ['given another role', 'viewer', (users: Users, ben: StoredUser) => users.replace({ ...ben, role: 'viewer' })],
] as const)(
  'a user who is %s while the password is judged neither comes back with a new one nor logs in',
  async (_, role, change) => {
    for (const operation of ['changePassword', 'login'] as const) {
      const { users, sessionsOver, asked } = await twoAdmins();
      let isFirst = true;
      const find = async (name: string) => {
        const found = await users.find(name);
        if (isFirst) await change(users, found!);
        isFirst = false;
        return found;
      };
      const handlers = sessionsOver({ ...users, find });
      const done =
        operation === 'login'
          ? handlers.login(asked('ben', { user: 'ben', password: PASSWORD }))
          : handlers.changePassword(asked('ben', { present: PASSWORD, password: `${PASSWORD} of ben` }));
      await expect(done).rejects.toMatchObject({ problem: { status: 401 } });
      expect((await users.find('ben'))?.role).toBe(role);
    }
  },
);

it('of two last administrators who remove each other at the same time one stays', async () => {
  const { users, accounts, asked } = await twoAdmins();
  const removed = await Promise.allSettled(['ana', 'ben'].map((name) => accounts.removeUser(asked(name, undefined))));
  expect(removed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect((await users.list()).map(({ name }) => name)).toEqual(['ben']);
});

it('a link that was made for an administrator does not make the last one something else', async () => {
  const { users, sessionsOver, accounts, asked, invitations } = await twoAdmins();
  const token = await invitations.create({ user: 'ben', role: 'viewer', expires: 1_000 });
  await accounts.removeUser(asked('ana', undefined));
  const done = sessionsOver(users).login(asked('ben', { token, password: PASSWORD }));
  await expect(done).rejects.toMatchObject({ problem: { code: 'LAST_ADMIN' } });
  expect((await users.find('ben'))?.role).toBe('admin');
});

it('S21: whatever the umask, everything that the console keeps is for its owner alone', async () => {
  const before = process.umask(0);
  try {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    await admin.send('POST', '/tokens', { name: 'bot', role: 'viewer' });
    await admin.send('POST', '/users', { name: 'eva', role: 'viewer' });
    await admin.send('PUT', '/drafts/acme', { document: { name: 'acme' } });
    const names = readdirSync(one.directory, { recursive: true, encoding: 'utf8' });
    expect(names.length).toBeGreaterThan(6);
    for (const name of ['.', ...names]) {
      const { mode } = statSync(join(one.directory, name));
      expect([name, (mode & 0o077).toString(8)]).toEqual([name, '0']);
    }
  } finally {
    process.umask(before);
  }
});
