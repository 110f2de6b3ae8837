import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import yargs from 'yargs';
import type { FeedConfig, SharedConfig } from '../../collector/config/feed-config.js';
import { flagOptions } from '../../collector/config/flags.js';
import { annotatedSchema, type Key, keyAt, keys } from '../../collector/config/keys.js';
import { type ConfigSources, loadConfig } from '../../collector/config/load-config.js';
import { toDocument } from '../../collector/config/resolve.js';
import { asCollectorError } from '../../collector/errors.js';
import { parseInstant } from '../../mappings/instant.js';
import type { JsonValue } from '../../mappings/json.js';
import { certificate, files, privateKey } from './files.js';

/** What setting one key leads to. */
interface Effect {
  /** As written in the environment and behind a flag. */
  readonly text: string;
  /** As written in YAML; absent: the text. */
  readonly yaml?: JsonValue;
  readonly read: (feed: FeedConfig, shared: SharedConfig) => unknown;
  readonly becomes: unknown;
  /** Environment that the key makes no sense without. */
  readonly beside?: Readonly<Record<string, string>>;
}

const day = 86_400_000;
const validate = new Ajv2020({ strict: false }).compile(annotatedSchema() as object);
const eu = { JUMPCLOUD_REGION: 'eu' };
const sasl = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' };
const pair = { KAFKA_TLS_CERT: '/cert.pem', KAFKA_TLS_KEY: privateKey };

const effects: Readonly<Record<string, Effect>> = {
  name: { text: 'acme', read: (feed) => feed.name, becomes: 'acme' },
  'contact.name': { text: 'Security', read: (feed) => feed.contact.name, becomes: 'Security' },
  'contact.email': { text: 'soc@example.com', read: (feed) => feed.contact.email, becomes: 'soc@example.com' },
  description: { text: 'Logins of Acme', read: (feed) => feed.description, becomes: 'Logins of Acme' },
  owners: {
    text: 'Ana Example <ana@example.com>, SOC',
    yaml: [{ name: 'Ana Example', email: 'ana@example.com' }, 'SOC'],
    read: (feed) => feed.owners,
    becomes: [{ name: 'Ana Example', email: 'ana@example.com' }, { name: 'SOC' }],
  },
  'account.name': { text: 'Acme Corporation', read: (feed) => feed.account.name, becomes: 'Acme Corporation' },
  'account.tag': {
    text: 'true',
    read: (feed) => feed.account.tag,
    becomes: true,
    beside: { FEED_ACCOUNT_NAME: 'Acme' },
  },
  classes: { text: '3001, 3002', yaml: [3001, 3002], read: (feed) => feed.classes, becomes: [3001, 3002] },
  'jumpcloud.baseUrl': {
    text: 'http://127.0.0.1:8080/insights/directory/v1/',
    read: (feed) => feed.jumpcloud.endpoints.baseUrl,
    becomes: 'http://127.0.0.1:8080/insights/directory/v1',
  },
  'jumpcloud.consoleUrl': {
    text: 'https://console.eu.jumpcloud.com/path',
    read: (feed) => feed.jumpcloud.endpoints.consoleUrl,
    becomes: 'https://console.eu.jumpcloud.com/path',
    beside: eu,
  },
  'jumpcloud.tokenUrl': {
    text: 'https://admin-oauth.id.eu.jumpcloud.com/other',
    read: (feed) => feed.jumpcloud.endpoints.tokenUrl,
    becomes: 'https://admin-oauth.id.eu.jumpcloud.com/other',
    beside: eu,
  },
  'jumpcloud.region': {
    text: 'eu',
    read: (feed) => feed.jumpcloud.endpoints.baseUrl,
    becomes: 'https://api.eu.jumpcloud.com/insights/directory/v1',
  },
  'jumpcloud.authorization': { text: 'x-api-key', read: (feed) => feed.jumpcloud.authorization, becomes: 'x-api-key' },
  'jumpcloud.apiKey': { text: 'jca_0', read: (feed) => feed.jumpcloud.apiKey?.reveal(), becomes: 'jca_0' },
  'jumpcloud.clientId': {
    text: 'client',
    read: (feed) => feed.jumpcloud.clientId,
    becomes: 'client',
    beside: { JUMPCLOUD_AUTHORIZATION: 'service-account' },
  },
  'jumpcloud.clientSecret': {
    text: 'hush',
    read: (feed) => feed.jumpcloud.clientSecret?.reveal(),
    becomes: 'hush',
    beside: { JUMPCLOUD_AUTHORIZATION: 'service-account' },
  },
  'jumpcloud.orgId': {
    text: '500000000000000000000001',
    read: (feed) => feed.jumpcloud.orgId,
    becomes: '500000000000000000000001',
  },
  'jumpcloud.eventTypes': {
    text: 'login,other',
    yaml: ['login', 'other'],
    read: (feed) => feed.jumpcloud.eventTypes,
    becomes: ['login', 'other'],
  },
  'jumpcloud.keyCreated': {
    text: '2026-11-01',
    read: (feed) => feed.jumpcloud.keyCreated,
    becomes: Date.parse('2026-11-01T00:00:00Z'),
  },
  'jumpcloud.keyExpires': {
    text: '2027-01-30T12:00:00+01:00',
    read: (feed) => feed.jumpcloud.keyExpires,
    becomes: Date.parse('2027-01-30T11:00:00Z'),
  },
  'jumpcloud.keyLifetime': { text: 'never', read: (feed) => feed.jumpcloud.keyLifetimeMs, becomes: 'never' },
  'jumpcloud.ca': { text: '/ca.pem', read: (feed) => feed.jumpcloud.ca, becomes: '/ca.pem' },
  'poll.interval': { text: '1m30s', read: (feed) => feed.poll.intervalMs, becomes: 90_000 },
  'poll.overlap': { text: 'PT1H', read: (feed) => feed.poll.overlapMs, becomes: 3_600_000 },
  'poll.start': {
    text: '2026-11-01T00:00:00.123456789Z',
    read: (feed) => feed.poll.start,
    becomes: { kind: 'instant', instant: parseInstant('2026-11-01T00:00:00.123456789Z') },
  },
  'poll.pageSize': { text: '250', read: (feed) => feed.poll.pageSize, becomes: 250 },
  'poll.requestsPerSecond': { text: '0.5', read: (feed) => feed.poll.requestsPerSecond, becomes: 0.5 },
  'reconcile.enabled': { text: 'false', read: (feed) => feed.reconcile.enabled, becomes: false },
  'reconcile.interval': { text: '5m', read: (feed) => feed.reconcile.intervalMs, becomes: 300_000 },
  'reconcile.reach': { text: '3h', read: (feed) => feed.reconcile.reachMs, becomes: 10_800_000 },
  'reconcile.longInterval': { text: '2d', read: (feed) => feed.reconcile.longIntervalMs, becomes: 2 * day },
  'reconcile.longReach': { text: '1w', read: (feed) => feed.reconcile.longReachMs, becomes: 7 * day },
  'inventory.interval': { text: '1h', read: (feed) => feed.inventory.intervalMs, becomes: 3_600_000 },
  'inventory.membershipsInterval': {
    text: '6h',
    read: (feed) => feed.inventory.membershipsIntervalMs,
    becomes: 21_600_000,
  },
  'inventory.fullInterval': { text: '30d', read: (feed) => feed.inventory.fullIntervalMs, becomes: 30 * day },
  'inventory.requestsPerSecond': { text: '20', read: (feed) => feed.inventory.requestsPerSecond, becomes: 20 },
  'inventory.accountEdges': { text: 'yes', read: (feed) => feed.inventory.accountEdges, becomes: true },
  'inventory.clientId': {
    text: 'abc-1',
    read: (feed) => feed.inventory.clientId,
    becomes: 'abc-1',
    beside: { INVENTORY_CLIENT_SECRET: 'sixteen-chars-or-more' },
  },
  'inventory.clientSecret': {
    text: 'sixteen-chars-or-more',
    read: (feed) => feed.inventory.clientSecret?.reveal(),
    becomes: 'sixteen-chars-or-more',
    beside: { INVENTORY_CLIENT_ID: 'abc-1' },
  },
  'inventory.employees': { text: './staff.csv', read: (feed) => feed.inventory.employees, becomes: './staff.csv' },
  'inventory.enrich': { text: 'yes', read: (feed) => feed.inventory.enrich, becomes: true },
  'inventory.directory': { text: './known', read: (feed) => feed.inventory.directory, becomes: './known' },
  sink: { text: 'stdout', read: (feed) => feed.sink, becomes: 'stdout' },
  rawData: { text: 'no', read: (feed) => feed.rawData, becomes: false },
  'tables.directory': { text: './elsewhere', read: (feed) => feed.tables.directory, becomes: './elsewhere' },
  'tables.keepDays': { text: '30', read: (feed) => feed.tables.keepDays, becomes: 30 },
  'state.directory': { text: './state', read: (feed) => feed.state.directory, becomes: './state' },
  'kafka.brokers': {
    text: 'a.example.com:9092,[2001:db8::1]:9093',
    yaml: ['a.example.com:9092', '[2001:db8::1]:9093'],
    read: (feed) => feed.kafka.brokers,
    becomes: ['a.example.com:9092', '[2001:db8::1]:9093'],
  },
  'kafka.clientId': { text: 'other', read: (feed) => feed.kafka.clientId, becomes: 'other' },
  'kafka.topicPrefix': { text: 'sec.', read: (feed) => feed.kafka.topicPrefix, becomes: 'sec.' },
  'kafka.delivery': { text: 'at_least_once', read: (feed) => feed.kafka.delivery, becomes: 'at_least_once' },
  'kafka.compression': { text: 'none', read: (feed) => feed.kafka.compression, becomes: 'none' },
  'kafka.tls.enabled': { text: 'on', read: (feed) => feed.kafka.tls.enabled, becomes: true },
  'kafka.tls.ca': { text: '/ca.pem', read: (feed) => feed.kafka.tls.ca, becomes: '/ca.pem' },
  'kafka.tls.cert': {
    text: '/other.pem',
    read: (feed) => feed.kafka.tls.cert,
    becomes: '/other.pem',
    beside: { KAFKA_TLS_KEY: privateKey },
  },
  'kafka.tls.key': {
    text: privateKey,
    read: (feed) => feed.kafka.tls.key?.reveal(),
    becomes: privateKey.trimEnd(),
    beside: { KAFKA_TLS_CERT: '/cert.pem' },
  },
  'kafka.tls.serverName': {
    text: 'k.example.com',
    read: (feed) => feed.kafka.tls.serverName,
    becomes: 'k.example.com',
    beside: pair,
  },
  'kafka.sasl.mechanism': {
    text: 'scram-sha-512',
    read: (feed) => feed.kafka.sasl.mechanism,
    becomes: 'scram-sha-512',
    beside: { KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' },
  },
  'kafka.sasl.username': {
    text: 'collector',
    read: (feed) => feed.kafka.sasl.username,
    becomes: 'collector',
    beside: { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 'p' },
  },
  'kafka.sasl.password': {
    text: ' spaces and "quotes" stay ',
    read: (feed) => feed.kafka.sasl.password?.reveal(),
    becomes: ' spaces and "quotes" stay ',
    beside: { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' },
  },
  'kafka.sasl.tokenEndpoint': {
    text: 'https://login.example.com/token',
    read: (feed) => feed.kafka.sasl.tokenEndpoint,
    becomes: 'https://login.example.com/token',
    beside: sasl,
  },
  'kafka.sasl.clientId': { text: 'c', read: (feed) => feed.kafka.sasl.clientId, becomes: 'c', beside: sasl },
  'kafka.sasl.clientSecret': {
    text: 's3cr3t',
    read: (feed) => feed.kafka.sasl.clientSecret?.reveal(),
    becomes: 's3cr3t',
    beside: sasl,
  },
  'kafka.sasl.scope': { text: 'a b', read: (feed) => feed.kafka.sasl.scope, becomes: 'a b', beside: sasl },
  'kafka.topics.create': { text: 'never', read: (feed) => feed.kafka.topics.create, becomes: 'never' },
  'kafka.topics.partitions': { text: '12', read: (feed) => feed.kafka.topics.partitions, becomes: 12 },
  'kafka.topics.replication': { text: '2', read: (feed) => feed.kafka.topics.replication, becomes: 2 },
  'kafka.topics.names': {
    text: 'authentication=logins,dead_letters=dlq',
    yaml: { authentication: 'logins', dead_letters: 'dlq' },
    read: (feed) => [...feed.kafka.topics.names],
    becomes: [
      ['authentication', 'logins'],
      ['dead_letters', 'dlq'],
    ],
  },
  'health.noDataAfter': { text: '4h', read: (feed) => feed.health.noDataAfterMs, becomes: 14_400_000 },
  'questions.watch': {
    text: 'password-spraying users=10,new-administrators',
    yaml: ['password-spraying users=10', 'new-administrators'],
    read: (feed) => feed.questions.watch,
    becomes: ['password-spraying users=10', 'new-administrators'],
  },
  'questions.interval': { text: '5m', read: (feed) => feed.questions.intervalMs, becomes: 300_000 },
  'questions.lists.serviceAccounts': {
    text: 'svc.a,svc.b',
    yaml: ['svc.a', 'svc.b'],
    read: (feed) => feed.questions.lists.get('service_accounts'),
    becomes: ['svc.a', 'svc.b'],
  },
  'questions.lists.officeNetworks': {
    text: '192.0.2.0/24',
    yaml: ['192.0.2.0/24'],
    read: (feed) => feed.questions.lists.get('office_networks'),
    becomes: ['192.0.2.0/24'],
  },
  'questions.lists.countries': {
    text: 'DE',
    yaml: ['DE'],
    read: (feed) => feed.questions.lists.get('countries'),
    becomes: ['DE'],
  },
  'webhook.enabled': { text: 'true', read: (feed) => feed.webhook.enabled, becomes: true },
  'webhook.authorization': { text: 'basic', read: (feed) => feed.webhook.authorization, becomes: 'basic' },
  'webhook.user': { text: 'alerts', read: (feed) => feed.webhook.user, becomes: 'alerts' },
  'webhook.header': { text: 'X-Acme-Token', read: (feed) => feed.webhook.header, becomes: 'x-acme-token' },
  'webhook.secret': {
    text: 'a-secret-of-the-channel',
    read: (feed) => feed.webhook.secrets.map((secret) => secret.reveal()),
    becomes: ['a-secret-of-the-channel'],
  },
  'webhook.previousSecret': {
    text: 'the-secret-before-it',
    read: (feed) => feed.webhook.secrets.map((secret) => secret.reveal()),
    becomes: ['a-secret-of-the-channel', 'the-secret-before-it'],
    beside: { WEBHOOK_SECRET: 'a-secret-of-the-channel' },
  },
  'webhook.alertsInterval': { text: '90s', read: (feed) => feed.webhook.alertsIntervalMs, becomes: 90_000 },
  'respond.clientId': { text: 'abc-1', read: (feed) => feed.respond.clientId, becomes: 'abc-1' },
  'respond.clientSecret': {
    text: 'sixteen-chars-or-more',
    read: (feed) => feed.respond.clientSecret?.reveal(),
    becomes: 'sixteen-chars-or-more',
  },
  'respond.secretExpires': {
    text: '2027-01-30T12:00:00+01:00',
    read: (feed) => feed.respond.secretExpires,
    becomes: Date.parse('2027-01-30T11:00:00Z'),
  },
  'respond.orgId': {
    text: '5f0000000000000000000001',
    read: (feed) => feed.respond.orgId,
    becomes: '5f0000000000000000000001',
  },
  'respond.allow': {
    text: 'disable-user',
    yaml: ['disable-user'],
    read: (feed) => feed.respond.allow,
    becomes: ['disable-user'],
  },
  'respond.groups': {
    text: 'quarantine',
    yaml: ['quarantine'],
    read: (feed) => feed.respond.groups,
    becomes: ['quarantine'],
  },
  'respond.protectedUsers': {
    text: 'break-glass',
    yaml: ['break-glass'],
    read: (feed) => feed.respond.protectedUsers,
    becomes: ['break-glass'],
  },
  'respond.protectedGroups': {
    text: '66a0c0ffee0000000000c001',
    yaml: ['66a0c0ffee0000000000c001'],
    read: (feed) => feed.respond.protectedGroups,
    becomes: ['66a0c0ffee0000000000c001'],
  },
  'respond.actionsPerHour': { text: '30', read: (feed) => feed.respond.actionsPerHour, becomes: 30 },
  'respond.directory': { text: './acts', read: (feed) => feed.respond.directory, becomes: 'acts/jumpcloud' },
  'respond.killSwitch': { text: './stop', read: (feed) => feed.respond.killSwitch, becomes: './stop' },
  'log.level': { text: 'debug', read: (_, shared) => shared.log.level, becomes: 'debug' },
  'log.format': { text: 'json', read: (_, shared) => shared.log.format, becomes: 'json' },
  'http.enabled': { text: '0', read: (_, shared) => shared.http.enabled, becomes: false },
  'http.host': { text: '::1', read: (_, shared) => shared.http.host, becomes: '::1' },
  'http.port': { text: '0', read: (_, shared) => shared.http.port, becomes: 0 },
  'http.token': {
    text: 'token-of-the-port',
    read: (_, shared) => shared.http.token?.reveal(),
    becomes: 'token-of-the-port',
  },
  'receiver.host': { text: '::1', read: (_, shared) => shared.receiver.host, becomes: '::1' },
  'receiver.port': { text: '0', read: (_, shared) => shared.receiver.port, becomes: 0 },
  'receiver.url': {
    text: 'https://hooks.example.com/in/',
    read: (_, shared) => shared.receiver.url,
    becomes: 'https://hooks.example.com/in',
  },
  'receiver.cert': {
    text: '/cert.pem',
    read: (_, shared) => shared.receiver.cert,
    becomes: '/cert.pem',
    beside: { RECEIVER_KEY: privateKey },
  },
  'receiver.key': {
    text: privateKey,
    read: (_, shared) => shared.receiver.key?.reveal(),
    becomes: privateKey.trim(),
    beside: { RECEIVER_CERT: '/cert.pem' },
  },
  'query.timeout': { text: '5m', read: (_, shared) => shared.query.timeoutMs, becomes: 300_000 },
  'query.memory': { text: '2GB', read: (_, shared) => shared.query.memory, becomes: '2GB' },
  'query.temporarySpace': { text: '500MB', read: (_, shared) => shared.query.temporarySpace, becomes: '500MB' },
  'query.threads': { text: '7', read: (_, shared) => shared.query.threads, becomes: 7 },
  'console.enabled': { text: 'yes', read: (_, shared) => shared.console.enabled, becomes: true },
  'console.host': { text: '::1', read: (_, shared) => shared.console.host, becomes: '::1' },
  'console.port': { text: '0', read: (_, shared) => shared.console.port, becomes: 0 },
  'console.publicUrl': {
    text: 'https://c.example.com',
    read: (_, shared) => shared.console.publicUrl,
    becomes: 'https://c.example.com',
  },
  'console.tls.cert': {
    text: '/cert.pem',
    read: (_, shared) => shared.console.tls.cert,
    becomes: '/cert.pem',
    beside: { CONSOLE_TLS_KEY: privateKey },
  },
  'console.tls.key': {
    text: privateKey,
    read: (_, shared) => shared.console.tls.key?.reveal(),
    becomes: privateKey.trimEnd(),
    beside: { CONSOLE_TLS_CERT: '/cert.pem' },
  },
  'console.directory': { text: './c', read: (_, shared) => shared.console.directory, becomes: './c' },
  'console.manage': { text: 'no', read: (_, shared) => shared.console.manage, becomes: false },
  'console.session.idle': { text: '5m', read: (_, shared) => shared.console.session.idleMs, becomes: 300_000 },
  'console.session.max': { text: '8h', read: (_, shared) => shared.console.session.maxMs, becomes: 28_800_000 },
  'console.addresses': {
    text: 'api.jumpcloud.com, 127.0.0.1',
    yaml: ['api.jumpcloud.com', '127.0.0.1'],
    read: (_, shared) => shared.console.addresses,
    becomes: ['api.jumpcloud.com', '127.0.0.1'],
  },
  'console.roots.tables': { text: '/t', read: (_, shared) => shared.console.roots.tables, becomes: '/t' },
  'console.roots.secrets': { text: '/s', read: (_, shared) => shared.console.roots.secrets, becomes: '/s' },
  'console.roots.ca': { text: '/c', read: (_, shared) => shared.console.roots.ca, becomes: '/c' },
  'console.query.enabled': { text: 'off', read: (_, shared) => shared.console.query.enabled, becomes: false },
  'console.query.memory': { text: '1GB', read: (_, shared) => shared.console.query.memory, becomes: '1GB' },
  'console.query.timeout': { text: '2m', read: (_, shared) => shared.console.query.timeoutMs, becomes: 120_000 },
  'console.query.rows': { text: '500', read: (_, shared) => shared.console.query.rows, becomes: 500 },
  'console.adminPassword': {
    text: 'correct horse battery',
    read: (_, shared) => shared.console.adminPassword?.reveal(),
    becomes: 'correct horse battery',
  },
  'memory.budget': { text: '1GB', read: (_, shared) => shared.memory.budget, becomes: 1_000_000_000 },
  'shutdown.grace': { text: '5s', read: (_, shared) => shared.shutdown.graceMs, becomes: 5_000 },
  'feeds.directory': { text: '/feeds.d', read: (_, shared) => shared.feedsDirectory, becomes: '/feeds.d' },
};

const disk = { '/ca.pem': certificate, '/cert.pem': certificate, '/other.pem': certificate };

function load(effect: Effect, sources: Partial<ConfigSources>, more: Readonly<Record<string, string>> = {}) {
  const { feeds, shared } = loadConfig({
    ...sources,
    env: { ...effect.beside, ...sources.env },
    readFile: files({ ...disk, ...more }),
  });
  return effect.read(feeds[0]!, shared);
}

/** What stands beside a key may be refused without it. */
function loadOrRefusal(effect: Effect): unknown {
  try {
    return load(effect, {});
  } catch (error) {
    return asCollectorError(error).code;
  }
}

/** The key in a YAML file, alone. */
function yamlOf(key: Key, value: JsonValue): string {
  return stringify(key.segments.reduceRight<JsonValue>((inner, segment) => ({ [segment]: inner }), value));
}

async function parseFlags(...args: string[]): Promise<Record<string, unknown>> {
  return yargs(args)
    .options(flagOptions())
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
}

it('the effects above are those of every key of the schema', () => {
  expect(Object.keys(effects)).toEqual(keys.map((key) => key.path));
});

describe.each(keys.map((key) => [key.path, key, effects[key.path]!] as const))('%s', (_, key, effect) => {
  it('is not already what the tests set it to', () => {
    expect(loadOrRefusal(effect)).not.toEqual(effect.becomes);
  });

  it('takes effect in the file', () => {
    const text = yamlOf(key, effect.yaml ?? effect.text);
    expect(load(effect, { env: { CONFIG_FILE: 'c.yaml' } }, { 'c.yaml': text })).toEqual(effect.becomes);
  });

  it('takes effect in the environment, over the file', () => {
    const text = yamlOf(key, effect.yaml ?? effect.text);
    const env = { [key.env]: effect.text };
    expect(load(effect, { env })).toEqual(effect.becomes);
    const origins = loadConfig({
      env: { ...effect.beside, ...env, CONFIG_FILE: 'c.yaml' },
      readFile: files({ ...disk, 'c.yaml': text }),
    });
    expect(origins.effective[0]!.get(key.path)!.origin).toEqual({ kind: 'environment', name: key.env });
  });

  if (!key.secret)
    it('takes effect as a flag, over the environment', async () => {
      const flags = await parseFlags(`--${key.flag}=${effect.text}`);
      expect(load(effect, { flags })).toEqual(effect.becomes);
      const origins = loadConfig({ flags, env: { ...effect.beside, [key.env]: effect.text }, readFile: files(disk) });
      expect(origins.effective[0]!.get(key.path)!.origin).toEqual({ kind: 'flag', name: `--${key.flag}` });
    });

  if (key.secret)
    it('takes effect from a file named in the environment or in the file', () => {
      const content = { '/secret': `${effect.text}\n` };
      expect(load(effect, { env: { [key.fileEnv!]: '/secret' } }, content)).toEqual(effect.becomes);
      const text = yamlOf(key, { file: '/secret' });
      expect(load(effect, { env: { CONFIG_FILE: 'c.yaml' } }, { ...content, 'c.yaml': text })).toEqual(effect.becomes);
    });

  if (key.secret)
    it('has no flag, and using one is refused with the reason', async () => {
      const flags = await parseFlags(`--${key.flag}`, 'planted');
      expect(() => load(effect, { flags })).toThrow(`--${key.flag}: secrets have no flag`);
    });

  it('has a title, help and examples, and its default and examples pass the schema', () => {
    expect(key.schema.title).toBeTruthy();
    expect(key.schema.description).toMatch(/\.$/);
    expect(key.schema.examples?.length).toBeGreaterThan(0);
    for (const value of [
      ...(key.schema.examples ?? []),
      ...(key.schema.default === undefined ? [] : [key.schema.default]),
    ]) {
      const setting = { key, value, origin: { kind: 'file', name: 'example' } } as const;
      expect(validate(toDocument(new Map([[key.path, setting]])))).toBe(true);
    }
  });
});

describe('names', () => {
  it('are derived from the path, except that name is FEED_NAME', () => {
    expect(keyAt('name')).toMatchObject({ env: 'FEED_NAME', flag: 'name' });
    expect(keyAt('jumpcloud.apiKey')).toMatchObject({ env: 'JUMPCLOUD_API_KEY', fileEnv: 'JUMPCLOUD_API_KEY_FILE' });
    expect(keyAt('jumpcloud.baseUrl')).toMatchObject({ env: 'JUMPCLOUD_BASE_URL', flag: 'jumpcloud-base-url' });
    expect(keyAt('kafka.tls.serverName')).toMatchObject({
      env: 'KAFKA_TLS_SERVER_NAME',
      flag: 'kafka-tls-server-name',
    });
    expect(keyAt('rawData')).toMatchObject({ env: 'RAW_DATA', flag: 'raw-data' });
  });

  it('are unique', () => {
    const names = keys.flatMap((key) => [key.env, ...(key.fileEnv === undefined ? [] : [key.fileEnv])]);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(keys.map((key) => key.flag)).size).toBe(keys.length);
  });

  it('are with each key in the printed schema, secrets without a flag', () => {
    const { properties } = annotatedSchema();
    expect(properties?.jumpcloud?.properties?.apiKey).toMatchObject({
      'x-secret': true,
      'x-env': 'JUMPCLOUD_API_KEY',
      'x-env-file': 'JUMPCLOUD_API_KEY_FILE',
    });
    expect(properties?.jumpcloud?.properties?.apiKey).not.toHaveProperty('x-flag');
    expect(properties?.poll?.properties?.interval).toMatchObject({
      'x-env': 'POLL_INTERVAL',
      'x-flag': '--poll-interval',
    });
  });

  it('of yes-or-no flags work without a value and with no- in front', async () => {
    const flags = await parseFlags('--no-raw-data', '--kafka-tls-enabled', '--reconcile-enabled=no');
    const { feeds } = loadConfig({ flags, env: {}, readFile: files({}) });
    expect(feeds[0]).toMatchObject({
      rawData: false,
      kafka: { tls: { enabled: true } },
      reconcile: { enabled: false },
    });
    const slip = await parseFlags('--raw-data=flase');
    expect(() => loadConfig({ flags: slip, env: {}, readFile: files({}) })).toThrow(
      '--raw-data: rawData must be true or false',
    );
  });
});
