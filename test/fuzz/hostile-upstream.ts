import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { SeededRandom } from '../query/fuzz-run.js';

/** A record that JumpCloud holds. */
interface Held {
  readonly id: string;
  readonly service: string;
  readonly ms: number;
  readonly text: string;
}

/** JumpCloud's event API: the bodies of its good answers are honest, and the others are anything but an answer. */
export class HostileUpstream {
  /** Of the answers that are hostile, 0 to 100. */
  hostility = 0;
  requests = 0;
  #spoilt = 0;
  readonly #held: Held[] = [];
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response).catch(() => response.destroy());
  });

  /** @param key the credential: hostile answers reflect it */
  constructor(
    private readonly pick: SeededRandom,
    private readonly key: string,
  ) {}

  get spoilt(): number {
    return this.#spoilt;
  }

  get records(): number {
    return this.#held.length;
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** @param text an object whose `id` is this one */
  add(held: Held): void {
    this.#held.push(held);
    this.#held.sort((a, b) => a.ms - b.ms);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.pick.below(100) < this.hostility) {
      this.#spoilt += 1;
      return this.#spoil(response);
    }
    if (request.url?.endsWith('/events')) return this.#events(JSON.parse(Buffer.concat(chunks).toString()), response);
    if (request.url?.endsWith('/count')) {
      const count = this.#found(JSON.parse(Buffer.concat(chunks).toString())).length;
      response.end(JSON.stringify({ count }));
      return;
    }
    response.writeHead(404).end('{}');
  }

  #found({ service, start_time, end_time }: { service: string[]; start_time: string; end_time?: string }): Held[] {
    const end = end_time === undefined ? Number.POSITIVE_INFINITY : Date.parse(end_time);
    const start = Date.parse(start_time);
    return this.#held.filter(
      (held) => held.ms >= start && held.ms < end && (service.includes('all') || service.includes(held.service)),
    );
  }

  #events(
    body: { service: string[]; start_time: string; end_time?: string; limit: number; search_after?: [number, string] },
    response: ServerResponse,
  ): void {
    const found = this.#found(body);
    const after = body.search_after;
    const from = after === undefined ? 0 : found.findIndex(({ id }) => id === after[1]) + 1;
    const page = found.slice(from, from + body.limit);
    const last = page.at(-1);
    const headers: Record<string, string> = { 'content-type': 'application/json', 'x-limit': String(body.limit) };
    if (last !== undefined) headers['x-search_after'] = JSON.stringify([last.ms, last.id]);
    response.writeHead(200, headers).end(`[${page.map(({ text }) => text).join(',')}]`);
  }

  /** No redirect and no refusal (400 to 403): these are answers, and end or suspend what they are given to. */
  #spoil(response: ServerResponse): void {
    const { pick, key } = this;
    const text = () => String.fromCharCode(...Array.from({ length: 1 + pick.below(200) }, () => pick.below(256)));
    const raw = (bytes: string | Buffer) => {
      response.socket?.write(bytes, 'latin1' as BufferEncoding);
      response.socket?.destroySoon();
    };
    const body = (status: number, content: string | Buffer, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(content);
    pick.of([
      () => response.destroy(),
      () => raw(text()),
      () => raw(`HTTP/1.1 200 OK\r\nContent-Length: ${pick.of(['5', '-1', '99999999999', '5, 6'])}\r\n\r\n[{}`),
      () =>
        raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pick.of(['ffffffff', '-1', 'zz', '5;x'])}\r\n[`),
      () => raw(`HTTP/1.1 ${pick.of(['999', '101', '204', '0', '20'])} x\r\n\r\n`),
      () => raw(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(pick.below(100_000))}\r\n\r\n[]`),
      () => body(pick.of([429, 500, 502, 503, 504, 418, 599]), `${text()} ${key} ${text()}`),
      () => body(429, '{}', { 'retry-after': pick.of(['0', '1', '-1', 'x', 'Wed, 21 Oct 2026 07:28:00 GMT']) }),
      () =>
        body(
          503,
          JSON.stringify({ message: `Authorization: Bearer ${key}`, again: Buffer.from(key).toString('base64') }),
        ),
      () => body(200, pick.of(['', 'null', '{}', '<html>', '[', '[{"id":"x"}', '[1,]', '"x"', '[{}] x', text()])),
      () => body(200, Buffer.from([0xff, 0xfe, 0x5b, 0x00])),
      () => body(200, '['.repeat(1 + pick.below(200_000))),
      () => body(200, gzipSync(Buffer.alloc(24 * 1024 * 1024, ' ')), { 'content-encoding': 'gzip' }),
      () => body(200, gzipSync('[{}]').subarray(0, 10), { 'content-encoding': 'gzip' }),
      () => body(200, '[]', { 'content-encoding': pick.of(['br', 'zstd', 'x']) }),
      () =>
        body(200, '[{}]'.slice(0, 2), {
          date: pick.of(['Fri, 31 Dec 9999 23:59:59 GMT', 'x', new Date(Date.now() + 864e6).toUTCString()]),
        }),
      () => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('[{"id":"half"},');
        setTimeout(() => response.destroy(), pick.below(300));
      },
    ])();
  }
}
