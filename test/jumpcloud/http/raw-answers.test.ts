import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemTiming } from '../../../collector/jumpcloud/http/abort.js';
import { clientFor, collect } from '../client-under-test.js';

const HONEST = '[{"id":"honest"}]';
const OK = 'HTTP/1.1 200 OK\r\n';
const TYPE = 'Content-Type: application/json\r\n';

/** Bytes as the first answer, which the connection ends after, and an honest answer to each request that follows. */
async function afterwards(...first: readonly (string | Buffer)[]): Promise<string> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    // The whole request has come: its head and its body arrive together or shortly after each other.
    let asked = '';
    socket.on('data', (chunk) => {
      asked += chunk.toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(asked)?.[1]);
      const head = asked.indexOf('\r\n\r\n');
      if (head < 0 || asked.length < head + 4 + length) return;
      asked = '';
      requests += 1;
      if (requests > 1) {
        const result = 'X-Result-Count: 1\r\nX-Limit: 1000\r\n';
        socket.end(`${OK}${TYPE}${result}Connection: close\r\nContent-Length: ${HONEST.length}\r\n\r\n${HONEST}`);
        return;
      }
      for (const bytes of first) socket.write(bytes);
      socket.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const body = (text: string | Buffer, head = '') => [`${OK}${TYPE}${head}Content-Length: ${text.length}\r\n\r\n`, text];

describe('an answer that is none', () => {
  it.each<[string, readonly (string | Buffer)[]]>([
    ['nothing', []],
    ['the greeting of another protocol', ['SSH-2.0-OpenSSH_9.6\r\n']],
    ['a body without a head, as in version 0.9', [HONEST]],
    ['status 999', ['HTTP/1.1 999 x\r\nContent-Length: 2\r\n\r\n[]']],
    ['status 101', ['HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n[]']],
    ['headers of 5 MB', [`${OK}X: ${'y'.repeat(5_000_000)}\r\n\r\n[]`]],
    ['100,000 headers', [`${OK}${'X: y\r\n'.repeat(100_000)}\r\n[]`]],
    ['a length below nothing', [`${OK}Content-Length: -1\r\n\r\n[]`]],
    ['two lengths', [`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]x`]],
    ['a length and chunks', [`${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n`]],
    ['a chunk larger than numbers are', [`${OK}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n[]`]],
    ['a chunk without end', [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\n[]`]],
    ['a line that ends in a bare return', [`${OK}X: y\rZ: z\r\nContent-Length: 2\r\n\r\n[]`]],
    ['a body shorter than its length', [`${OK}Content-Length: 20\r\n\r\n[]`]],
    ['UTF-16', body(Buffer.from('\ufeff[]', 'utf16le'))],
    ['gzip within gzip', body(gzipSync(gzipSync('[]')), 'Content-Encoding: gzip\r\n')],
    [
      'a gzip bomb with status 500',
      ['HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\n\r\n', gzipSync(Buffer.alloc(64 * 1024 * 1024))],
    ],
    ['a million elements', body(`[${'1,'.repeat(1_000_000)}1]`)],
  ])('(%s) counts for nothing: the page is asked for again and arrives', async (_, first) => {
    // A kept connection that the server has closed may cost a try of its own.
    const { client, told } = clientFor(await afterwards(...first), {
      retry: { attempts: 4, baseMs: 1, capMs: 1 },
      deadlines: { responseMs: 1_000 },
      timing: systemTiming,
    });
    const pages = await collect(client);
    expect(pages.flatMap(({ records }) => records.map(({ text }) => text))).toEqual(['{"id":"honest"}']);
    const codes = told.onRetry.map(({ code }) => code);
    expect(codes[0]).toMatch(/^(UNREACHABLE|TIMED_OUT|RESPONSE_INVALID|RESPONSE_TOO_LARGE|SERVER_ERROR)$/);
  });

  it.each<[string, readonly (string | Buffer)[]]>([
    ['trailers and extensions of chunks', [`${OK}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n[]\r\n0\r\nX: y\r\n\r\n`]],
    [
      'a second answer that nobody asked for',
      [...body('[]'), `${OK}Content-Length: ${HONEST.length}\r\n\r\n${HONEST}`],
    ],
    ['the advice to read another address', body('[]', 'Refresh: 0; url=http://127.0.0.1:1/\r\n')],
  ])('(%s) is read for its body alone', async (_, first) => {
    const { client } = clientFor(await afterwards(...first), { retry: { attempts: 1 } });
    expect((await collect(client)).flatMap(({ records }) => records)).toEqual([]);
  });
});
