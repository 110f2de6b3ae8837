import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, type Admin, ResourcePatternTypes } from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { CollectorError } from '../../collector/errors.js';
import type { KafkaOptions, KafkaSasl } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import { laneContext } from '../../collector/sinks/kafka/lane-context.js';
import { probe } from '../../collector/sinks/kafka/probe.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { instantOfSecond } from '../../mappings/instant.js';
import { batchOf, firstSecond, uidOf } from './batches.js';
import { type Cluster, startCluster } from './broker.js';
import { type Certificates, makeCertificates } from './certificates.js';
import { deliver } from './feeding.js';
import { eventIds, readCommitted } from './read-committed.js';
import { describeKafka } from './when-kafka.js';

const password = 'right-password-of-the-test';

describeKafka('TLS, SASL and rights on a real broker', () => {
  let certificates: Certificates;
  let cluster: Cluster;
  let admin: Admin;
  let tokens: Server;
  const tokenRequests: string[] = [];
  const sinks: Sink[] = [];
  const logged: string[] = [];
  let feeds = 0;

  beforeAll(async () => {
    certificates = await makeCertificates();
    const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule';
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
    cluster = await startCluster({
      listener: {
        protocol: 'SASL_SSL',
        properties: {
          'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
          'plain.sasl.jaas.config': `${plain} required user_collector="${password}" user_limited="${password}";`,
          'scram-sha-256.sasl.jaas.config': scram,
          'scram-sha-512.sasl.jaas.config': scram,
          'oauthbearer.sasl.jaas.config':
            'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
          'ssl.keystore.type': 'PEM',
          'ssl.keystore.location': certificates.brokerKeyStore,
          'ssl.truststore.type': 'PEM',
          'ssl.truststore.location': certificates.trustStore,
          'ssl.client.auth': 'required',
        },
      },
      scram: [
        `SCRAM-SHA-256=[name=collector,password=${password}]`,
        `SCRAM-SHA-512=[name=collector,password=${password}]`,
      ],
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:collector',
      },
    });
    admin = await cluster.admin();
    tokens = createServer(async (request, response) => {
      let body = '';
      for await (const part of request) body += part;
      tokenRequests.push(`${request.headers.authorization} ${body}`);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: unsecuredToken('collector'), expires_in: 600 }));
    }).listen(0, '127.0.0.1');
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  });
  afterAll(async () => {
    tokens?.close();
    await cluster?.stop();
    await certificates?.dispose();
  });

  /** The form that Kafka's validator for development takes: a JSON web token without signature. */
  function unsecuredToken(subject: string): string {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + 600 })}.`;
  }

  function feedOf(sasl: KafkaSasl, more: Partial<KafkaOptions> = {}): KafkaOptions & { topicPrefix: string } {
    feeds += 1;
    const tls = { ca: certificates.ca, ...certificates.client };
    return { feed: 'test', brokers: cluster.brokers, classes: [3002], tls, sasl, ...more, topicPrefix: `s${feeds}.` };
  }
  const plainAs = (username: string, word = password): KafkaSasl => ({ mechanism: 'plain', username, password: word });

  function sinkOf(options: KafkaOptions): Sink {
    const log = (level: string, message: string, fields?: object) =>
      logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const sink = createKafkaSink(options, { log });
    sinks.push(sink);
    return sink;
  }
  async function rejection(promise: Promise<unknown>): Promise<CollectorError> {
    return promise.then(
      () => {
        throw new Error('did not reject');
      },
      (error) => error,
    );
  }
  const oauth = (): KafkaSasl => ({
    mechanism: 'oauthbearer',
    tokenEndpoint: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
    clientId: 'id',
    clientSecret: 'secret-of-the-client',
    scope: 'kafka',
  });

  it.each([
    ['plain', () => plainAs('collector')],
    ['scram-sha-256', () => ({ ...plainAs('collector'), mechanism: 'scram-sha-256' }) as KafkaSasl],
    ['scram-sha-512', () => ({ ...plainAs('collector'), mechanism: 'scram-sha-512' }) as KafkaSasl],
    ['oauthbearer', oauth],
  ])('%s over TLS with a client certificate delivers', async (_, sasl) => {
    const feed = feedOf(sasl());
    await deliver(sinkOf(feed), 20);

    expect(await readCommitted(cluster, `${feed.topicPrefix}authentication`)).toHaveLength(20);
  });

  it('the token endpoint is asked once for many connections, with the client credentials', async () => {
    tokenRequests.length = 0;
    await deliver(sinkOf(feedOf(oauth())), 20);

    const credentials = Buffer.from('id:secret-of-the-client').toString('base64');
    expect(tokenRequests).toEqual([`Basic ${credentials} grant_type=client_credentials&scope=kafka`]);
  });

  it('a wrong password, an unknown authority and a missing client certificate are each named, and no secret is shown', async () => {
    logged.length = 0;
    const { ca: _, ...untrusting } = { ca: certificates.ca, ...certificates.client };
    const wrongPassword = await rejection(
      sinkOf(feedOf(plainAs('collector', 'wrong-password-of-the-test')))
        .lane('live')
        .open(),
    );
    const wrongScram = feedOf({
      mechanism: 'scram-sha-512',
      username: 'collector',
      password: 'wrong-password-of-the-test',
    });
    const scram = await rejection(sinkOf(wrongScram).lane('live').open());
    const untrusted = await rejection(
      sinkOf(feedOf(plainAs('collector'), { tls: untrusting }))
        .lane('live')
        .open(),
    );
    const anonymous = feedOf(plainAs('collector'), { tls: { ca: certificates.ca } });
    const uncertified = await rejection(sinkOf(anonymous).lane('live').open());

    expect(wrongPassword).toMatchObject({ code: 'SINK_REFUSED' });
    expect(wrongPassword.message).toContain('refuses the SASL credentials');
    expect(scram.message).toContain('refuses the SASL credentials');
    expect(untrusted).toMatchObject({ code: 'SINK_REFUSED' });
    expect(untrusted.message).toContain("the brokers' certificate is not trusted");
    expect(uncertified.code).toMatch(/^SINK_/);
    const told = [wrongPassword, scram, untrusted, uncertified]
      .map((error) => error.message + error.cure)
      .concat(logged)
      .join('\n');
    expect(told).not.toContain('password-of-the-test');
    expect(told).not.toContain('BEGIN');
  });

  it('TLS settings that cannot work, and a token endpoint without https, are refused before anything is dialled', () => {
    const refused = (more: Partial<KafkaOptions>) => () => sinkOf({ ...feedOf(plainAs('collector')), ...more });
    expect(refused({ tls: { cert: certificates.client.cert } })).toThrow(/only together/);
    expect(refused({ tls: { ca: 'no PEM', key: 'neither', cert: 'nor this' } })).toThrow(/cannot be read/);
    expect(refused({ sasl: { ...oauth(), tokenEndpoint: 'http://login.example.com/token' } as KafkaSasl })).toThrow(
      /https/,
    );
    expect(refused({ compression: 'zstd' })).toThrow(/zstd/);
  });

  async function allow(
    prefix: string,
    user: string,
    type: 'topic' | 'id',
    operations: readonly number[],
  ): Promise<void> {
    await admin.createAcls({
      acl: operations.map((operation) => ({
        resourceType: type === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.TRANSACTIONAL_ID,
        resourceName: prefix,
        resourcePatternType: ResourcePatternTypes.PREFIXED,
        principal: `User:${user}`,
        host: '*',
        operation,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    });
  }

  async function revoke(prefix: string, operation: number): Promise<void> {
    await admin.deleteAcls({
      filters: [
        {
          resourceType: AclResourceTypes.TOPIC,
          resourceName: prefix,
          resourcePatternType: ResourcePatternTypes.PREFIXED,
          principal: 'User:limited',
          host: '*',
          operation,
          permissionType: AclPermissionTypes.ALLOW,
        },
      ],
    });
  }

  const { READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS, CREATE } = AclOperationTypes;

  it('check names each right that is missing, and nothing when all of them are granted', async () => {
    const feed = feedOf(plainAs('limited'));
    const nothing = await probe(laneContext(feed, { log: () => undefined }));
    await deliver(sinkOf({ ...feed, sasl: plainAs('collector') }), 10);
    await allow(feed.topicPrefix, 'limited', 'topic', [DESCRIBE, DESCRIBE_CONFIGS]);
    const looking = await probe(laneContext(feed, { log: () => undefined }));
    await allow(feed.topicPrefix, 'limited', 'id', [WRITE, DESCRIBE]);
    const transacting = await probe(laneContext(feed, { log: () => undefined }));
    await allow(feed.topicPrefix, 'limited', 'topic', [READ, WRITE]);
    const all = await probe(laneContext(feed, { log: () => undefined }));

    const refused = (findings: Awaited<ReturnType<typeof probe>>) =>
      findings.filter(({ verdict }) => verdict !== 'ok').map(({ part }) => part.replace('kafka ', ''));
    const topics = ['authentication', 'dead_letters', 'raw', 'state.test'].map((name) => feed.topicPrefix + name);
    expect(refused(nothing)).toEqual(expect.arrayContaining([...topics, 'transactions']));
    expect(refused(looking)).toEqual(['transactions', ...topics]);
    expect(refused(transacting)).toEqual([...topics, ...topics]);
    expect(all.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  });

  it('what was delivered is found without a right to the topics of classes that are not selected', async () => {
    const feed = feedOf(plainAs('limited'));
    const prefix = feed.topicPrefix;
    for (const name of ['authentication', 'dead_letters', 'raw', 'state'])
      await allow(prefix + name, 'limited', 'topic', [CREATE, READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS]);
    await allow(prefix, 'limited', 'id', [WRITE, DESCRIBE]);
    const foreign = `${prefix}account_change`;
    const other = sinkOf({ ...feed, feed: 'other', classes: [3001], sasl: plainAs('collector') });
    await deliver(other, 10, { compose: (from, to) => batchOf(from, to, { shape: { classUid: 3001 } }) });
    const sink = sinkOf(feed);
    await deliver(sink, 10);
    const find = async () =>
      (await sink.find?.([uidOf(1), uidOf(77)], instantOfSecond(firstSecond), instantOfSecond(firstSecond + 100))) ??
      [];
    expect([...(await find())]).toEqual([uidOf(1)]);
    await allow(foreign, 'limited', 'topic', [DESCRIBE]);
    expect([...(await find())]).toEqual([uidOf(1)]);
  });

  it('F-7: a right that is revoked stops delivery and loses nothing; granted again, delivery goes on by itself', async () => {
    const feed = feedOf(plainAs('limited'));
    await allow(feed.topicPrefix, 'limited', 'topic', [CREATE, READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS]);
    await allow(feed.topicPrefix, 'limited', 'id', [WRITE, DESCRIBE]);
    const sink = sinkOf(feed);
    await deliver(sink, 100);
    const lane = sink.lane('live');
    await lane.open();
    await revoke(feed.topicPrefix, WRITE);

    const refused = await rejection(lane.commit(batchOf(100, 150)));
    await lane.close();
    const still = sink.lane('live');
    const stillRefused = await rejection(still.open());
    await still.close();
    const held = await sink.peek('live');
    let granted: Promise<unknown> | undefined;
    const { rejections } = await deliver(sink, 300, {
      rejected: () => {
        granted ??= allow(feed.topicPrefix, 'limited', 'topic', [WRITE]);
      },
    });
    await granted;

    expect(refused).toMatchObject({ code: 'SINK_REFUSED', transient: true, detail: '29' });
    expect(stillRefused).toMatchObject({ code: 'SINK_REFUSED' });
    expect(held?.counts.records).toBe(100);
    expect(new Set(rejections)).toEqual(new Set(['SINK_REFUSED']));
    const ids = eventIds(await readCommitted(cluster, `${feed.topicPrefix}authentication`));
    expect(ids.sort()).toEqual(Array.from({ length: 300 }, (_, n) => uidOf(n)).sort());
  });

  it('without the right to read configurations the limit is learned from refusals, and oversize events still get through', async () => {
    const feed = feedOf(plainAs('limited'), { compression: 'none', topics: { partitions: 1 } });
    await deliver(sinkOf({ ...feed, sasl: plainAs('collector') }), 10);
    await allow(feed.topicPrefix, 'limited', 'topic', [READ, WRITE, DESCRIBE]);
    await allow(feed.topicPrefix, 'limited', 'id', [WRITE, DESCRIBE]);
    const topic = `${feed.topicPrefix}authentication`;
    const smaller = [{ name: 'max.message.bytes', value: '200000' }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries: smaller }] });

    const large = (from: number, to: number) => batchOf(from, to, { shape: { raw: 'x'.repeat(300_000) } });
    const { rejections } = await deliver(sinkOf(feed), 13, { size: 1, compose: large });

    // Twice halved within one commit.
    expect(rejections).toEqual([]);
    const records = await readCommitted(cluster, topic);
    expect(eventIds(records)).toEqual(Array.from({ length: 13 }, (_, n) => uidOf(n)));
    expect(JSON.parse(String(records.at(-1)?.value)).metadata.is_truncated).toBe(true);
  });

  it('exactly_once is refused where the transactional id may not be used, with the reason; at_least_once delivers', async () => {
    const feed = feedOf(plainAs('limited'));
    await allow(feed.topicPrefix, 'limited', 'topic', [CREATE, READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS]);

    const refused = await rejection(sinkOf(feed).lane('live').open());
    await deliver(sinkOf({ ...feed, delivery: 'at_least_once' }), 20);

    expect(refused).toMatchObject({ code: 'SINK_REFUSED' });
    expect(refused.message).toContain('not allowed to use the transactional id');
    expect(await readCommitted(cluster, `${feed.topicPrefix}authentication`)).toHaveLength(20);
  });
});

describeKafka('a cluster that has no transactions to give', () => {
  it('exactly_once is refused at the start with the reason and the way out, and check says the same', async () => {
    // A log of transactions with three replicas cannot be had of one broker: the coordinator never comes up.
    const cluster = await startCluster({ properties: { 'transaction.state.log.replication.factor': '3' } });
    try {
      const feed: KafkaOptions = { feed: 'test', brokers: cluster.brokers, classes: [3002] };
      const sink = createKafkaSink(feed, { log: () => undefined });
      const refused = await sink
        .lane('live')
        .open()
        .catch((error) => error);
      const findings = await probe(laneContext(feed, { log: () => undefined }));
      await sink.close();
      const lesser = createKafkaSink({ ...feed, delivery: 'at_least_once' }, { log: () => undefined });
      await deliver(lesser, 20);
      await lesser.close();

      expect(refused.message).toContain('kafka.delivery is exactly_once, which needs transactions');
      expect(refused.cure).toContain('at_least_once');
      const transactions = findings.find(({ part }) => part === 'kafka transactions');
      expect(transactions).toMatchObject({ verdict: 'failed' });
      expect(transactions?.cure).toContain('at_least_once');
      expect(await readCommitted(cluster, 'ocsf.authentication')).toHaveLength(20);
    } finally {
      await cluster.stop();
    }
  });
});
