import { request as httpRequest } from 'node:http';
import { Agent, type AgentOptions, request as httpsRequest, type RequestOptions } from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { CollectorError } from '../../errors.js';
import { isLoopback } from './endpoints.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Why no tunnel came to be. The message is ours and holds no secret. */
class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: 'ERR_PROXY_UNREACHABLE' | 'ERR_PROXY_AUTHENTICATION' | 'ERR_PROXY_REFUSED' | 'ERR_PROXY_DROPPED';
  constructor(code: ProxyError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * The proxy for an https address by HTTPS_PROXY and NO_PROXY (lower case works too and wins, as with curl); undefined: go directly.
 * Loopback is never proxied.
 * @throws CollectorError CONFIG_INVALID where HTTPS_PROXY is not an http or https address
 */
export function proxyFor(target: URL, env: Environment): URL | undefined {
  const text = env.https_proxy || env.HTTPS_PROXY;
  if (!text || target.protocol !== 'https:' || isLoopback(target.hostname)) return undefined;
  const rules = (env.no_proxy || env.NO_PROXY || '').split(/[\s,]+/).filter((rule) => rule !== '');
  if (rules.some((rule) => isExempt(target, rule.toLowerCase()))) return undefined;
  let proxy: URL | undefined;
  try {
    proxy = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    // The parser's own error quotes the text, which may hold the proxy's password.
  }
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol)) {
    throw new CollectorError('CONFIG_INVALID', 'HTTPS_PROXY is not an address that can be used', {
      cure: 'Write it as http://proxy.example.com:3128; only http and https proxies are understood.',
    });
  }
  return proxy;
}

/** One entry of NO_PROXY: `*`, a host, a domain with or without a leading dot, an address or a network, each with an optional port. */
function isExempt(target: URL, rule: string): boolean {
  if (rule === '*') return true;
  const [, name = rule, port] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(rule) ?? [];
  if (port !== undefined && port !== (target.port || '443')) return false;
  const host = bare(target.hostname);
  if (isIP(host) !== 0) return isInNetwork(host, bare(name));
  const domain = name.replace(/^\*?\./, '');
  return host === domain || host.endsWith(`.${domain}`);
}

const bare = (host: string) => host.replace(/^\[|\]$/g, '');

function isInNetwork(address: string, rule: string): boolean {
  const [network = '', bits] = rule.split('/');
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (isIP(network) !== isIP(address)) return false;
  const list = new BlockList();
  const width = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits);
  if (!Number.isInteger(width) || width < 0 || width > (family === 'ipv4' ? 32 : 128)) return false;
  list.addSubnet(network, width, family);
  return list.check(address, family);
}

/** An https agent whose connections go through CONNECT tunnels of one proxy. */
export class ProxyAgent extends Agent {
  readonly #proxy: URL;
  readonly #connectMs: number;
  readonly #userAgent: string;

  constructor(options: AgentOptions, proxy: URL, connectMs: number, userAgent: string) {
    super(options);
    this.#proxy = proxy;
    this.#connectMs = connectMs;
    this.#userAgent = userAgent;
  }

  override createConnection(
    options: RequestOptions,
    callback: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const host = options.host ?? '';
    const target = `${isIP(host) === 6 ? `[${host}]` : host}:${options.port ?? 443}`;
    this.#tunnel(target).then(
      (socket) => {
        const servername = options.servername || (isIP(host) === 0 ? host : '');
        callback(null, tlsConnect({ ...(options as object), socket, servername }));
      },
      // The type asks for a stream even with an error; node itself passes none.
      (error: Error) => callback(error, undefined as unknown as Duplex),
    );
  }

  #tunnel(target: string): Promise<Socket> {
    const where = `the proxy ${this.#proxy.host}`;
    return new Promise((resolve, reject) => {
      const connect = (this.#proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
        ...this.#proxyOptions(),
        method: 'CONNECT',
        path: target,
        headers: { host: target, 'user-agent': this.#userAgent, ...proxyAuthorization(this.#proxy) },
        agent: false,
        timeout: this.#connectMs,
      });
      connect.once('connect', (response, socket, head) => {
        const status = response.statusCode ?? 0;
        if (status === 200 && head.length === 0) return resolve(socket);
        socket.destroy();
        reject(refusal(where, status));
      });
      connect.once('response', (response) => {
        response.destroy();
        reject(refusal(where, response.statusCode ?? 0));
      });
      connect.once('timeout', () => {
        connect.destroy();
        reject(new ProxyError('ERR_PROXY_UNREACHABLE', `${where} did not answer in ${this.#connectMs} ms`));
      });
      connect.once('error', (error: NodeJS.ErrnoException) => {
        const reached = error.code === 'ECONNRESET';
        const why = reached ? 'closed the connection instead of opening a tunnel' : `cannot be reached (${error.code})`;
        reject(new ProxyError(reached ? 'ERR_PROXY_DROPPED' : 'ERR_PROXY_UNREACHABLE', `${where} ${why}`, error));
      });
      connect.end();
    });
  }

  #proxyOptions(): RequestOptions {
    const { hostname, port, protocol } = this.#proxy;
    const secure = protocol === 'https:';
    const { ca, lookup } = this.options;
    return {
      host: bare(hostname),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      ...(lookup === undefined ? {} : { lookup }),
      ...(secure ? { ca, minVersion: 'TLSv1.2', rejectUnauthorized: true } : {}),
    };
  }
}

function refusal(where: string, status: number): ProxyError {
  return status === 407
    ? new ProxyError(
        'ERR_PROXY_AUTHENTICATION',
        `${where} wants a user name and password, or refused those given (407)`,
      )
    : new ProxyError('ERR_PROXY_REFUSED', `${where} refused the tunnel (${status})`);
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
