import { CollectorError } from '../errors.js';
import { type Endpoints, isLoopback, resolveEndpoints } from '../jumpcloud/http/endpoints.js';
import type { SaslMechanism } from './feed-config.js';
import type { Effective } from './resolve.js';

const saslNeeds: Readonly<Record<SaslMechanism, readonly string[]>> = {
  plain: ['username', 'password'],
  'scram-sha-256': ['username', 'password'],
  'scram-sha-512': ['username', 'password'],
  oauthbearer: ['tokenEndpoint', 'clientId', 'clientSecret'],
};

/** Checks what keys demand of each other; what is wrong is added to the feed's problems. */
export function checkRules(feed: Effective): void {
  if (feed.text('sink') === 'kafka' && !feed.settings.has('kafka.brokers'))
    feed.refuse('sink', 'sink is kafka, but kafka.brokers is not set');
  if (feed.boolean('account.tag') && !feed.settings.has('account.name'))
    feed.refuse('account.tag', 'account.tag is on, but account.name is not set');
  checkCredential(feed);
  checkTls(feed);
  checkSasl(feed);
  checkWebhook(feed);
}

/** Checks what the keys of the whole process demand of each other. */
export function checkSharedRules(shared: Effective): void {
  if (shared.boolean('console.enabled')) checkConsole(shared);
}

const EVERY_ADDRESS = ['0.0.0.0', '::'];

/** Two listeners of one process cannot share a port of one address: each would look for another program that holds it. */
function refuseSamePort(from: Effective, one: string, other: 'http' | 'console'): void {
  const port = from.number(`${one}.port`);
  if (port === 0 || !from.boolean(`${other}.enabled`) || port !== from.number(`${other}.port`)) return;
  const hosts = [from.text(`${one}.host`), from.text(`${other}.host`)];
  if (hosts[0] === hosts[1] || hosts.some((host) => EVERY_ADDRESS.includes(host)))
    from.refuse(`${one}.port`, `${one}.port is that of ${other}.port: give them different ports`);
}

/** Passwords and keys cross the console's port: beyond this machine it speaks TLS, or a proxy in front of it does. */
function checkConsole(shared: Effective): void {
  const [cert, key] = ['console.tls.cert', 'console.tls.key'] as const;
  const tls = shared.settings.has(cert);
  if (tls !== shared.settings.has(key)) {
    const [there, missing] = tls ? [cert, key] : [key, cert];
    shared.refuse(there, `${there} is set, but ${missing} is not: TLS needs both`);
  }
  const address = shared.optionalText('console.publicUrl');
  const url = address !== undefined && URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && url.protocol !== 'https:' && !isLoopback(url.hostname))
    shared.refuse('console.publicUrl', 'console.publicUrl must begin with https://: passwords cross it');
  refuseSamePort(shared, 'console', 'http');
  const host = shared.text('console.host');
  if (url === undefined && !isLoopback(host.includes(':') ? `[${host}]` : host))
    shared.refuse(
      'console.host',
      `other machines reach ${host}, but console.publicUrl is not set: set it to the https address of the console, and console.tls.cert and console.tls.key where no proxy speaks TLS for it`,
    );
  if (shared.duration('console.session.idle') > shared.duration('console.session.max'))
    shared.refuse('console.session.idle', 'console.session.idle is longer than console.session.max');
}

/** A service account is not guessed at: which credential is sent is named in the configuration. */
function checkCredential(feed: Effective): void {
  const mode = feed.text('jumpcloud.authorization');
  const account = ['jumpcloud.clientId', 'jumpcloud.clientSecret'].find((path) => feed.settings.has(path));
  if (account !== undefined && mode !== 'service-account' && !feed.settings.has('jumpcloud.apiKey'))
    feed.refuse(account, `${account} is of a service account: set jumpcloud.authorization to service-account`);
  const reader = ['inventory.clientId', 'inventory.clientSecret'] as const;
  const [there] = reader.filter((path) => feed.settings.has(path));
  const missing = reader.find((path) => !feed.settings.has(path));
  if (there !== undefined && missing !== undefined)
    feed.refuse(there, `${there} is set, but ${missing} is not: a service account is both`);
  const created = feed.moment('jumpcloud.keyCreated');
  const expires = feed.momentOrNever('jumpcloud.keyExpires');
  if (created !== undefined && typeof expires === 'number' && expires <= created)
    feed.refuse('jumpcloud.keyExpires', 'jumpcloud.keyExpires is not after jumpcloud.keyCreated');
}

function checkTls(feed: Effective): void {
  const [cert, key] = ['kafka.tls.cert', 'kafka.tls.key'] as const;
  if (feed.settings.has(cert) !== feed.settings.has(key)) {
    const [there, missing] = feed.settings.has(cert) ? [cert, key] : [key, cert];
    feed.refuse(there, `${there} is set, but ${missing} is not: a client certificate needs both`);
  }
  const used = [cert, key, 'kafka.tls.ca', 'kafka.tls.serverName'].find((path) => feed.settings.has(path));
  if (used !== undefined && !feed.boolean('kafka.tls.enabled'))
    feed.refuse('kafka.tls.enabled', `kafka.tls.enabled is off, but ${used} is set`);
}

function checkSasl(feed: Effective): void {
  const mechanism = feed.optionalText('kafka.sasl.mechanism') as SaslMechanism | undefined;
  if (mechanism === undefined) {
    const stray = [...feed.settings.keys()].find((path) => path.startsWith('kafka.sasl.'));
    if (stray !== undefined) feed.refuse(stray, `${stray} is set, but kafka.sasl.mechanism is not`);
    return;
  }
  for (const name of saslNeeds[mechanism])
    if (!feed.settings.has(`kafka.sasl.${name}`))
      feed.refuse('kafka.sasl.mechanism', `SASL ${mechanism} needs kafka.sasl.${name}`);
  const endpoint = feed.optionalText('kafka.sasl.tokenEndpoint');
  if (endpoint === undefined) return;
  const url = new URL(endpoint);
  if (url.protocol !== 'https:' && !isLoopback(url.hostname))
    feed.refuse(
      'kafka.sasl.tokenEndpoint',
      'kafka.sasl.tokenEndpoint would send the client secret unencrypted: use https',
    );
}

function checkWebhook(feed: Effective): void {
  const [secret, previous] = ['webhook.secret', 'webhook.previousSecret'] as const;
  if (feed.settings.has(previous) && !feed.settings.has(secret))
    feed.refuse(previous, `${previous} is set, but ${secret} is not`);
  if (feed.boolean('webhook.enabled'))
    for (const other of ['http', 'console'] as const) refuseSamePort(feed, 'receiver', other);
  const [cert, key] = ['receiver.cert', 'receiver.key'] as const;
  if (feed.settings.has(cert) === feed.settings.has(key)) return;
  const [there, missing] = feed.settings.has(cert) ? [cert, key] : [key, cert];
  feed.refuse(there, `${there} is set, but ${missing} is not: TLS needs both`);
}

/**
 * Where the feed's credential goes.
 * @throws CollectorError as resolveEndpoints does, with the place of the setting in the message
 */
export function endpointsOf(feed: Effective): Endpoints {
  const given = (path: string) => (feed.given(path) ? feed.text(path) : undefined);
  try {
    return resolveEndpoints({
      region: given('jumpcloud.region'),
      baseUrl: given('jumpcloud.baseUrl'),
      consoleUrl: given('jumpcloud.consoleUrl'),
      tokenUrl: given('jumpcloud.tokenUrl'),
    });
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    const paths = ['jumpcloud.consoleUrl', 'jumpcloud.tokenUrl', 'jumpcloud.region', 'jumpcloud.baseUrl'];
    const named = paths.find((path) => feed.given(path) && error.message.includes(path.replace('jumpcloud.', '')));
    const path = named ?? paths.findLast((candidate) => feed.given(candidate));
    const where = path === undefined ? '' : `${feed.where(path)}: `;
    throw new CollectorError(error.code, `${where}${error.message}`, { cure: error.cure, cause: error });
  }
}
