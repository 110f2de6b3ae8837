import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keys } from '../../collector/config/keys.js';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import type { Document } from '../../collector/console/feeds/document.js';
import { openFeedStore } from '../../collector/console/feeds/feed-store.js';
import { type PrepareOptions, prepareFeed } from '../../collector/console/feeds/prepare-feed.js';
import { Refused } from '../../collector/console/problem.js';
import type { JsonValue } from '../../mappings/json.js';
import { folder } from '../cli/command.js';

const KEY = 'k'.repeat(40);

/** Documents over the API, over an operator's own environment. */
function over(env: Record<string, string> = {}) {
  const root = folder();
  for (const name of ['tables', 'secrets', 'ca']) mkdirSync(join(root, name));
  for (const name of ['acme-key', 'other-key']) writeFileSync(join(root, 'secrets', name), KEY, { mode: 0o600 });
  const store = openFeedStore(root, Date.now);
  const options: PrepareOptions = {
    store,
    roots: { tables: join(root, 'tables'), secrets: join(root, 'secrets'), ca: join(root, 'ca') },
    addresses: new Set(['api.jumpcloud.com', 'api.eu.jumpcloud.com', 'kafka.example.com']),
    readFeed: loadConfig({ env: { CONSOLE_ENABLED: 'true', ...env }, readFile: readFileFromDisk }).readFeed,
    redact: () => {},
  };
  const prepare = async (document: Document) => prepareFeed('acme', document, await store.find('acme'), options);
  return {
    stored: async () => (await store.find('acme'))?.document,
    /** Code and places of the refusal; undefined: taken. */
    async refusal(document: Document) {
      try {
        await prepare(document);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return [error.problem.code, error.problem.problems?.map(({ pointer }) => pointer)];
      }
      return undefined;
    },
    async save(document: Document) {
      const { secrets, paths, ...candidate } = await prepare(document);
      const author = { name: 'ana', kind: 'session', at: '2026-11-01T00:00:00Z' } as const;
      await store.save({ name: 'acme', document: candidate.document, secrets, paths, author, action: 'changed' });
    },
  };
}

it('S9: every key of a feed that holds a path is refused outside its root', async () => {
  const { refusal } = over();
  const ofPaths = keys.filter(({ shared, schema }) => !shared && schema['x-form'] === 'a path');
  expect(ofPaths.length).toBeGreaterThan(5);
  for (const { path, segments } of ofPaths) {
    const document = segments.reduceRight<JsonValue>((value, name) => ({ [name]: value }), '/etc/elsewhere');
    const [code, places] = (await refusal({ name: 'acme', ...(document as Document) })) ?? [];
    expect([path, code, places]).toEqual([path, 'NOT_ALLOWED', expect.arrayContaining([`/${segments.join('/')}`])]);
  }
});

it('of a secret that is a file only the name of the file is stored and shown', async () => {
  const { save, stored } = over();
  const jumpcloud = { apiKey: { file: 'acme-key' } };
  await save({ name: 'acme', jumpcloud: { apiKey: { file: 'acme-key', value: KEY } } });
  expect(await stored()).toEqual({ name: 'acme', jumpcloud });
  await save({ name: 'acme' });
  expect(await stored()).toEqual({ name: 'acme', jumpcloud });
});

const withKey = { name: 'acme', jumpcloud: { apiKey: KEY } };
const toKafka = (kafka: Document) => ({ ...withKey, sink: 'kafka', kafka });

it('S16: brokers are the operator’s own, or hosts among those allowed', async () => {
  const { refusal } = over({ KAFKA_BROKERS: 'kafka-1.internal:9092,kafka-2.internal:9092' });
  for (const brokers of [['evil.example:9092'], ['kafka.example.com:9092', '10.0.0.1:9092'], ['kafka-1.internal:9093']])
    expect([brokers, await refusal(toKafka({ brokers }))]).toEqual([brokers, ['NOT_ALLOWED', ['/kafka/brokers']]]);
  for (const brokers of [['kafka-2.internal:9092'], ['kafka.example.com:9092', 'kafka.example.com:9093']])
    expect([brokers, await refusal(toKafka({ brokers }))]).toEqual([brokers, undefined]);
});

it('S16: no broker is the operator’s own where none is configured', async () => {
  const { refusal } = over();
  expect(await refusal(toKafka({ brokers: ['kafka-1.internal:9092'] }))).toEqual(['NOT_ALLOWED', ['/kafka/brokers']]);
  expect(await refusal(toKafka({}))).toEqual(['CONFIG_INVALID', ['/kafka/brokers']]);
});

it('S8: a password of the operator’s own goes to the operator’s own brokers alone', async () => {
  const { refusal } = over({
    KAFKA_BROKERS: 'kafka-1.internal:9092',
    KAFKA_TLS_ENABLED: 'true',
    KAFKA_SASL_MECHANISM: 'scram-sha-256',
    KAFKA_SASL_USERNAME: 'collector',
    KAFKA_SASL_PASSWORD: 'of the operator',
  });
  expect(await refusal(toKafka({}))).toBeUndefined();
  expect(await refusal(toKafka({ brokers: ['kafka-1.internal:9092'], tls: { enabled: true } }))).toBeUndefined();
  for (const kafka of [
    { brokers: ['kafka.example.com:9092'] },
    { tls: { enabled: false } },
    { tls: { serverName: 'evil.example' } },
    { sasl: { mechanism: 'plain' } },
  ] as Document[])
    expect([kafka, await refusal(toKafka(kafka))]).toEqual([kafka, ['CREDENTIAL_NEEDED', ['/kafka/sasl/password']]]);
  const typed = { brokers: ['kafka.example.com:9092'], sasl: { password: 'of this feed' } };
  expect(await refusal(toKafka(typed))).toBeUndefined();
  // Nothing is sent to brokers by a feed into tables.
  expect(await refusal({ ...withKey, sink: 'tables', kafka: { brokers: ['kafka.example.com:9092'] } })).toBeUndefined();
});

it('S8: a key of the operator’s own goes to no other region, and to no other address', async () => {
  const { refusal } = over({ JUMPCLOUD_API_KEY: KEY });
  expect(await refusal({ name: 'acme' })).toBeUndefined();
  for (const jumpcloud of [
    { region: 'eu' },
    { baseUrl: 'https://api.eu.jumpcloud.com/insights/directory/v1' },
    { authorization: 'x-api-key' },
  ] as Document[]) {
    const needed = [jumpcloud, ['CREDENTIAL_NEEDED', ['/jumpcloud/apiKey']]];
    expect([jumpcloud, await refusal({ name: 'acme', jumpcloud })]).toEqual(needed);
    expect(await refusal({ name: 'acme', jumpcloud: { ...jumpcloud, apiKey: KEY } })).toBeUndefined();
  }
});

it('S8: a secret of response of the operator’s own follows its address, whatever it may execute', async () => {
  const { refusal } = over({ RESPOND_CLIENT_ID: 'of-the-operator', RESPOND_CLIENT_SECRET: KEY });
  expect(await refusal(withKey)).toBeUndefined();
  const moved = { name: 'acme', jumpcloud: { apiKey: KEY, region: 'eu' } };
  expect(await refusal(moved)).toEqual(['CREDENTIAL_NEEDED', ['/respond/clientSecret']]);
});

it('S8: the secret that reads the directory follows addresses of JumpCloud, and no broker', async () => {
  const { refusal, save } = over();
  const orgId = '5f0c0ffee0c0ffee0c0ffee0';
  const reading = (broker: string, region: string, inventory: Document) => ({
    ...toKafka({ brokers: [broker] }),
    jumpcloud: { apiKey: KEY, orgId, region },
    inventory: { clientId: 'reader', ...inventory },
  });
  await save(reading('kafka.example.com:9092', 'us', { clientSecret: KEY }));
  expect(await refusal(reading('kafka.example.com:9093', 'us', {}))).toBeUndefined();
  const needed = ['CREDENTIAL_NEEDED', ['/inventory/clientSecret']];
  expect(await refusal(reading('kafka.example.com:9092', 'eu', {}))).toEqual(needed);
});

it('S8: a file that was named is not sent elsewhere by a change of the address alone', async () => {
  const { refusal, save } = over();
  const named = (file: string, more: Document = {}) => ({ name: 'acme', jumpcloud: { apiKey: { file }, ...more } });
  await save(named('acme-key'));
  expect(await refusal(named('acme-key', { orgId: '5f0c0ffee0c0ffee0c0ffee0' }))).toBeUndefined();
  for (const document of [named('acme-key', { region: 'eu' }), { name: 'acme', jumpcloud: { region: 'eu' } }])
    expect([document, await refusal(document)]).toEqual([document, ['CREDENTIAL_NEEDED', ['/jumpcloud/apiKey']]]);
  expect(await refusal(named('other-key', { region: 'eu' }))).toBeUndefined();
});

it('what may write to JumpCloud, and the listeners of the process, are not given over the API', async () => {
  const { refusal } = over();
  expect(await refusal({ ...withKey, respond: { allow: ['disable-user'] } })).toEqual([
    'NOT_ALLOWED',
    ['/respond/allow'],
  ]);
  for (const section of ['receiver', 'http', 'console', 'log', 'query', 'shutdown', 'feeds'])
    expect([section, (await refusal({ ...withKey, [section]: {} }))?.[0]]).toEqual([section, 'CONFIG_INVALID']);
});
