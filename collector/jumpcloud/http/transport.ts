import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import * as tls from 'node:tls';
import { CollectorError } from '../../errors.js';
import { userAgent } from '../../version.js';
import { type Environment, ProxyAgent, proxyFor } from './proxy-agent.js';

export interface TransportOptions {
  /** Where HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS are looked up. */
  readonly env: Environment;
  /** PEM file with certificate authorities to trust besides the usual ones. */
  readonly caFile?: string | undefined;
  /** Milliseconds for a proxy to open a tunnel. */
  readonly connectMs: number;
  /** In place of the system's name resolution. */
  readonly lookup?: LookupFunction | undefined;
}

/** Connections to JumpCloud: kept alive, TLS 1.2 or newer, certificates always verified, through the proxy where one is set. */
export interface Transport {
  agents(target: URL): { http: HttpAgent; https: HttpsAgent };
  /** Host and port of the proxy for this address; undefined: directly. */
  proxy(target: URL): string | undefined;
  close(): void;
}

/** @throws CollectorError CONFIG_UNREADABLE or CONFIG_INVALID for the CA file. */
export function createTransport(options: TransportOptions): Transport {
  const kept = { keepAlive: true, scheduling: 'lifo' as const, timeout: 60_000 };
  const names = options.lookup === undefined ? {} : { lookup: options.lookup };
  // Said outright, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch verification off.
  const secure: AgentOptions = { ...kept, ...names, minVersion: 'TLSv1.2', rejectUnauthorized: true };
  const ca = authorities(options);
  if (ca !== undefined) secure.ca = ca;
  const http = new HttpAgent({ ...kept, ...names });
  const direct = new HttpsAgent(secure);
  const proxied = new Map<string, HttpsAgent>();

  function through(proxy: URL): HttpsAgent {
    const known = proxied.get(proxy.href);
    if (known !== undefined) return known;
    const agent = new ProxyAgent(secure, proxy, options.connectMs, userAgent);
    proxied.set(proxy.href, agent);
    return agent;
  }

  return {
    agents(target) {
      const proxy = proxyFor(target, options.env);
      return { http, https: proxy === undefined ? direct : through(proxy) };
    },
    proxy: (target) => proxyFor(target, options.env)?.host,
    close() {
      for (const agent of [http, direct, ...proxied.values()]) agent.destroy();
    },
  };
}

/** Undefined without a CA file: node then uses what it usually does. A list given by hand replaces that, so it is named in full. */
function authorities({ caFile, env }: TransportOptions): string[] | undefined {
  if (caFile === undefined || caFile === '') return undefined;
  const extra = env.NODE_EXTRA_CA_CERTS;
  return [
    ...usualAuthorities(),
    ...(extra ? [readPem(extra, 'NODE_EXTRA_CA_CERTS')] : []),
    readPem(caFile, 'the CA file'),
  ];
}

/** Newer nodes tell what they trust, which an option may have made the operating system's; older ones have their own list. */
function usualAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (kind: 'default') => string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}

function readPem(file: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CollectorError('CONFIG_UNREADABLE', `${what} ${file} cannot be read`, {
      cure: 'Check the path and that this user may read it.',
      detail: (error as NodeJS.ErrnoException).code ?? 'unknown',
      cause: error,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new CollectorError('CONFIG_INVALID', `${what} ${file} holds no certificate in PEM form`, {
    cure: 'Give a text file with -----BEGIN CERTIFICATE----- blocks; convert DER with `openssl x509 -inform der`.',
  });
}
