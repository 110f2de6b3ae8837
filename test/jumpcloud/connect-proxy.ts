import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Behaviour = 'tunnel' | 'refuse' | 'authenticate' | 'drop' | 'drop-after' | 'silent';

export interface ConnectProxy {
  readonly address: string;
  /** Targets of the CONNECTs that came, as `host:port`. */
  readonly targets: string[];
  readonly authorizations: (string | undefined)[];
  readonly userAgents: (string | undefined)[];
  behaviour: Behaviour;
}

/** A real CONNECT proxy on loopback. Whatever host is asked for, it connects to the port on 127.0.0.1. */
export async function connectProxy(behaviour: Behaviour, credentials?: string): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(500).end('only CONNECT is served'));
  const proxy: ConnectProxy = { address: '', targets: [], authorizations: [], userAgents: [], behaviour };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('connect', (request, socket: Socket) => {
    proxy.targets.push(request.url ?? '');
    proxy.authorizations.push(request.headers['proxy-authorization']);
    proxy.userAgents.push(request.headers['user-agent']);
    const expected = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (proxy.behaviour === 'silent') return;
    if (proxy.behaviour === 'drop') return void socket.destroy();
    if (proxy.behaviour === 'refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    if (proxy.behaviour === 'authenticate' && request.headers['proxy-authorization'] !== expected)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n');
    if (proxy.behaviour === 'drop-after') {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      return void setTimeout(() => socket.destroy(), 20);
    }
    const upstream = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(proxy, { address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}
