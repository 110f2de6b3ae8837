import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { processRedactor } from '../../../../collector/log/redactor.js';
import { createTokenProvider } from '../../../../collector/sinks/kafka/client/oauth-bearer.js';

/** A provider whose endpoint answers as told; the endpoint is reached over loopback. */
async function provider(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const tokenEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return createTokenProvider({
    mechanism: 'oauthbearer',
    tokenEndpoint,
    clientId: 'the client',
    clientSecret: 'its secret',
    scope: 'kafka',
  });
}

it('a token is asked for with the credentials of the client, and kept until shortly before its end', async () => {
  const asked: string[] = [];
  const token = await provider(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    asked.push(`${request.method} ${request.headers.authorization} ${body}`);
    response.end(JSON.stringify({ access_token: 'a-token', expires_in: 600 }));
  });
  expect(await Promise.all([token(), token()])).toEqual([{ value: 'a-token' }, { value: 'a-token' }]);
  expect(await token()).toEqual({ value: 'a-token' });
  const credentials = Buffer.from('the%20client:its%20secret').toString('base64');
  expect(asked).toEqual([`POST Basic ${credentials} grant_type=client_credentials&scope=kafka`]);
});

it('a token is masked in the log once it is in use', async () => {
  const opaque = 'opaque words of a broker';
  const token = await provider((_, response) => response.end(JSON.stringify({ access_token: opaque })));
  await token();
  expect(processRedactor.mask(`the broker refused ${opaque}`)).toBe('the broker refused [secret]');
});

it('an answer of 64 KiB is taken; of one byte more, and of one that never ends, the connection is cut', async () => {
  const envelope = JSON.stringify({ access_token: 'a-token', padding: '' }).length;
  const answerOf = (bytes: number) =>
    JSON.stringify({ access_token: 'a-token', padding: 'a'.repeat(bytes - envelope) });
  expect(await (await provider((_, response) => response.end(answerOf(65_536))))()).toEqual({ value: 'a-token' });
  const tooLarge = { code: 'SINK_REFUSED', transient: true, detail: 'the answer is larger than 65536 bytes' };
  for (const encoding of [undefined, 'gzip'] as const) {
    const token = await provider((_, response) => {
      if (encoding !== undefined) response.setHeader('content-encoding', encoding);
      response.end(encoding === undefined ? answerOf(65_537) : gzipSync(answerOf(65_537)));
    });
    await expect(token(), String(encoding)).rejects.toMatchObject(tooLarge);
  }
  let sent = 0;
  let cut: Promise<unknown> | undefined;
  const endless = await provider((_, response) => {
    const more = () => {
      while (!response.destroyed && sent < 256 * 1024 * 1024 && response.write('a'.repeat(65_536))) sent += 65_536;
    };
    cut = once(response.on('drain', more), 'close');
    more();
  });
  await expect(endless()).rejects.toMatchObject(tooLarge);
  await cut;
  expect(sent, 'bytes that the endpoint could send').toBeLessThan(64 * 1024 * 1024);
});

it.each([
  ['a refusal', 401, '{"error":"invalid_client"}', { transient: false, detail: 'status 401' }],
  ['an outage', 503, 'try later', { transient: true, detail: 'status 503' }],
  ['a redirect', 302, '', { transient: false, detail: 'status 302' }],
  ['an answer without a token', 200, '{}', { transient: false, detail: 'status 200' }],
  ['no object', 200, '[]', { transient: false, detail: 'status 200' }],
  ['another protocol', 101, '', { transient: true, detail: 'the answer changes the protocol' }],
  ['no JSON', 200, 'token-in-plain-text', { transient: true, detail: 'the answer is no JSON' }],
])('%s gives no token, and says so without quoting the answer', async (_, status, body, expected) => {
  const token = await provider((__, response) => {
    const headers = status === 101 ? { connection: 'upgrade', upgrade: 'x' } : { location: 'http://127.0.0.1:1/' };
    response.writeHead(status, headers).end(body);
  });
  await expect(token()).rejects.toMatchObject({ code: 'SINK_REFUSED', ...expected });
});
