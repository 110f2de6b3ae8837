import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { createLog } from '../../collector/log/logger.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { StatusBoard, type StatusView } from '../../collector/monitoring/status/board.js';
import { type HealthOptions, type HealthServer, startHealth } from '../../collector/server/http-server.js';
import { configOf, cursorAt, report, tablesAt } from '../monitoring/observe-feed.js';
import { parseMetrics, seriesValue } from '../monitoring/prometheus.js';

const running: (() => unknown)[] = [];
// What reaches the process would end the collector.
const reached: unknown[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error: unknown) => void reached.push(error));
afterEach(async () => {
  expect(reached.splice(0)).toEqual([]);
  for (const stop of running.splice(0).reverse()) await stop();
});

/** A health port over a feed that a test drives. */
async function start(options: Partial<HealthOptions> = {}) {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = createLog({ level: 'debug', format: 'text', stream });
  const metrics = createMetrics({ version: '1.2.3' });
  const board = new StatusBoard('1.2.3');
  const feed = board.feed({ config: configOf(), sink: tablesAt, now: Date.now });
  const ofFeed = metrics.feed({ feed: 'acme', sink: 'tables', now: Date.now });
  const server: HealthServer = await startHealth({
    host: '127.0.0.1',
    port: 0,
    token: () => undefined,
    board,
    metrics,
    log,
    mask: log.mask,
    ...options,
  });
  running.push(() => server.close());
  const get = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
  const poll = () => {
    const search = { services: [], start: 0 };
    for (const observer of [feed.observer, ofFeed.observer]) {
      observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: true });
      observer({ type: 'committed', lane: 'live', ...report({ counts: { records: 3 } }) });
      observer({ type: 'searched', lane: 'live', search, pages: 1, records: 3, durationMs: 1 });
    }
  };
  const logged = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return Buffer.concat(chunks).toString();
  };
  return { server, board, metrics, feed, get, poll, log, logged };
}

/** A raw connection; errors of a cut connection are what the tests wait for. */
function dial(port: number, text = ''): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  if (text !== '') socket.write(text);
  running.push(() => socket.destroy());
  return socket;
}

/** What a client receives until the server closes, or, where the answer says how long it is, until that has come. */
async function exchange(port: number, ...texts: readonly (string | Buffer)[]): Promise<string> {
  const socket = dial(port);
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
    const length = /content-length: (\d+)/i.exec(received)?.[1];
    if (length !== undefined && received.length >= received.indexOf('\r\n\r\n') + 4 + Number(length)) socket.end();
  });
  for (const text of texts) socket.write(text);
  if (!socket.closed) await once(socket, 'close');
  return received;
}

describe('the probes', () => {
  it('/healthz answers while the process lives', async () => {
    const { get } = await start();
    const response = await get('/healthz');
    expect([response.status, await response.json()]).toEqual([200, { alive: true }]);
  });

  it('/readyz is 503 with its reasons until the first good poll and commit, and while something is broken', async () => {
    const { get, poll, feed } = await start();
    const first = await get('/readyz');
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ ready: false, reasons: [{ feed: 'acme', part: 'start' }] });
    poll();
    expect((await get('/readyz')).status).toBe(200);
    feed.observer({
      type: 'failed',
      lane: 'live',
      part: 'sink',
      error: new CollectorError('SINK_UNAVAILABLE', 'no broker answers', { cure: 'Start Kafka.' }),
      retryMs: 1000,
    });
    const broken = await get('/readyz');
    expect(broken.status).toBe(503);
    expect(await broken.json()).toMatchObject({ reasons: [{ part: 'delivery', cure: 'Start Kafka.' }] });
    expect((await get('/healthz')).status).toBe(200);
    poll();
    expect((await get('/readyz')).status).toBe(200);
  });
});

describe('/readyz', () => {
  const failure = new CollectorError('SINK_UNAVAILABLE', 'kafka-7.bank.example:9092 said: /srv/tables is full', {
    cure: 'Look at /srv/tables.',
  });
  const codes = { ready: false, reasons: [{ part: 'delivery', code: 'SINK_UNAVAILABLE' }] };

  it('shows part and code alone to those without the token, and all of it to those with it', async () => {
    const { get, poll, feed } = await start({ token: () => 'the-token-of-this-port' });
    expect(await (await get('/readyz')).json()).toEqual({ ready: false, reasons: [{ part: 'start' }] });
    poll();
    feed.observer({ type: 'failed', lane: 'live', part: 'sink', error: failure, retryMs: 1000 });
    expect(await (await get('/readyz')).json()).toEqual(codes);
    const wrong = { headers: { authorization: 'Bearer another-token-of-this-port' } };
    expect(await (await get('/readyz', wrong)).json()).toEqual(codes);
    const right = { headers: { authorization: 'Bearer the-token-of-this-port' } };
    const told = await get('/readyz', right);
    expect([told.status, await told.json()]).toMatchObject([
      503,
      { reasons: [{ feed: 'acme', message: expect.stringContaining('/srv/tables'), cure: 'Look at /srv/tables.' }] },
    ]);
  });

  it('without a token shows all of it on this machine, and part and code to a name that was rebound to it', async () => {
    const { server, poll, feed, get } = await start();
    poll();
    feed.observer({ type: 'failed', lane: 'live', part: 'sink', error: failure, retryMs: 1000 });
    expect(await (await get('/readyz')).text()).toContain('/srv/tables');
    const rebound = await exchange(server.port!, 'GET /readyz HTTP/1.1\r\nHost: evil.example\r\n\r\n');
    expect(rebound).toMatch(/^HTTP\/1\.1 503 /);
    expect(rebound.slice(rebound.indexOf('{'))).toBe(`${JSON.stringify(codes)}\n`);
  });
});

describe('/metrics and /status', () => {
  it('refuse a name that was rebound to this machine and a page of another site, with the cure', async () => {
    const { server } = await start();
    for (const path of ['/metrics', '/status']) {
      const rebound = await exchange(server.port!, `GET ${path} HTTP/1.1\r\nHost: evil.example\r\n\r\n`);
      expect(rebound).toMatch(/^HTTP\/1\.1 421 [\s\S]*set http\.token/);
      const foreign = await exchange(
        server.port!,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n`,
      );
      expect(foreign).toMatch(/^HTTP\/1\.1 403 /);
    }
  });

  it('answer in the formats that Prometheus and a console read', async () => {
    const { get, poll } = await start();
    poll();
    const metrics = await get('/metrics');
    const text = await metrics.text();
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parseMetrics(text).size).toBeGreaterThan(30);
    expect(seriesValue(text, 'jumpcloud_ocsf_ready')).toBe(1);
    expect(seriesValue(text, 'jumpcloud_ocsf_records_received_total', { feed: 'acme' })).toBe(3);
    const status = await get('/status?pretty');
    expect(await status.json()).toMatchObject({
      version: 1,
      ready: true,
      feeds: [{ name: 'acme', lanes: [{ name: 'live' }] }],
    } satisfies {
      [K in keyof StatusView]?: unknown;
    });
    expect(status.headers.get('cache-control')).toBe('no-store');
    expect(status.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await (await get('/status?feed=acme')).json()).toMatchObject({ feeds: [{ name: 'acme' }] });
    expect((await get('/status?feed=nobody')).status).toBe(404);
  });

  it('ask for the token where there is one, also for one that changed; the probes never do', async () => {
    let token: string | undefined = 'first-token';
    const { get } = await start({ token: () => token });
    const bearer = (text: string) => ({ headers: { authorization: text } });
    for (const path of ['/metrics', '/status']) {
      for (const wrong of [
        '',
        'Bearer',
        'Bearer first-toke',
        'Bearer first-token2',
        'Basic first-token',
        'first-token',
        'Bearer first-token, Bearer first-token',
      ]) {
        const response = await get(`${path}?token=first-token&access_token=first-token`, bearer(wrong));
        expect([path, wrong, response.status]).toEqual([path, wrong, 401]);
        expect(response.headers.get('www-authenticate')).toContain('Bearer');
        expect(await response.text()).not.toContain('first-token');
      }
      expect((await get(path, bearer('Bearer first-token'))).status).toBe(200);
    }
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    token = 'second-token';
    expect((await get('/status', bearer('Bearer first-token'))).status).toBe(401);
    expect((await get('/status', bearer('bearer second-token'))).status).toBe(200);
  });

  it('mask secrets that an error message carries', async () => {
    const { get, feed, log } = await start();
    log.redact('pl4nted-s3cret');
    const leak = new CollectorError(
      'INTERNAL',
      `cannot parse pl4nted-s3cret ${Buffer.from('user:pl4nted-s3cret').toString('base64')}`,
      { cure: 'c' },
    );
    feed.observer({ type: 'failed', lane: 'live', part: 'source', error: leak, retryMs: 1000 });
    for (const path of ['/status', '/readyz', '/metrics']) {
      const text = await (await get(path)).text();
      expect(text).not.toContain('pl4nted');
      expect(text).not.toContain(Buffer.from('pl4nted-s3cret').toString('base64').slice(4, 16));
    }
    expect(await (await get('/status')).text()).toContain('cannot parse [secret]');
  });
});

describe('the port', () => {
  it('answers GET and HEAD to the four paths and refuses the rest', async () => {
    const { get } = await start();
    for (const path of ['/healthz', '/readyz', '/metrics', '/status']) {
      const head = await get(path, { method: 'HEAD' });
      expect([head.status === 404, await head.text()]).toEqual([false, '']);
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const response = await get(path, { method, ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}) });
        expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      }
    }
    for (const path of ['/', '/metrics/', '/__proto__', '/constructor', '//'])
      expect((await get(path)).status).toBe(404);
  });

  it('knows a path by its very letters alone, and answers no TRACE', async () => {
    const { server } = await start();
    const ask = (line: string) => exchange(server.port!, `${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    for (const path of [
      '/%73tatus',
      '//status',
      '/x/../status',
      '/STATUS',
      '/status;x',
      '/status#x',
      '/status%00',
      '*',
    ])
      expect([path, await ask(`GET ${path}`)]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 40[04] /)]);
    expect(await ask('TRACE /status')).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('F-32: that is taken is an error line with its cure; collection goes on, and the port is opened once it is free', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { server, poll, board, logged } = await start({ port, retryMs: 20 });
    expect(server.port).toBeUndefined();
    const printed = await logged();
    expect(printed).toMatch(
      new RegExp(`ERROR the health port 127.0.0.1:${port} cannot be opened: another program listens there`),
    );
    expect(printed).toContain('http.port');
    poll();
    expect(board.readiness().ready).toBe(true);
    other.close();
    await vi.waitFor(() => expect(server.port).toBe(port), { timeout: 20_000, interval: 20 });
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const lines = (await logged()).split('\n').filter((line) => line.includes('the health port'));
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['ERROR', 'INFO']);
  });

  it('that is no address of this machine is an error line too', async () => {
    const { server, logged } = await start({ host: '203.0.113.1' });
    expect(server.port).toBeUndefined();
    expect(await logged()).toContain('it is no address of this machine');
  });

  it('that others can reach without a token is warned of', async () => {
    expect(await (await start({ host: '0.0.0.0' })).logged()).toMatch(
      /WARN .*anyone who can reach 0\.0\.0\.0:\d+ can read/,
    );
    expect(await (await start({ host: '0.0.0.0', token: () => 't' })).logged()).not.toContain('WARN');
    expect(await (await start()).logged()).not.toContain('WARN');
  });

  it('closes at once, with clients still connected', async () => {
    const { server } = await start();
    const socket = dial(server.port!, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await server.close();
    await server.close();
    await closed;
    expect(server.port).toBeUndefined();
  });
});

describe('F-32: hostile and hurried clients', () => {
  it('1,000 scrapes at once are all answered, out of a few makings', async () => {
    const { get, metrics } = await start();
    const makings = vi.spyOn(metrics, 'text');
    let answered = 0;
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let scrape = 0; scrape < 20; scrape++) {
          const response = await get('/metrics');
          parseMetrics(await response.text());
          answered += 1;
        }
      }),
    );
    expect(answered).toBe(1000);
    expect(makings.mock.calls.length).toBeLessThan(200);
  });

  it('a thousand clients that say nothing do not keep a probe out, and are cut off', async () => {
    const { server, get } = await start({ patienceMs: 2_000 });
    const silent = Array.from({ length: 1000 }, () => dial(server.port!));
    await Promise.all(silent.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    for (let probe = 0; probe < 10; probe++) expect((await get('/readyz')).status).toBe(503);
    const late = silent.at(-1)!;
    if (!late.closed) await once(late, 'close');
    await Promise.all(silent.map((socket) => socket.closed || once(socket, 'close')));
  });

  it('a client that sends its request byte by byte is cut off', async () => {
    const { server, get } = await start({ patienceMs: 500 });
    const slow = dial(server.port!, 'GET /metrics HTTP/1.1\r\n').resume();
    const drip = setInterval(() => slow.writable && slow.write('X-A: b\r\n'), 50);
    running.push(() => clearInterval(drip));
    await once(slow, 'close');
    expect((await get('/healthz')).status).toBe(200);
  });

  it('a client that does not take its answer is cut off', async () => {
    const { server, get } = await start({
      patienceMs: 500,
      metrics: { text: async () => 'x'.repeat(32 * 1024 * 1024), contentType: 'text/plain', ready: () => {} },
    });
    const slow = dial(server.port!, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    slow.pause();
    // Making the answer takes a busy machine seconds; the patience begins with its sending.
    await once(slow, 'readable');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    slow.resume();
    await once(slow, 'close');
    expect(slow.bytesRead).toBeLessThan(32 * 1024 * 1024);
    expect((await get('/healthz')).status).toBe(200);
  });

  it.each([
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a header without end', `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['ten thousand headers', `GET /metrics HTTP/1.1\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n`],
    [
      'two contradicting lengths',
      'POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef',
    ],
    [
      'a length and chunks',
      'POST /repair HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a header with NUL', 'GET /status HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n'],
    ['lines without a return', 'GET /status HTTP/1.1\nHost: localhost\nConnection: close\n\n'],
    ['a path of 9 KiB', `GET /${'a'.repeat(9_216)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['the second version of HTTP', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    [
      'another protocol',
      'GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    [
      'a body that never ends',
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${'5\r\nhello\r\n'.repeat(1000)}`,
    ],
    ['an absolute address', 'GET http://example.com/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
  ])('%s ends that connection and nothing else', async (_, text) => {
    const { server, get, logged } = await start({ patienceMs: 2_000 });
    const socket = dial(server.port!, text);
    socket.resume();
    await once(socket, 'close');
    expect((await get('/healthz')).status).toBe(200);
    expect(await logged()).not.toMatch(/ERROR/);
  });

  it('of 20,000 requests in one go 10,000 are answered, then the connection ends', async () => {
    const { server, get } = await start();
    const socket = dial(server.port!, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20_000));
    let answers = 0;
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const pieces = (rest + text).split('HTTP/1.1 200 OK');
      answers += pieces.length - 1;
      rest = pieces.at(-1)!.slice(-14);
    });
    await once(socket, 'close');
    expect(answers).toBe(10_000);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('a scraper that goes away in the middle does no harm', async () => {
    const { server, get } = await start();
    for (let times = 0; times < 50; times++) {
      const socket = dial(
        server.port!,
        'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /status HTTP/1.1\r\nHost: localhost\r\n\r\n',
      );
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    expect((await get('/metrics')).status).toBe(200);
  });

  it('a page that cannot be made is an error of its own, and is made again later', async () => {
    let broken = true;
    const { get, logged } = await start({
      metrics: {
        text: () => (broken ? Promise.reject(new Error('out of order')) : Promise.resolve('')),
        contentType: 'text/plain',
        ready: () => {},
      },
    });
    const response = await get('/metrics');
    expect([response.status, await response.text()]).toEqual([500, 'internal error\n']);
    expect(await logged()).toContain('out of order');
    broken = false;
    await vi.waitFor(async () => expect((await get('/metrics')).status).toBe(200), { timeout: 10_000 });
  });
});

describe('/repair', () => {
  const body = JSON.stringify({ feed: 'acme', from: '2026-11-20T00:00:00Z', to: '2026-11-20T01:00:00Z' });
  const post = { method: 'POST', body, headers: { 'content-type': 'application/json' } };

  it('is not there where nobody takes requests, and asks for a token where others than this machine can reach it', async () => {
    expect((await (await start()).get('/repair', post)).status).toBe(404);
    const repairs = { ask: () => ({ refused: 'now', message: 'No lane is open.', cure: 'Wait.' }) as const };
    const open = await start({ host: '0.0.0.0', repairs: () => repairs });
    const refused = await open.get('/repair', post);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('Set http.token')]);
    const guarded = await start({ host: '0.0.0.0', token: () => 'a-token', repairs: () => repairs });
    expect((await guarded.get('/repair', post)).status).toBe(401);
    const headers = { ...post.headers, authorization: 'Bearer a-token' };
    const asked = await guarded.get('/repair', { ...post, headers });
    expect(asked.status, 'the feed holds no lane yet').toBe(409);
    const local = await start({ repairs: () => repairs });
    expect((await local.get('/repair', post)).status).toBe(409);
  });

  const repairs = { ask: () => ({ refused: 'now', message: 'No lane is open.', cure: 'Wait.' }) as const };
  const head = (lines: readonly string[], host = 'localhost') =>
    ['POST /repair HTTP/1.1', `Host: ${host}`, ...lines, '', ''].join('\r\n');
  const chunked = (bytes: number) => {
    const pieces: string[] = [];
    for (let rest = bytes; rest > 0; rest -= 1_000) {
      const piece = 'a'.repeat(Math.min(rest, 1_000));
      pieces.push(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    }
    return `${pieces.join('')}0\r\n\r\n`;
  };
  const request = (bytes: number, form: string, lines: readonly string[]) =>
    form === 'chunked'
      ? [head([...lines, 'Transfer-Encoding: chunked']), chunked(bytes)]
      : [head([...lines, `Content-Length: ${bytes}`]), 'a'.repeat(bytes)];
  const forms = ['with Content-Length', 'chunked'];

  describe.each(forms)('with a body %s', (form) => {
    it.each([
      [4_095, 400],
      [4_096, 400],
      [4_097, 413],
    ])('of %i bytes of what is no JSON is answered %i', async (bytes, status) => {
      const { server, logged } = await start({ repairs: () => repairs });
      const told = await exchange(server.port!, ...request(bytes, form, ['Content-Type: application/json']));
      expect(told).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(await logged()).not.toMatch(/ERROR/);
    });

    it.each([
      ['application/json', 413],
      ['text/plain', 415],
    ])('of type %s that is read to its end or cut off is answered %i, and disturbs nothing', async (type, status) => {
      const { server, get, logged } = await start({ repairs: () => repairs });
      for (const bytes of [262_143, 262_144, 262_145, 300_000, 3_000_000]) {
        const told = await exchange(server.port!, ...request(bytes, form, [`Content-Type: ${type}`]));
        // Of a client that goes on sending for longer than the port listens, the answer may be lost.
        if (bytes <= 262_144) expect(told).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
        else expect(told).toMatch(new RegExp(`^(HTTP/1\\.1 ${status} |$)`));
        expect((await get('/healthz')).status).toBe(200);
      }
      expect(await logged()).not.toMatch(/ERROR/);
    });

    it('is not read for a page, a stranger or a name that is not of this machine', async () => {
      const { server } = await start({ repairs: () => repairs });
      const locked = await start({ repairs: () => repairs, token: () => 'the-token-of-this-port' });
      const length = form === 'chunked' ? 'Transfer-Encoding: chunked' : 'Content-Length: 300000';
      const refusals: [number, number, string][] = [
        [server.port!, 403, head(['Content-Type: application/json', 'Origin: https://evil.example', length])],
        [server.port!, 403, head(['Content-Type: application/json', 'Sec-Fetch-Site: cross-site', length])],
        [server.port!, 415, head(['Content-Type: text/plain', length])],
        [server.port!, 421, head(['Content-Type: application/json', length], 'evil.example')],
        [locked.server.port!, 401, head(['Content-Type: application/json', length])],
      ];
      // No byte of the body is ever sent: only a judgement of the head can answer.
      for (const [port, status, text] of refusals)
        expect(await exchange(port, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    });
  });

  it.each([
    [
      '__proto__',
      '{"__proto__":{"feed":"acme"},"feed":"acme","from":"2026-11-20T00:00:00Z","to":"2026-11-20T01:00:00Z"}',
    ],
    ['a nesting of 2,000 levels', '['.repeat(2_000) + ']'.repeat(2_000)],
    ['an object as a name', '{"feed":{"a":1},"from":"2026-11-20T00:00:00Z","to":"2026-11-20T01:00:00Z"}'],
    ['no instants', '{"feed":"acme","from":-1e308,"to":1e308}'],
    ['null', 'null'],
  ])('a body that holds %s asks for nothing', async (_, text) => {
    const ask = vi.fn(() => ({ refused: 'now', message: 'No lane is open.', cure: 'Wait.' }) as const);
    const { get } = await start({ repairs: () => ({ ask }) });
    expect((await get('/repair', { ...post, body: text })).status).toBe(400);
    expect(
      (await get('/repair', { ...post, headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status,
    ).toBe(415);
    expect(ask).not.toHaveBeenCalled();
  });

  it('a client that asks whether to send its body is answered by the head alone', async () => {
    const { server } = await start({ repairs: () => repairs });
    const asking = (type: string) => head([`Content-Type: ${type}`, 'Expect: 100-continue', `Content-Length: 2`]);
    expect(await exchange(server.port!, asking('text/plain'))).toMatch(/^HTTP\/1\.1 415 /);
    expect(await exchange(server.port!, asking('application/json'), '{}')).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 400 /,
    );
  });

  it('a body that is cut or does not come is the business of its client: no answer, no line in the log', async () => {
    const { server, get, logged } = await start({ repairs: () => repairs, patienceMs: 500 });
    const type = 'Content-Type: application/json';
    for (const text of [
      head([type, 'Content-Length: 4096']) + 'a'.repeat(100),
      `${head([type, 'Transfer-Encoding: chunked'])}5\r\nhello\r\n`,
      `${head([type, 'Transfer-Encoding: chunked'])}5\r\nhe`,
      head(['Content-Type: text/plain', 'Content-Length: 4096']) + 'a'.repeat(100),
    ]) {
      const gone = dial(server.port!, text);
      await once(gone, 'connect');
      await get('/healthz');
      gone.resetAndDestroy();
      const slow = dial(server.port!, text).resume();
      await once(slow, 'close');
    }
    expect((await get('/healthz')).status).toBe(200);
    expect(await logged()).not.toMatch(/ERROR|WARN/);
  });

  it('two hundred clients whose bodies do not come do not keep a probe out', async () => {
    const { server } = await start({ repairs: () => repairs, patienceMs: 60_000 });
    // The invitation to send the body says that the server waits for it.
    const text = head(['Content-Type: application/json', 'Expect: 100-continue', 'Content-Length: 10']);
    const slow = Array.from({ length: 200 }, () => dial(server.port!, text));
    await Promise.all(slow.map((socket) => Promise.race([once(socket, 'data'), once(socket, 'close')])));
    const probe = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    for (let times = 0; times < 10; times++) expect(await exchange(server.port!, probe)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a fault of the port', () => {
  it('in sending an answer is a 500 and a line in the log', async () => {
    const { get, logged } = await start({
      metrics: { text: async () => '', contentType: 'no\nheader', ready: () => {} },
    });
    const response = await get('/metrics');
    expect([response.status, await response.text()]).toEqual([500, 'internal error\n']);
    expect(await logged()).toMatch(/ERROR .*Invalid character/);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('in looking up the token is a 500 and a line in the log', async () => {
    const { get, logged } = await start({ token: () => Promise.reject(new Error('no token to be had')) }).catch(() =>
      expect.unreachable('the port opens all the same'),
    );
    expect((await get('/status')).status).toBe(500);
    expect((await get('/healthz')).status).toBe(200);
    expect(await logged()).toMatch(/ERROR no token to be had/);
  });

  it('in accepting a connection is a line in the log, and the next one is accepted', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    const { get, logged } = await start();
    const listener = listen.mock.contexts[0] as Server;
    listen.mockRestore();
    listener.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    expect((await get('/healthz')).status).toBe(200);
    expect(await logged()).toMatch(/ERROR .*EMFILE/);
  });
});
