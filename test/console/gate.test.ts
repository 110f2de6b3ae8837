import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { PROOF_HEADER, ROUTES, type Route } from '../../collector/console/routes.js';
import { type Client, startTestConsole, type TestConsole } from './harness.js';

/** Sends bytes as they are. @returns the status line of the answer; '' where the connection was ended without one */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += String(chunk);
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0] ?? ''));
  });
}

describe('S1, S2: a page of another site', () => {
  it('neither reads nor changes anything, by whatever way it sends', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const cookie = { cookie: admin.cookie! };
    const foreign = { ...cookie, origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' };
    const body = { name: 'mallory', role: 'admin' };
    // A form, fetch without CORS, sendBeacon: text/plain with JSON in it.
    const form = await one.send('/api/v1/users', {
      method: 'POST',
      headers: { ...foreign, 'content-type': 'text/plain' },
      body: JSON.stringify(body),
    });
    expect(form.status).toBe(415);
    const json = await one.send('/api/v1/users', { method: 'POST', headers: foreign, body });
    expect([json.status, json.json.code]).toEqual([403, 'ORIGIN']);
    // Without Origin, as an old browser might.
    const silent = await one.send('/api/v1/users', { method: 'POST', headers: cookie, body });
    expect([silent.status, silent.json.code]).toEqual([403, 'ORIGIN']);
    // With everything but the proof.
    const near = await one.send('/api/v1/users', {
      method: 'POST',
      headers: { ...cookie, origin: one.origin, 'sec-fetch-site': 'same-origin' },
      body,
    });
    expect([near.status, near.json.code]).toEqual([401, 'NOT_LOGGED_IN']);
    for (const [, { method, path }] of Object.entries<Route>(ROUTES)) {
      if (method !== 'GET') continue;
      const image = await one.send(`/api/v1${path.replace(/\{\w+\}/g, 'x')}`, { headers: foreign });
      expect([path, [401, 403].includes(image.status)]).toEqual([path, true]);
      expect(image.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect((await admin.get('/users')).json.users).toHaveLength(1);
  });
});

describe('S3, S4: sessions', () => {
  it('a cookie that another port of the address received opens nothing without its proof', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    expect((await one.send('/api/v1/feeds', { headers: { cookie: admin.cookie! } })).status).toBe(401);
    const wrong = { cookie: admin.cookie!, [PROOF_HEADER]: 'x'.repeat(32) };
    expect((await one.send('/api/v1/feeds', { headers: wrong })).status).toBe(401);
    expect((await admin.get('/feeds')).status).toBe(200);
  });

  it('a cookie that was set before the login is none after it, and the login makes another', async () => {
    const one = await startTestConsole();
    const planted = '__Host-jo=planted';
    const reply = await one.send('/api/v1/session', {
      method: 'POST',
      headers: { cookie: planted, origin: one.origin, 'sec-fetch-site': 'same-origin' },
      body: { token: one.firstToken(), user: 'ana', password: 'correct horse battery staple' },
    });
    expect(reply.status).toBe(200);
    const set = reply.headers['set-cookie']![0]!;
    expect(set).toMatch(/^__Host-jo=[A-Za-z0-9_-]{43}; Secure; HttpOnly; SameSite=Strict; Path=\/$/);
    const headers = { cookie: planted, [PROOF_HEADER]: reply.json.proof };
    expect((await one.send('/api/v1/session', { headers })).status).toBe(401);
  });

  it('ends by logout, by half an hour without use, and by twelve hours of use', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    expect((await admin.send('DELETE', '/session')).status).toBe(204);
    expect((await admin.get('/session')).status).toBe(401);

    const ben = await one.user(await relogin(one), 'ben', 'viewer');
    one.now += 29 * 60_000;
    expect((await ben.get('/session', { 'x-console-background': '1' })).status).toBe(200);
    one.now += 2 * 60_000;
    expect((await ben.get('/session')).status).toBe(401);

    const again = await relogin(one);
    for (let minutes = 0; minutes < 12 * 60 - 20; minutes += 20) {
      one.now += 20 * 60_000;
      expect((await again.get('/session')).status).toBe(200);
    }
    one.now += 20 * 60_000;
    expect((await again.get('/session')).status).toBe(401);
  });

  it('end for a user who is removed, gets another role, or changes the password', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const ben = await one.user(admin, 'ben', 'viewer');
    await admin.send('PUT', '/users/ben', { role: 'analyst' });
    expect((await ben.get('/session')).status).toBe(401);
    const eva = await one.user(admin, 'eva', 'viewer');
    await admin.send('DELETE', '/users/eva');
    expect((await eva.get('/session')).status).toBe(401);
    const kim = await one.user(admin, 'kim', 'viewer');
    const present = 'correct horse battery staple';
    expect((await kim.send('PUT', '/session/password', { present: 'x', password: 'another long one' })).status).toBe(
      401,
    );
    expect((await kim.send('PUT', '/session/password', { present, password: 'another long one' })).status).toBe(204);
    expect((await kim.get('/session')).status).toBe(401);
  });
});

async function relogin(one: TestConsole): Promise<Client> {
  const reply = await one.send('/api/v1/session', {
    method: 'POST',
    body: { user: 'ana', password: 'correct horse battery staple' },
  });
  const cookie = reply.headers['set-cookie']![0]!.split(';')[0]!;
  const credential = { cookie, [PROOF_HEADER]: reply.json.proof };
  return {
    credential,
    cookie,
    proof: reply.json.proof,
    get: (path, headers = {}) => one.send(`/api/v1${path}`, { headers: { ...credential, ...headers } }),
    send: (method, path, body) =>
      one.send(`/api/v1${path}`, {
        method,
        headers: { ...credential, origin: one.origin, 'sec-fetch-site': 'same-origin' },
        ...(body === undefined ? {} : { body }),
      }),
  };
}

describe('S5: the Host header', () => {
  it('must name this console: other names, other ports, none, two and absolute addresses are refused', async () => {
    const one = await startTestConsole();
    const { port } = one;
    const get = (lines: string) => raw(port, `GET / HTTP/1.1\r\n${lines}\r\n\r\n`);
    for (const name of [
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil',
      '127.0.0.1',
      `localhost:${port + 1}`,
    ])
      expect([name, await get(`Host: ${name}`)]).toEqual([name, 'HTTP/1.1 421 Misdirected Request']);
    expect(await raw(port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/ 400 /);
    expect(await get(`Host: 127.0.0.1:${port}\r\nHost: evil.example`)).toMatch(/ 400 /);
    const absolute = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
    expect(await raw(port, absolute)).toMatch(/ 400 /);
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
      expect(await raw(port, `GET /api/v1/feeds HTTP/1.1\r\nHost: ${name}\r\n\r\n`)).toMatch(/ 401 /);
  });
});

describe('S10: addresses of files', () => {
  it('are looked up and never opened: every way out of the pages is the same 404', async () => {
    const one = await startTestConsole();
    const tries = [
      '/assets/../../../etc/passwd',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '/assets/%2E%2E%2Fetc/passwd',
      '/assets/..%5c..%5cetc/passwd',
      '/assets/..\\..\\etc',
      '//etc/passwd',
      '/assets//x.js',
      '/assets/..;/x.js',
      '/assets/%00.js',
      '/assets/%c0%ae%c0%ae/x.js',
      '/assets/nothing.js',
      '/manifest.json.gz',
      '/api/v1/nothing',
    ];
    const answers = await Promise.all(tries.map((path) => one.send(path)));
    expect(answers.map(({ status }) => status)).toEqual(tries.map(() => 404));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });
});

describe('S15: every answer', () => {
  it('carries the headers that keep pages apart, and no banner', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const answers = [
      await one.send('/nothing.js'),
      await one.send('/api/v1/feeds'),
      await one.send('/', { headers: { host: 'evil.example' } }),
      await one.send('/api/v1/feeds', { method: 'DELETE' }),
      await admin.get('/feeds'),
      await admin.get('/openapi.json'),
      await admin.send('POST', '/users', { name: 7 }),
    ];
    for (const { headers } of answers) {
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("trusted-types 'none'");
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['cross-origin-opener-policy']).toBe('same-origin');
      expect(headers['cross-origin-resource-policy']).toBe('same-origin');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-powered-by'] ?? headers.server).toBeUndefined();
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('is a refusal for what no browser of ours sends: TRACE, CONNECT, upgrades, large headers and bodies', async () => {
    const one = await startTestConsole();
    const host = `Host: 127.0.0.1:${one.port}`;
    expect(await raw(one.port, `TRACE /api/v1/feeds HTTP/1.1\r\n${host}\r\n\r\n`)).toMatch(/ 405 /);
    expect(await raw(one.port, `CONNECT evil.example:443 HTTP/1.1\r\n${host}\r\n\r\n`)).toBe('');
    const upgrade = `GET / HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    expect(await raw(one.port, upgrade)).toBe('');
    expect(await raw(one.port, `GET / HTTP/1.1\r\n${host}\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`)).toMatch(/ 4\d\d /);
    const admin = await one.firstAdmin();
    const large = await admin.send('POST', '/users', { name: 'x'.repeat(70_000) });
    expect([large.status, large.json.code]).toEqual([413, 'TOO_LARGE']);
    const chunked = await one.send('/api/v1/users', {
      method: 'POST',
      headers: {
        ...admin.credential,
        origin: one.origin,
        'content-type': 'application/json',
        'content-length': [],
        'transfer-encoding': 'chunked',
      },
      body: JSON.stringify({ name: 'x'.repeat(70_000) }),
    });
    expect(chunked.status).toBe(413);
  });

  it('comes although two hundred clients say half of a request and no more', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const sockets = Array.from({ length: 200 }, () => {
      const socket = connect(one.port, '127.0.0.1', () => socket.write('POST /api/v1/session HTTP/1.1\r\nHost: '));
      return socket.on('error', () => {});
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect((await admin.get('/session')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('of two credentials, or one in the address, is a refusal', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const bot = await one.token(admin, 'bot', 'viewer');
    const both = await one.send('/api/v1/feeds', { headers: { ...admin.credential, ...bot.credential } });
    expect([both.status, both.json.code]).toEqual([400, 'CREDENTIAL']);
    const token = bot.credential.authorization!.replace('Bearer ', '');
    expect((await one.send(`/api/v1/feeds?access_token=${token}`)).status).toBe(401);
  });
});

it('S14: a console that does not manage plans, approves and executes nothing, and changes no feed', async () => {
  const one = await startTestConsole({ env: { CONSOLE_MANAGE: 'false' } });
  const admin = await one.firstAdmin();
  const taken: string[] = [];
  for (const [operation, { method, path, body }] of Object.entries<Route>(ROUTES)) {
    if (method === 'GET' || operation === 'logout') continue;
    const reply = await admin.send(method, path.replace(/\{\w+\}/g, 'nothing'), body === undefined ? undefined : []);
    if (reply.json?.code !== 'READ_ONLY') taken.push(operation);
  }
  // Accounts, reading, and what keeps a feed going as it is configured.
  expect(taken.sort()).toEqual([
    'backfillFeed',
    'cancelQueries',
    'changePassword',
    'changeUser',
    'createToken',
    'deleteToken',
    'inviteUser',
    'login',
    'pauseFeed',
    'query',
    'removeUser',
    'renewSecret',
    'repairFeed',
    'replayFeed',
    'restartFeed',
    'resumeFeed',
    'rotateToken',
    'runFeed',
    'runInventory',
    'testDraft',
    'testFeed',
    'testResponse',
  ]);
});

describe('S14: roles', () => {
  it('may do what the table of routes says, with a session, a token and nothing', async () => {
    const one = await startTestConsole();
    const admin = await one.firstAdmin();
    const roles = ['viewer', 'analyst', 'operator', 'admin'] as const;
    const clients: [number, Client][] = [];
    for (const [rank, role] of roles.entries()) {
      clients.push([rank, await one.user(admin, `u-${role}`, role)], [rank, await one.token(admin, `t-${role}`, role)]);
    }
    for (const [operation, route] of Object.entries<Route>(ROUTES)) {
      if (operation === 'login' || operation === 'logout' || operation === 'cancelQueries') continue;
      const path = route.path.replace(/\{\w+\}/g, 'nothing');
      // A body that no schema takes: what is let through changes nothing.
      const body = route.body === undefined ? undefined : [];
      const bare = await one.send(`/api/v1${path}`, { method: route.method, ...(body ? { body } : {}) });
      expect([operation, bare.status]).toEqual([operation, 401]);
      const least = route.role === 'anyone' ? 0 : roles.indexOf(route.role as (typeof roles)[number]);
      for (const [rank, client] of clients) {
        const { status, json } = await client.send(route.method, path, body);
        const isRefused = status === 403 && json.code === 'ROLE';
        expect([operation, roles[rank], isRefused]).toEqual([operation, roles[rank], rank < least]);
        expect([operation, status === 401, status >= 500]).toEqual([operation, false, false]);
      }
    }
  });
});
