import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../collector/check/finding.js';
import { command, feedOf, tenant } from '../cli/command.js';
import { type Cluster, startCluster } from '../kafka/broker.js';
import { describeKafka } from '../kafka/when-kafka.js';

describeKafka('check on a real broker', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const listener = {
      protocol: 'SASL_PLAINTEXT',
      properties: { 'sasl.enabled.mechanisms': 'SCRAM-SHA-256' },
    } as const;
    cluster = await startCluster({
      listener: {
        ...listener,
        properties: {
          ...listener.properties,
          'scram-sha-256.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
        },
      },
      scram: ['SCRAM-SHA-256=[name=collector,password=broker-password]'],
    });
  }, 120_000);
  afterAll(() => cluster?.stop());

  const env = async (password: string) =>
    feedOf(await tenant(), {
      SINK: 'kafka',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_SASL_MECHANISM: 'scram-sha-256',
      KAFKA_SASL_USERNAME: 'collector',
      KAFKA_SASL_PASSWORD: password,
    });
  const check = async (password: string) => {
    const { stdout, code } = await command(['check', '--json'], { env: await env(password) });
    return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings, stdout };
  };

  test('names brokers, topics and transactions, and leaves no topic behind', async () => {
    const admin = await cluster.admin();
    const before = await admin.listTopics();
    const { code, findings } = await check('broker-password');
    expect(code).toBe(0);
    expect(findings.map(({ part }) => part)).toEqual(
      expect.arrayContaining(['kafka brokers', 'kafka ocsf.authentication', 'kafka transactions', 'position']),
    );
    expect((await admin.listTopics()).filter((name) => !name.startsWith('__'))).toEqual(
      before.filter((name) => !name.startsWith('__')),
    );
  });

  test('names a wrong password, without quoting it: 74', async () => {
    const { code, findings, stdout } = await check('wrong-password');
    expect(code).toBe(74);
    expect(findings[0]).toMatchObject({ verdict: 'failed', part: 'kafka brokers' });
    expect(stdout).not.toContain('wrong-password');
  });
});
