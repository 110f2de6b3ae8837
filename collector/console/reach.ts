import { isIP } from 'node:net';
import type { ConsoleConfig } from '../config/feed-config.js';
import { isLoopbackAddress } from '../server/request-gate.js';
import type { Reach } from './gate.js';

/** What the addresses of the console depend on. */
type Place = Pick<ConsoleConfig, 'host' | 'port' | 'publicUrl' | 'tls'>;

/**
 * Where people reach the console: `http://127.0.0.1:9465`.
 * @param bound the port that it listens on, where that is known
 */
export function originOf({ host, port, publicUrl, tls }: Place, bound: number | undefined): string {
  if (publicUrl !== undefined) return new URL(publicUrl).origin;
  const scheme = tls.cert === undefined ? 'http' : 'https';
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return new URL(`${scheme}://${name}:${bound ?? port}`).origin;
}

/** The names by which the console is asked: those of this machine with its port, and the public one. */
export function reachOf(settings: Place, bound: number | undefined): Reach {
  const { host, publicUrl, tls } = settings;
  const port = bound ?? settings.port;
  const scheme = tls.cert === undefined ? 'http' : 'https';
  const own = isLoopbackAddress(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  const named = isIP(host) === 6 ? `[${host}]` : host.toLowerCase();
  const hosts = [...own, named].map((name) => `${name}:${port}`);
  const origins = hosts.map((name) => `${scheme}://${name}`);
  if (publicUrl !== undefined) {
    const url = new URL(publicUrl);
    hosts.push(url.host, `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`);
    origins.push(url.origin);
  }
  return { hosts: new Set(hosts), origins: new Set(origins) };
}
