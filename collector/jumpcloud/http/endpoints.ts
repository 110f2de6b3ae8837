import { isIPv4 } from 'node:net';
import { CollectorError } from '../../errors.js';

/** JumpCloud's regions; an organization lives in exactly one (README.md 1.1). */
export type Region = 'us' | 'eu' | 'in';

/** The only addresses that a credential is ever sent to. None ends in a slash. */
export interface Endpoints {
  /** Undefined where the base URL is not JumpCloud's own and no region is named. */
  readonly region: Region | undefined;
  /** Ends in `/insights/directory/v1`. */
  readonly baseUrl: string;
  /** For the life of a key; undefined where no console may be asked. */
  readonly consoleUrl: string | undefined;
  /** OAuth token endpoint for service accounts; undefined where none is known. */
  readonly tokenUrl: string | undefined;
}

export interface RegionOptions {
  /** `us`, `eu` or `in`, in any case. */
  readonly region?: string | undefined;
  /** Leave undefined unless the operator set it: it then follows from the region. */
  readonly baseUrl?: string | undefined;
  /** Only for loopback and for naming the region's own console. */
  readonly consoleUrl?: string | undefined;
  readonly tokenUrl?: string | undefined;
}

const apiPath = '/insights/directory/v1';

const hosts: Record<Region, { api: string; console: string; token: string }> = {
  us: { api: 'api.jumpcloud.com', console: 'console.jumpcloud.com', token: 'admin-oauth.id.jumpcloud.com' },
  eu: { api: 'api.eu.jumpcloud.com', console: 'console.eu.jumpcloud.com', token: 'admin-oauth.id.eu.jumpcloud.com' },
  in: { api: 'api.in.jumpcloud.com', console: 'console.in.jumpcloud.com', token: 'admin-oauth.id.in.jumpcloud.com' },
};
const regions = Object.keys(hosts) as Region[];

/**
 * Where to go, from a region's name or a base URL or both.
 * @throws CollectorError BASE_URL_WRONG with the correction; CONFIG_INVALID for a contradiction or an unknown region.
 */
export function resolveEndpoints(options: RegionOptions): Endpoints {
  const named = regionNamed(options.region);
  const base = readBaseUrl(options.baseUrl ?? `https://${hosts[named ?? 'us'].api}${apiPath}`);
  const known = regions.find((region) => hosts[region].api === base.hostname);
  if (named !== undefined && known !== undefined && named !== known) {
    throw invalid(
      `region ${named} contradicts the base URL, which is that of region ${known}`,
      `Set jumpcloud.region to ${known}, or leave jumpcloud.baseUrl out.`,
    );
  }
  const region = known ?? named;
  const defaults = isLoopback(base.hostname)
    ? { consoleUrl: base.origin, tokenUrl: `${base.origin}/oauth2/token` }
    : region === undefined
      ? { consoleUrl: undefined, tokenUrl: undefined }
      : { consoleUrl: `https://${hosts[region].console}`, tokenUrl: `https://${hosts[region].token}/oauth2/token` };
  return {
    region,
    baseUrl: base.origin + base.pathname,
    consoleUrl: besideBase('consoleUrl', options.consoleUrl, defaults.consoleUrl, base),
    tokenUrl: besideBase('tokenUrl', options.tokenUrl, defaults.tokenUrl, base),
  };
}

/** True for this machine alone: `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}

function regionNamed(name: string | undefined): Region | undefined {
  if (name === undefined || name === '') return undefined;
  const region = regions.find((candidate) => candidate === name.trim().toLowerCase());
  if (region === undefined)
    throw invalid(
      `there is no region ${JSON.stringify(name)}`,
      `Set jumpcloud.region to one of ${regions.join(', ')}.`,
    );
  return region;
}

function readBaseUrl(text: string): URL {
  const url = readUrl('baseUrl', text);
  url.pathname = url.pathname.replace(/\/+$/, '');
  const correction = correct(url);
  if (correction !== undefined) {
    throw new CollectorError('BASE_URL_WRONG', `${url.origin}${url.pathname} ${correction.why}`, {
      cure: `Set jumpcloud.baseUrl to ${correction.to}.`,
    });
  }
  return url;
}

function correct(url: URL): { why: string; to: string } | undefined {
  const console = regions.find((region) => hosts[region].console === url.hostname);
  if (console !== undefined)
    return { why: 'is the console, not the event API', to: `https://${hosts[console].api}${apiPath}` };
  const isApi = regions.some((region) => hosts[region].api === url.hostname);
  if (!isApi && /(^|\.)jumpcloud\.com$/.test(url.hostname)) {
    const region = regions.find((name) => url.hostname.endsWith(`.${name}.jumpcloud.com`)) ?? 'us';
    return { why: 'is not a host of the event API', to: `https://${hosts[region].api}${apiPath}` };
  }
  if (url.pathname.endsWith(apiPath)) return undefined;
  const prefix = isApi ? '' : url.pathname.replace(/\/(insights(\/directory(\/v1(\/.*)?)?)?)?$/, '');
  return { why: `lacks the path ${apiPath}`, to: `${url.origin}${prefix}${apiPath}` };
}

function readUrl(key: string, text: string): URL {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    // The parser's own error quotes the text, which may hold a password; ours does not.
    throw wrongUrl(key, 'is not an address', `Write it as https://${hosts.us.api}${apiPath}.`);
  }
  if (url.username !== '' || url.password !== '')
    throw wrongUrl(key, 'holds a user name or password', 'Leave them out: the key has its own place.');
  if (url.search !== '' || url.hash !== '')
    throw wrongUrl(key, 'has a query or a fragment', 'Leave out everything from the ? or # on.');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    throw wrongUrl(
      key,
      `would send the key over ${url.protocol.slice(0, -1)}`,
      `Use https://${url.host}${url.pathname}.`,
    );
  return url;
}

/** A console or token address is the region's own, or a loopback address beside a loopback base. */
function besideBase(
  key: string,
  text: string | undefined,
  expected: string | undefined,
  base: URL,
): string | undefined {
  if (text === undefined || text === '') return expected;
  const url = readUrl(key, text);
  const plain = (url.origin + url.pathname).replace(/\/+$/, '');
  const allowed = isLoopback(base.hostname)
    ? isLoopback(url.hostname)
    : expected !== undefined && url.origin === new URL(expected).origin;
  if (!allowed) {
    throw invalid(
      `jumpcloud.${key} ${url.origin} is not of the same region as the base URL: the credential does not go there`,
      expected === undefined ? 'Set jumpcloud.region.' : `Leave jumpcloud.${key} out; it is ${expected}.`,
    );
  }
  return plain;
}

function wrongUrl(key: string, why: string, cure: string): CollectorError {
  return new CollectorError('BASE_URL_WRONG', `jumpcloud.${key} ${why}`, { cure });
}

function invalid(message: string, cure: string): CollectorError {
  return new CollectorError('CONFIG_INVALID', message, { cure });
}
