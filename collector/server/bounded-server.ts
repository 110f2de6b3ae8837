import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Log } from '../log/logger.js';
import { boundConnections } from './connections.js';
import { openBody, type RequestBody } from './request-body.js';

/** Bounds of a listener that strangers may reach. */
export interface BoundedServerOptions {
  readonly log: Log;
  /** What it is called in the log: `health port`. */
  readonly title: string;
  /** Milliseconds after which a client that has not sent its request, or not taken its answer, is cut off. */
  readonly patienceMs: number;
  /** PEM texts; undefined: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** One request with what an answer to it needs. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The body, not read yet. */
  readonly body: RequestBody;
  /** Reads the body as far as it is wanted; a client that sent Expect is answered 100 Continue. */
  readonly read: RequestBody['read'];
  /** The answer is on its way: from now on the client is waited for, and may be cut off to make room. */
  readonly handedOver: () => void;
}

/** Connections at the same time; one more ends the one that has been idle for longest. */
const MOST_CONNECTIONS = 128;
const LARGEST_HEADER = 8 * 1024;

/**
 * A server, not listening yet, on which slow, endless and broken requests cost little and end nothing: it has time limits,
 * a limit of connections, and neither CONNECT nor Upgrade.
 * @param serve answers; what it throws is logged and ends the connection
 */
export function createBoundedServer(
  { log, title, patienceMs, tls }: BoundedServerOptions,
  serve: (exchange: Exchange) => Promise<void>,
): Server {
  const limits = {
    maxHeaderSize: LARGEST_HEADER,
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    connectionsCheckingInterval: Math.min(1_000, patienceMs),
  };
  const server = tls === undefined ? createServer(limits) : createTlsServer({ ...limits, ...tls });
  server.timeout = patienceMs;
  server.maxRequestsPerSocket = 10_000;
  const connections = boundConnections(server, MOST_CONNECTIONS);
  const answering = new WeakMap<Duplex, ServerResponse>();
  const exchange = (request: IncomingMessage, response: ServerResponse, invite: () => void): Exchange => {
    const { socket } = request;
    answering.set(socket, response);
    connections.busy(socket);
    response.on('close', () => {
      if (answering.get(socket) === response) answering.delete(socket);
      connections.waiting(socket);
    });
    // What becomes of a connection is its client's business.
    for (const stream of [request, response]) stream.on('error', () => {});
    const body = openBody(request);
    const read = async (maxBytes: number) => {
      connections.waiting(socket);
      invite();
      const text = await body.read(maxBytes);
      connections.busy(socket);
      return text;
    };
    return { request, response, body, read, handedOver: () => connections.waiting(socket) };
  };
  // Nothing that happens to a request may end the process.
  const listen =
    (invite: (response: ServerResponse) => void) => (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      serve(exchange(request, response, () => invite(response))).catch((error: unknown) => {
        log.failure(error);
        socket.destroy();
      });
    };
  server.on(
    'request',
    listen(() => {}),
  );
  server.on(
    'checkContinue',
    listen((response) => response.writeContinue()),
  );
  server.on('clientError', (_error, socket) => {
    // Ending alone would leave the connection to a client that goes on writing; an answer under way is not followed by another.
    if (socket.writable && answering.get(socket)?.headersSent !== true)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
    else socket.destroy();
  });
  // Without a listener Node.js would answer CONNECT and Upgrade by itself only in part.
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('upgrade', (_request, socket) => socket.destroy());
  // A connection that could not be accepted (too many open files) is no reason to stop listening.
  server.on('error', (error) => {
    if (server.listening) log.failing(title, error);
  });
  return server;
}
