import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { createLog } from '../../collector/log/logger.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { StatusBoard, type StatusView } from '../../collector/monitoring/status/board.js';
import { Repairs } from '../../collector/reconcile/repair-queue.js';
import { type HealthOptions, type HealthServer, startHealth } from '../../collector/server/http-server.js';
import { configOf, cursorAt, report, tablesAt } from '../monitoring/observe-feed.js';
import { parseMetrics, seriesValue } from '../monitoring/prometheus.js';

const running: (() => unknown)[] = [];
afterEach(async () => {
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
      observer.opened('live', cursorAt('2026-11-21T00:00:00Z'), true);
      observer.committed('live', report({ counts: { records: 3 } }));
      observer.searched('live', { search, pages: 1, records: 3, durationMs: 1 });
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
    feed.observer.failed(
      'live',
      'sink',
      new CollectorError('SINK_UNAVAILABLE', 'no broker answers', { cure: 'Start Kafka.' }),
      1000,
    );
    const broken = await get('/readyz');
    expect(broken.status).toBe(503);
    expect(await broken.json()).toMatchObject({ reasons: [{ part: 'delivery', cure: 'Start Kafka.' }] });
    expect((await get('/healthz')).status).toBe(200);
    poll();
    expect((await get('/readyz')).status).toBe(200);
  });
});

describe('/metrics and /status', () => {
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
      ]) {
        const response = await get(path, bearer(wrong));
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
    feed.observer.failed('live', 'source', leak, 1000);
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
    const socket = dial(server.port!, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
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
    const slow = dial(server.port!, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    slow.pause();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    slow.resume();
    await once(slow, 'close');
    expect(slow.bytesRead).toBeLessThan(32 * 1024 * 1024);
    expect((await get('/healthz')).status).toBe(200);
  });

  it.each([
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a header without end', `GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['ten thousand headers', `GET /metrics HTTP/1.1\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n`],
    [
      'two contradicting lengths',
      'POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef',
    ],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['another protocol', 'GET /status HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    [
      'a body that never ends',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'5\r\nhello\r\n'.repeat(1000)}`,
    ],
    ['an absolute address', 'GET http://example.com/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ])('%s ends that connection and nothing else', async (_, text) => {
    const { server, get, logged } = await start({ patienceMs: 2_000 });
    const socket = dial(server.port!, text);
    socket.resume();
    await once(socket, 'close');
    expect((await get('/healthz')).status).toBe(200);
    expect(await logged()).not.toMatch(/ERROR/);
  });

  it('a scraper that goes away in the middle does no harm', async () => {
    const { server, get } = await start();
    for (let times = 0; times < 50; times++) {
      const socket = dial(
        server.port!,
        'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n',
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
    const repairs = new Repairs(Date.now);
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
});
