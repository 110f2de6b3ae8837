import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** A request as it arrived, whole. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a step of the script does with a request. */
export type Step = (request: Arrived, response: ServerResponse) => void;

export interface ScriptedServer {
  /** `http://127.0.0.1:port` or `https://…`. */
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly Arrived[];
  /** Highest number of requests that were open at the same time. */
  readonly mostAtOnce: () => number;
  /** Shows another certificate from now on, and closes what is open. */
  swap(tls: TlsOptions): void;
  /** Fails unless every step was played and nothing else was asked. */
  verify(): void;
}

export interface TlsOptions {
  readonly key: string;
  readonly cert: string;
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2';
  readonly minVersion?: 'TLSv1';
  readonly ciphers?: string;
}

/**
 * A real server on loopback that answers the first request with the first step and so on. What it was not told to expect
 * is answered with status 599 and fails `verify`. A function in place of the list answers every request.
 */
export async function scriptedServer(script: readonly Step[] | Step, tls?: TlsOptions): Promise<ScriptedServer> {
  const requests: Arrived[] = [];
  const unexpected: string[] = [];
  const sockets = new Set<Socket>();
  let open = 0;
  let most = 0;

  const server: Server = tls === undefined ? createServer() : createTlsServer(tls);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (incoming, response) => {
    const chunks: Buffer[] = [];
    open += 1;
    most = Math.max(most, open);
    response.on('close', () => {
      open -= 1;
    });
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      requests.push(request);
      const step = typeof script === 'function' ? script : script[requests.length - 1];
      if (step !== undefined) return step(request, response);
      unexpected.push(`${request.method} ${request.path} ${request.body}`);
      response.writeHead(599).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    mostAtOnce: () => most,
    swap(next) {
      (server as TlsServer).setSecureContext(next);
      for (const socket of sockets) socket.destroy();
    },
    verify() {
      if (unexpected.length > 0) throw new Error(`unexpected requests:\n${unexpected.join('\n')}`);
      if (typeof script !== 'function' && requests.length < script.length)
        throw new Error(`${requests.length} requests came, ${script.length} were expected`);
    },
  };
}

/** Answers with this status and JSON, or text, or bytes as they are. */
export function answer(status: number, body: unknown = '', headers: Record<string, string> = {}): Step {
  const raw = typeof body === 'string' || Buffer.isBuffer(body);
  return (_, response) => {
    response
      .writeHead(status, { 'content-type': raw ? 'text/plain' : 'application/json', ...headers })
      .end(raw ? body : JSON.stringify(body));
  };
}

/** A page as JumpCloud sends it: a bare array, and always a cursor. */
export function page(records: unknown, cursor?: string, headers: Record<string, string> = {}): Step {
  const count = Array.isArray(records) ? records.length : 0;
  return answer(200, records, {
    'x-result-count': String(count),
    'x-limit': '1000',
    'x-request-id': `request-${count}`,
    ...(cursor === undefined ? {} : { 'x-search_after': cursor }),
    ...headers,
  });
}

/** The same, compressed. */
export function gzipped(body: string, headers: Record<string, string> = {}): Step {
  return answer(200, gzipSync(body), { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers });
}
