import { describe, expect, it } from 'vitest';
import { userAgent } from '../../../collector/version.js';
import { sha256 } from '../../../mappings/record.js';
import { apiPath, clientFor, collect, ids, numbered, search } from '../client-under-test.js';
import { answer, gzipped, page, type Step, scriptedServer } from '../scripted-server.js';

const cursor = (n: number) => `[${1793491200000 + n},"cursor${n}"]`;

describe('pages of a search', () => {
  it('come from one unchanged body plus the text of the previous X-Search_after', async () => {
    // Beyond 2^53: printed from a parsed number it would be another cursor.
    const exact = '[1793491200123456789, "a\\u0041"]';
    const server = await scriptedServer([
      page(numbered(2), exact, { 'x-limit': '2' }),
      page(numbered(2, 2), cursor(2), { 'x-limit': '2' }),
      page(numbered(1, 4), cursor(3), { 'x-limit': '2' }),
    ]);
    const { client } = clientFor(server.origin, { pageSize: 2, orgId: 'org1' });
    const pages = await collect(client);
    server.verify();

    const [first, second, third] = server.requests.map((request) => request.body);
    expect(first).toBe(
      '{"service":["directory","sso"],"start_time":"2026-11-01T00:00:00Z","end_time":"2026-11-01T01:00:00Z","limit":2,"sort":"ASC"}',
    );
    expect(second).toBe(`${first?.slice(0, -1)},"search_after":${exact}}`);
    expect(third).toBe(`${first?.slice(0, -1)},"search_after":${cursor(2)}}`);
    for (const request of server.requests) {
      expect(request).toMatchObject({ method: 'POST', path: `${apiPath}/events` });
      expect(request.headers).toMatchObject({
        'user-agent': userAgent,
        'content-type': 'application/json',
        'x-org-id': 'org1',
      });
    }
    expect(ids(pages)).toEqual(['0', '1', '2', '3', '4']);
    expect(pages.map(({ number, last }) => [number, last])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
  });

  it('leave end_time out of a search that is open towards the future', async () => {
    const server = await scriptedServer([page([])]);
    const { client } = clientFor(server.origin);
    await collect(client, { services: ['sso'], start: 1793491200 });
    expect(JSON.parse(server.requests[0]?.body ?? '')).not.toHaveProperty('end_time');
  });

  it('carry the server’s time, the request id and the size', async () => {
    const server = await scriptedServer([page(numbered(1), undefined, { date: 'Sun, 01 Nov 2026 00:00:07 GMT' })]);
    const { client, timing } = clientFor(server.origin);
    const [only] = await collect(client);
    expect(only).toMatchObject({
      // A Date has whole seconds: the clock behind it is half a second further on average.
      serverTime: Date.parse('2026-11-01T00:00:07.5Z'),
      fetchedAt: timing.now(),
      requestId: 'request-1',
      bytes: '[{"id":"0"}]'.length,
    });
  });

  it('end with an empty page where the page before was exactly full', async () => {
    const server = await scriptedServer([page(numbered(2), cursor(1), { 'x-limit': '2' }), page([], cursor(1))]);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    const pages = await collect(client);
    expect(pages.map((one) => [one.records.length, one.last])).toEqual([
      [2, false],
      [0, true],
    ]);
  });

  it('are read on where JumpCloud allows fewer records than asked for (X-Limit)', async () => {
    const server = await scriptedServer([
      page(numbered(3), cursor(1), { 'x-limit': '3' }),
      page(numbered(1, 3), cursor(2), { 'x-limit': '3' }),
    ]);
    const { client } = clientFor(server.origin, { pageSize: 5_000 });
    expect(ids(await collect(client))).toEqual(['0', '1', '2', '3']);
    server.verify();
  });

  it('never ask for more than 10,000 records', async () => {
    const server = await scriptedServer([page([])]);
    const { client } = clientFor(server.origin, { pageSize: 50_000 });
    await collect(client);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({ limit: 10_000 });
  });

  it('never come from an empty or inverted window: nothing is sent', async () => {
    const server = await scriptedServer([]);
    const { client } = clientFor(server.origin);
    for (const wrong of [
      { ...search, end: search.start },
      { ...search, end: search.start - 1 },
      { ...search, services: [] },
    ])
      await expect(collect(client, wrong)).rejects.toMatchObject({ code: 'INTERNAL' });
    server.verify();
  });

  it('R-7: 35,000 records of one window arrive complete', async () => {
    const all = numbered(35_000);
    const server = await scriptedServer((request, response) => {
      const { limit, search_after } = JSON.parse(request.body) as { limit: number; search_after?: [number, string] };
      const from = search_after === undefined ? 0 : search_after[0];
      page(all.slice(from, from + limit), `[${from + limit},"x"]`, { 'x-limit': String(limit) })(request, response);
    });
    const { client } = clientFor(server.origin, { pageSize: 10_000 });
    expect(ids(await collect(client))).toEqual(all.map((record) => record.id));
    expect(server.requests).toHaveLength(4);
  });
});

describe('F-18: partial pages and odd headers', () => {
  it.each([
    ['smaller than the body', { 'x-result-count': '1' }],
    ['larger than the body', { 'x-result-count': '9999' }],
    ['not a number', { 'x-result-count': 'many' }],
  ])('X-Result-Count %s does not matter: the body counts', async (_, headers) => {
    const server = await scriptedServer([
      page(numbered(2), cursor(1), { 'x-limit': '2', ...headers }),
      page(numbered(1, 2), cursor(2), { 'x-limit': '2', ...headers }),
    ]);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    expect(ids(await collect(client))).toEqual(['0', '1', '2']);
    server.verify();
  });

  it.each(['X-Search_after', 'x-search_after', 'X-SEARCH_AFTER', 'X-Search_After'])(
    'the cursor is found as %s, and without X-Result-Count and X-Limit',
    async (name) => {
      const server = await scriptedServer([
        answer(200, numbered(2), { [name]: cursor(1) }),
        answer(200, numbered(1, 2)),
      ]);
      const { client } = clientFor(server.origin, { pageSize: 2 });
      expect(ids(await collect(client))).toEqual(['0', '1', '2']);
      server.verify();
    },
  );

  it.each(['0', '-5', 'none', ''])('X-Limit %j is ignored', async (limit) => {
    const server = await scriptedServer([page(numbered(1), undefined, { 'x-limit': limit })]);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    expect(await collect(client)).toHaveLength(1);
    server.verify();
  });
});

describe('F-19: cursors that lead nowhere', () => {
  it.each([undefined, '', 'null', '[]', '{}', '12', '"text"', '[1793491200000,', 'undefined', '[1],"service":["all"]'])(
    'a full page with X-Search_after %j is delivered and then an error, not an end',
    async (header) => {
      const server = await scriptedServer([page(numbered(2), header, { 'x-limit': '2' })]);
      const { client } = clientFor(server.origin, { pageSize: 2 });
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const one of client.pages(search)) seen.push(one.last);
      })();
      await expect(reading).rejects.toMatchObject({ code: 'PAGE_WITHOUT_CURSOR' });
      expect(seen).toEqual([false]);
      server.verify();
    },
  );

  it('a cursor that repeats ends the search with an error after that page: no spin', async () => {
    const full = page(numbered(2), cursor(1), { 'x-limit': '2' });
    const server = await scriptedServer([full, full]);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    await expect(collect(client)).rejects.toMatchObject({ code: 'PAGE_CURSOR_REPEATED' });
    server.verify();
  });

  it('a search whose pages, each under a new cursor, bring nothing new ends with an error', async () => {
    let asked = 0;
    const server = await scriptedServer((request, response) => {
      asked += 1;
      // Two pages by turns: none is the one before it.
      if (asked > 500) return answer(200, [])(request, response);
      const records = numbered(200, (asked % 2) * 200);
      page(records, `["${'x'.repeat(10_000)}${asked}"]`, { 'x-limit': '200' })(request, response);
    });
    const { client } = clientFor(server.origin, { pageSize: 200 });
    await expect(collect(client)).rejects.toMatchObject({ code: 'PAGE_CURSOR_REPEATED', transient: true });
    expect(asked).toBe(52);
  });

  it('many records of one text are no sign of an endless search, however small its pages', async () => {
    const server = await scriptedServer((request, response) => {
      const { search_after } = JSON.parse(request.body) as { search_after?: [number] };
      const from = search_after?.[0] ?? 0;
      page(from < 60 ? [{}] : [], `[${from + 1}]`, { 'x-limit': '1' })(request, response);
    });
    const { client } = clientFor(server.origin, { pageSize: 1 });
    expect((await collect(client)).flatMap(({ records }) => records)).toHaveLength(60);
  });

  it('records that come again now and then do not end a search that also brings new ones', async () => {
    const all = Array.from({ length: 300 }, (_, index) => numbered(1, index % 40 === 0 ? index : 0)).flat();
    const server = await scriptedServer((request, response) => {
      const { search_after } = JSON.parse(request.body) as { search_after?: [number] };
      const from = search_after?.[0] ?? 0;
      page(all.slice(from, from + 1), `[${from + 1}]`, { 'x-limit': '1' })(request, response);
    });
    const { client } = clientFor(server.origin, { pageSize: 1 });
    expect(ids(await collect(client))).toEqual(all.map(({ id }) => id));
  });

  it('a circle of cursors is noticed as well', async () => {
    const circle = [1, 2, 3, 1].map((n): Step => page(numbered(2, n), cursor(n), { 'x-limit': '2' }));
    const server = await scriptedServer(circle);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    await expect(collect(client)).rejects.toMatchObject({ code: 'PAGE_CURSOR_REPEATED' });
    server.verify();
  });
});

describe('F-16: damaged bodies', () => {
  const cut = Buffer.from('[{"id":"0"},{"id":"1"}]').subarray(0, 15);
  const zipped =
    (bytes: number): Step =>
    (request, response) => {
      const whole: Step = gzipped(JSON.stringify(numbered(500)));
      const end = response.end.bind(response);
      response.end = ((body: Buffer) => end(body.subarray(0, bytes))) as typeof response.end;
      whole(request, response);
    };

  it.each<[string, Step]>([
    ['truncated JSON', answer(200, cut)],
    ['invalid UTF-8', answer(200, Buffer.from([0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d]))],
    ['half a UTF-8 character', answer(200, Buffer.from([0x5b, 0x22, 0xe2, 0x82, 0x22, 0x5d]))],
    ['a surrogate in UTF-8', answer(200, Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]))],
    ['NaN', answer(200, '[{"id":NaN}]')],
    ['null in place of an array', answer(200, 'null')],
    ['an object in place of an array', answer(200, { message: 'fine' })],
    ['an empty body', answer(200, '')],
    ['HTML with status 200', answer(200, '<html>login</html>', { 'content-type': 'text/html' })],
    ['gzip cut short', zipped(40)],
    ['gzip that is none', answer(200, '[]', { 'content-encoding': 'gzip' })],
    ['an encoding nobody asked for', answer(200, '[]', { 'content-encoding': 'br' })],
    ['204 without a body', answer(204)],
  ])('%s: the page is asked again, then it is an error and never an empty page', async (_, damaged) => {
    const server = await scriptedServer([page(numbered(2), cursor(1), { 'x-limit': '2' }), damaged, damaged, damaged]);
    const { client, told } = clientFor(server.origin, { pageSize: 2, retry: { attempts: 3 } });
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const one of client.pages(search)) seen.push(...ids([one]));
    })();
    await expect(reading).rejects.toMatchObject({ code: 'RESPONSE_INVALID', transient: true });
    server.verify();
    expect(seen).toEqual(['0', '1']);
    expect(told.onRetry).toHaveLength(2);
    // The same page each time: the position within the search is held.
    expect(new Set(server.requests.slice(1).map((request) => request.body)).size).toBe(1);
  });

  it('one damaged answer and then a good one: nothing lost, nothing twice', async () => {
    const server = await scriptedServer([
      page(numbered(2), cursor(1), { 'x-limit': '2' }),
      answer(200, cut),
      page(numbered(1, 2), cursor(2), { 'x-limit': '2' }),
    ]);
    const { client } = clientFor(server.origin, { pageSize: 2 });
    expect(ids(await collect(client))).toEqual(['0', '1', '2']);
  });

  it('duplicate keys, a byte order mark and gzip are understood', async () => {
    const server = await scriptedServer([gzipped('\ufeff[{"id":"a","id":"b"}]')]);
    const { client } = clientFor(server.origin);
    const [only] = await collect(client);
    expect(only?.records[0]).toMatchObject({ text: '{"id":"a","id":"b"}', value: { id: 'b' } });
    expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip');
  });
});

describe('bodies larger than the cap', () => {
  const record = { id: 'x', text: 'y'.repeat(1_000) };
  /** Pages of as many large records as the limit allows, ten in all. */
  const large =
    (total: number, wrap = (body: string): Step => answer(200, body)): Step =>
    (request, response) => {
      const { limit, search_after } = JSON.parse(request.body) as { limit: number; search_after?: [number] };
      const from = search_after?.[0] ?? 0;
      const records = Array.from({ length: Math.min(limit, total - from) }, () => record);
      response.setHeader('x-search_after', `[${from + limit}]`);
      response.setHeader('x-limit', String(limit));
      wrap(JSON.stringify(records))(request, response);
    };

  it('start the search again with half the limit until a page fits', async () => {
    const server = await scriptedServer(large(10));
    const { client, told } = clientFor(server.origin, { pageSize: 8, maxBodyBytes: 3_500 });
    const pages = await collect(client);
    expect(told.onPageTooLarge).toEqual([
      { limit: 8, next: 4 },
      { limit: 4, next: 2 },
    ]);
    expect(pages.map((one) => [one.number, one.records.length])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 2],
      [6, 0],
    ]);
  });

  it('are counted after decompression: a gzip bomb is cut off', async () => {
    const server = await scriptedServer(large(10, gzipped));
    const { client, told } = clientFor(server.origin, { pageSize: 4, maxBodyBytes: 3_500 });
    expect((await collect(client)).flatMap((one) => one.records)).toHaveLength(10);
    expect(told.onPageTooLarge).toEqual([{ limit: 4, next: 2 }]);
  });

  it('of one record alone are read past: its short members, size and hash stand for it, and its neighbours arrive', async () => {
    const huge = {
      id: 'huge',
      details: { text: '}],"{['.repeat(300), deep: [[{}]] },
      timestamp: '2026-11-01T00:00:01Z',
      note: 'é"',
    };
    const all = [{ id: 'before' }, huge, { id: 'after' }];
    const server = await scriptedServer((request, response) => {
      const { limit, search_after } = JSON.parse(request.body) as { limit: number; search_after?: [number] };
      const from = search_after?.[0] ?? 0;
      const headers = { 'x-search_after': `[${from + limit}]`, 'x-limit': String(limit) };
      answer(200, `\ufeff ${JSON.stringify(all.slice(from, from + limit))}\n`, headers)(request, response);
    });
    const { client } = clientFor(server.origin, { pageSize: 8, maxBodyBytes: 500 });
    const pages = await collect(client);
    expect(server.requests.map((request) => JSON.parse(request.body).limit)).toEqual([8, 4, 2, 1, 1, 1, 1]);
    expect(ids(pages)).toEqual(['before', 'huge', 'after']);
    const text = JSON.stringify(huge);
    expect(pages[1]?.records[0]).toMatchObject({
      text: '{"id":"huge","timestamp":"2026-11-01T00:00:01Z","note":"é\\""}',
      value: { id: 'huge', timestamp: '2026-11-01T00:00:01Z', note: 'é"' },
      whole: { bytes: Buffer.byteLength(text), sha256: sha256(text) },
    });
    expect(pages[0]?.records[0]).not.toHaveProperty('whole');
  });

  it.each([
    ['several records where one was asked for', `[{"id":"a"},{"id":"${'y'.repeat(1_000)}"}]`, 'RESPONSE_TOO_LARGE'],
    ['no array', `{"id":"${'y'.repeat(1_000)}"}`, 'RESPONSE_TOO_LARGE'],
    ['something after the array', `["${'y'.repeat(1_000)}"] x`, 'RESPONSE_TOO_LARGE'],
    ['a record that ends in the middle', `[{"id":"${'y'.repeat(1_000)}`, 'RESPONSE_INVALID'],
    ['an array that ends in the middle', `[{"id":"${'y'.repeat(1_000)}"}`, 'RESPONSE_INVALID'],
  ])('%s beyond the cap is an error, not a record', async (_, body, code) => {
    const server = await scriptedServer(answer(200, body));
    const { client } = clientFor(server.origin, { pageSize: 1, maxBodyBytes: 500, retry: { attempts: 1 } });
    await expect(collect(client)).rejects.toMatchObject({ code });
  });

  it('do not exceed 16 MiB by default', async () => {
    const server = await scriptedServer((request, response) => {
      const { limit } = JSON.parse(request.body) as { limit: number };
      answer(200, limit === 8 ? `[${' '.repeat(16 * 1024 * 1024)}]` : '[]')(request, response);
    });
    const { client, told } = clientFor(server.origin, { pageSize: 8 });
    await collect(client);
    expect(told.onPageTooLarge).toEqual([{ limit: 8, next: 4 }]);
  });

  it('do not trust Content-Length: an endless body is cut off at the cap', async () => {
    let endless = 0;
    const server = await scriptedServer((request, response) => {
      if (JSON.parse(request.body).limit < 8) return page([])(request, response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[');
      const more = () => {
        while (!response.destroyed && response.write('{"id":"again"},'.repeat(1_000))) endless += 1;
      };
      response.on('drain', more);
      more();
    });
    const { client } = clientFor(server.origin, { pageSize: 8, maxBodyBytes: 100_000 });
    expect((await collect(client)).map((one) => one.records.length)).toEqual([0]);
    expect(endless).toBeGreaterThan(0);
  });

  it('413 is answered by half the limit too', async () => {
    const server = await scriptedServer([answer(413, { message: 'too large' }), page([])]);
    const { client } = clientFor(server.origin, { pageSize: 8 });
    await collect(client);
    expect(JSON.parse(server.requests[1]?.body ?? '')).toMatchObject({ limit: 4 });
  });

  it('the smaller limit is kept for later searches and grows back once pages are small again', async () => {
    const server = await scriptedServer([
      answer(413),
      page([record, record], undefined, { 'x-limit': '4' }),
      page([], undefined),
      page([], undefined),
    ]);
    const { client } = clientFor(server.origin, { pageSize: 8, maxBodyBytes: 3_500 });
    for (let search = 0; search < 3; search += 1) await collect(client);
    expect(server.requests.map((request) => JSON.parse(request.body).limit)).toEqual([8, 4, 4, 8]);
  });
});

describe('count', () => {
  it.each([
    ['of more than 64 KiB', JSON.stringify({ count: 1, pad: 'x'.repeat(65_536) }), 'RESPONSE_TOO_LARGE'],
    ['nested more than 32 levels deep', `{"count":1,"a":${'['.repeat(32)}${']'.repeat(32)}}`, 'RESPONSE_INVALID'],
  ])('an answer %s is refused', async (_, body, code) => {
    const server = await scriptedServer(answer(200, body));
    const { client } = clientFor(server.origin, { retry: { attempts: 1 } });
    await expect(client.count(search)).rejects.toMatchObject({ code });
  });

  it('an answer just within 64 KiB and 32 levels is read, brackets in texts not counted', async () => {
    const start = `{"a":${'['.repeat(31)}${']'.repeat(31)},"b":"[\\"${'['.repeat(100)}","count":7,"pad":"`;
    const server = await scriptedServer(answer(200, `${start}${'x'.repeat(65_536 - start.length - 2)}"}`));
    const { client } = clientFor(server.origin);
    expect(await client.count(search)).toBe(7);
  });

  it('asks for the search’s own count', async () => {
    const server = await scriptedServer([answer(200, { count: 12_345 })]);
    const { client } = clientFor(server.origin);
    expect(await client.count(search)).toBe(12_345);
    expect(server.requests[0]).toMatchObject({
      path: `${apiPath}/events/count`,
      body: '{"service":["directory","sso"],"start_time":"2026-11-01T00:00:00Z","end_time":"2026-11-01T01:00:00Z"}',
    });
  });

  it.each([{}, { count: -1 }, { count: 1.5 }, { count: '3' }, [], '<html>', ''])('refuses %j', async (body) => {
    const server = await scriptedServer(answer(200, body));
    const { client } = clientFor(server.origin, { retry: { attempts: 2 } });
    await expect(client.count(search)).rejects.toMatchObject({ code: 'RESPONSE_INVALID' });
    expect(server.requests).toHaveLength(2);
  });
});
