import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemTiming } from '../../../collector/jumpcloud/http/abort.js';
import { readRetryAfter } from '../../../collector/jumpcloud/http/retry-policy.js';
import { clientFor, collect, ids, numbered, search } from '../client-under-test.js';
import { fakeTiming } from '../fake-timing.js';
import { answer, page, type Step, scriptedServer } from '../scripted-server.js';

describe('F-11: a storm of 429', () => {
  const absurd = [
    '2',
    'Sun, 01 Nov 2026 01:00:00 GMT',
    undefined,
    '0',
    '-30',
    '315360000',
    'Fri, 01 Nov 2036 00:00:00 GMT',
    'tomorrow',
    '',
  ];
  const refusals = Array.from({ length: 200 }, (_, index): Step => {
    const header = absurd[index % absurd.length];
    const headers = { date: 'Sun, 01 Nov 2026 00:00:00 GMT' };
    return answer(
      429,
      { message: 'slow down' },
      header === undefined ? headers : { ...headers, 'retry-after': header },
    );
  });

  it('of 200 refusals makes one request per wait, honours Retry-After up to the cap, and ends in full delivery', async () => {
    const server = await scriptedServer([...refusals, page(numbered(3))]);
    const arrivals: number[] = [];
    const { client, timing, told } = clientFor(server.origin, { retry: { attempts: 250 } });
    const seen = ids(await collect(client));
    server.verify();
    expect(seen).toEqual(['0', '1', '2']);
    expect(server.requests).toHaveLength(201);
    expect(server.mostAtOnce()).toBe(1);
    expect(told.onRetry).toHaveLength(200);
    for (const [index, { code, waitMs, asked }] of told.onRetry.entries()) {
      const header = absurd[index % absurd.length];
      const wanted = Math.min(readRetryAfter(header, Date.parse('2026-11-01T00:00:00Z')) ?? 0, 300_000);
      expect(code).toBe('RATE_LIMITED');
      expect(asked).toBe(wanted > 0);
      // Half the jitter's bound, as the test's chance is 0.5.
      expect(waitMs).toBe(wanted + Math.min(30_000, 1_000 * 2 ** index) / 2);
      arrivals.push(waitMs);
    }
    expect(timing.monotonic()).toBeGreaterThanOrEqual(arrivals.reduce((sum, ms) => sum + ms, 0));
  });

  it('binds everybody who uses the client: five at once wait together and one asks', async () => {
    const storm = Array.from({ length: 20 }, () => answer(429, '', { 'retry-after': '10' }));
    const server = await scriptedServer((request, response) => {
      const step = storm[server.requests.length - 1] ?? answer(200, { count: 1 });
      step(request, response);
    });
    const { client, timing } = clientFor(server.origin, { concurrency: 5, retry: { attempts: 100 } });
    const counts = await Promise.all(Array.from({ length: 5 }, () => client.count(search)));
    expect(counts).toEqual([1, 1, 1, 1, 1]);
    expect(server.requests).toHaveLength(25);
    // Up to five were under way when the first refusal came; every later request had a wait of its own.
    expect(timing.monotonic()).toBeGreaterThanOrEqual(15 * 10_000);
  });

  it('that outlasts the attempts is an error, and its last wait binds the next search', async () => {
    const server = await scriptedServer([
      answer(429, '', { 'retry-after': '60' }),
      answer(429, '', { 'retry-after': '60' }),
      page([]),
    ]);
    const { client, timing } = clientFor(server.origin, { retry: { attempts: 2 } });
    await expect(collect(client)).rejects.toMatchObject({ code: 'RATE_LIMITED', transient: true, detail: '429' });
    const before = timing.monotonic();
    await collect(client);
    expect(timing.monotonic() - before).toBeGreaterThanOrEqual(60_000);
  });

  it('a Retry-After date is read by the server’s clock, not by a local one that is an hour off', async () => {
    const server = await scriptedServer([
      answer(429, '', { date: 'Sun, 01 Nov 2026 01:00:00 GMT', 'retry-after': 'Sun, 01 Nov 2026 01:00:20 GMT' }),
      page([]),
    ]);
    const { client, told } = clientFor(server.origin);
    await collect(client);
    expect(told.onRetry[0]).toMatchObject({ waitMs: 20_500, asked: true });
  });
});

describe('F-12: a burst of server errors', () => {
  it('is retried with back-off; HTML is never parsed as records; then everything arrives', async () => {
    const server = await scriptedServer([
      answer(500, { message: 'technical difficulties' }),
      answer(502, '<html><body>Bad gateway</body></html>', { 'content-type': 'text/html' }),
      answer(503, 'busy', { 'retry-after': '5' }),
      answer(504),
      answer(408),
      page(numbered(1)),
    ]);
    const { client, told } = clientFor(server.origin);
    expect(ids(await collect(client))).toEqual(['0']);
    server.verify();
    expect(told.onRetry.map(({ code, waitMs }) => [code, waitMs])).toEqual([
      ['SERVER_ERROR', 500],
      ['SERVER_ERROR', 1_000],
      ['SERVER_ERROR', 7_000],
      ['SERVER_ERROR', 4_000],
      ['TIMED_OUT', 8_000],
    ]);
  });

  it('without end stops after the attempts allowed', async () => {
    const server = await scriptedServer(answer(503, '<html>'));
    const { client } = clientFor(server.origin, { retry: { attempts: 4 } });
    await expect(collect(client)).rejects.toMatchObject({ code: 'SERVER_ERROR', transient: true });
    expect(server.requests).toHaveLength(4);
  });
});

describe('F-15: connections that fail or stall', () => {
  const brokenOff: Step = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('[{"id":"0"},');
    setTimeout(() => response.destroy(), 20);
  };
  const refusedToSpeak: Step = (_, response) => response.destroy();

  it('a reset before and in the middle of a body repeats the whole page: nothing of the half page is used', async () => {
    const server = await scriptedServer([refusedToSpeak, brokenOff, page(numbered(2))]);
    const { client, told } = clientFor(server.origin);
    expect(ids(await collect(client))).toEqual(['0', '1']);
    server.verify();
    expect(told.onRetry).toHaveLength(2);
  });

  it('a slow loris is cut off by the deadline of the whole request, though bytes keep coming', async () => {
    let drips = 0;
    const server = await scriptedServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[');
      const drip = setInterval(() => {
        drips += 1;
        response.write(' ');
      }, 20);
      response.on('close', () => clearInterval(drip));
    });
    const deadlines = { requestMs: 400 };
    const { client } = clientFor(server.origin, {
      deadlines,
      retry: { attempts: 2 },
      timing: { ...systemTiming, random: () => 0 },
    });
    await expect(collect(client)).rejects.toMatchObject({ code: 'TIMED_OUT', transient: true });
    expect(server.requests).toHaveLength(2);
    expect(drips).toBeGreaterThan(1);
  });

  it('a socket that never answers is cut off by the deadline for the answer to begin', async () => {
    const server = await scriptedServer(() => {});
    const { client } = clientFor(server.origin, { deadlines: { responseMs: 200 }, retry: { attempts: 1 } });
    await expect(collect(client)).rejects.toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringContaining('waiting for the answer to begin'),
    });
  });

  it('a name that does not resolve is reported as DNS', async () => {
    const lookup = (_host: string, _options: object, done: (error: NodeJS.ErrnoException, address: string) => void) =>
      done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), '');
    const { client } = clientFor('https://api.example.test', { lookup, retry: { attempts: 2 } });
    await expect(collect(client)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      detail: 'ENOTFOUND',
      message: expect.stringContaining('(DNS)'),
    });
  });

  it('a port where nobody listens is reported as refused', async () => {
    const { client, told } = clientFor('http://127.0.0.1:9', { retry: { attempts: 3 } });
    await expect(collect(client)).rejects.toMatchObject({ code: 'UNREACHABLE', detail: 'ECONNREFUSED' });
    expect(told.onRequest.map(({ status, code }) => [status, code])).toEqual(Array(3).fill([undefined, 'UNREACHABLE']));
  });

  it('a kept connection that the server has closed in the meantime costs a retry, not an error', async () => {
    const sockets: { destroy(): void }[] = [];
    const server = await scriptedServer((request, response) => {
      if (response.socket !== null) sockets.push(response.socket);
      answer(200, { count: server.requests.length })(request, response);
    });
    const { client } = clientFor(server.origin);
    expect(await client.count(search)).toBe(1);
    for (const socket of sockets) socket.destroy();
    expect(await client.count(search)).toBeGreaterThanOrEqual(2);
  });

  it('connections are kept alive between requests', async () => {
    const ports = new Set<number | undefined>();
    const server = await scriptedServer((request, response) => {
      ports.add(response.socket?.remotePort);
      answer(200, { count: 0 })(request, response);
    });
    const { client } = clientFor(server.origin);
    for (let request = 0; request < 5; request += 1) await client.count(search);
    expect(ports.size).toBe(1);
  });
});

describe('abort', () => {
  it('ends a request under way at once and closes its connection', async () => {
    const stop = new AbortController();
    let closed: Promise<void> | undefined;
    const server = await scriptedServer((_, response) => {
      closed = new Promise((resolve) => response.on('close', resolve));
      stop.abort();
    });
    const { client } = clientFor(server.origin);
    await expect(collect(client, search, stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await closed;
    expect(server.requests).toHaveLength(1);
  });

  it('ends the wait between attempts at once: no further request', async () => {
    const stop = new AbortController();
    const server = await scriptedServer([answer(429, '', { 'retry-after': '300' })]);
    const timing = fakeTiming();
    timing.duringSleep = () => stop.abort();
    const { client } = clientFor(server.origin, { timing });
    await expect(collect(client, search, stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    server.verify();
  });

  it('before the first request sends nothing', async () => {
    const server = await scriptedServer([]);
    const { client } = clientFor(server.origin);
    await expect(collect(client, search, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    server.verify();
  });

  it('leaves no listener behind on a signal that lives long', async () => {
    const server = await scriptedServer(answer(200, { count: 0 }));
    const { client } = clientFor(server.origin, { requestsPerSecond: 10_000 });
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    const live = new Set<unknown>();
    signal.addEventListener = ((type: 'abort', listener: () => void, options?: { once?: boolean }) => {
      live.add(listener);
      listening = Math.max(listening, live.size);
      add(type, listener, options);
    }) as typeof signal.addEventListener;
    signal.removeEventListener = ((type: 'abort', listener: () => void) => {
      live.delete(listener);
      remove(type, listener);
    }) as typeof signal.removeEventListener;
    for (let request = 0; request < 30; request += 1) await client.count(search, signal);
    expect(listening).toBeGreaterThan(0);
    expect(live.size).toBe(0);
  });
});

describe('what is reported', () => {
  it('one entry a request, with status, size and request id', async () => {
    const server = await scriptedServer([answer(500, { message: 'x' }), page(numbered(2))]);
    const { client, told } = clientFor(server.origin);
    await collect(client);
    expect(told.onRequest).toEqual([
      expect.objectContaining({ purpose: 'api', status: 500, code: 'SERVER_ERROR', requestId: undefined }),
      expect.objectContaining({ purpose: 'api', status: 200, code: undefined, bytes: 23, requestId: 'request-2' }),
    ]);
  });

  it('a request without credential is none: nothing is sent and nothing reported', async () => {
    const server = await scriptedServer([]);
    const { client, told } = clientFor(server.origin, { secret: { value: ' ', where: 'JUMPCLOUD_API_KEY' } });
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_MISSING' });
    server.verify();
    expect(told.onRequest).toEqual([]);
  });

  it('the test’s server is a real one', async () => {
    const server = await scriptedServer([]);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
    });
  });
});
