import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a listener reports about its port. */
export interface PortObserver {
  /** @param recovered the port could not be opened before */
  opened(port: number, recovered: boolean): void | Promise<void>;
  /** @param first of a row of failures */
  failed(error: NodeJS.ErrnoException, first: boolean): void;
}

export interface Listening {
  /** Undefined while the port cannot be opened. */
  readonly port: number | undefined;
  /** No further attempt is made; the server itself stays open. */
  stop(): void;
}

const RETRY_MS = 30_000;

/** Listens; a port that cannot be opened is tried again. Resolves after the first attempt. Never rejects. */
export async function keepListening(
  server: Server,
  { host, port, retryMs = RETRY_MS }: { readonly host: string; readonly port: number; readonly retryMs?: number },
  observer: PortObserver,
): Promise<Listening> {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isFailing = false;
  const attempt = async (): Promise<void> => {
    const error = await listening(server, host, port);
    if (error === undefined) return observer.opened((server.address() as AddressInfo).port, isFailing);
    observer.failed(error, !isFailing);
    isFailing = true;
    if (isStopped) return;
    timer = setTimeout(() => void attempt(), retryMs);
    timer.unref();
  };
  await attempt();
  return {
    get port() {
      return server.listening ? (server.address() as AddressInfo).port : undefined;
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** Why a port cannot be opened, for a message. */
export function portFault({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'another program listens there';
  if (code === 'EACCES') return 'this user may not';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'it is no address of this machine';
  return message;
}

/** Ends a server together with its connections. */
export async function closeAtOnce(server: Server): Promise<void> {
  if (!server.listening) return;
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await ended;
}

function listening(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const settle = (error?: NodeJS.ErrnoException) => {
      server.off('error', settle);
      server.off('listening', settle);
      resolve(error);
    };
    server.on('error', settle);
    server.on('listening', settle);
    server.listen({ host, port });
  });
}
