import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../collector/diagnostics/finding.js';
import { command, feedOf, folder, tenant } from '../cli/command.js';
import { callVerb } from '../commands/call-verb.js';
import { type Cluster, startCluster } from '../kafka/broker.js';
import { createTopics } from '../kafka/leaders.js';
import { describeKafka } from '../kafka/when-kafka.js';

const word = 'broker-password';
const users = ['whole', 'no-write', 'no-read', 'no-state', 'no-transactions'] as const;

describeKafka('check on a real broker', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
    cluster = await startCluster({
      listener: {
        protocol: 'SASL_PLAINTEXT',
        properties: { 'sasl.enabled.mechanisms': 'SCRAM-SHA-256', 'scram-sha-256.sasl.jaas.config': scram },
      },
      scram: ['collector', ...users].map((name) => `SCRAM-SHA-256=[name=${name},password=${word}]`),
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:collector',
      },
    });
  });
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

  it('names brokers, topics and transactions, and leaves no topic behind', async () => {
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

  it('names a wrong password, without quoting it: 74', async () => {
    const { code, findings, stdout } = await check('wrong-password');
    expect(code).toBe(74);
    expect(findings[0]).toMatchObject({ verdict: 'failed', part: 'kafka brokers' });
    expect(stdout).not.toContain('wrong-password');
  });

  describe('that guards its topics', () => {
    const topics = ['ocsf.authentication', 'ocsf.account_change', 'ocsf.dead_letters', 'ocsf.raw'] as const;
    const state = 'ocsf.state.jumpcloud';
    beforeAll(async () => {
      const admin = await cluster.admin();
      await createTopics(admin, [
        ...topics.map((topic) => ({ topic, numPartitions: 1 })),
        { topic: state, numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] },
      ]);
      const { READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
      const allow = (user: string, kind: AclResourceTypes, name: string, operations: readonly AclOperationTypes[]) =>
        admin.createAcls({
          acl: operations.map((operation) => ({
            resourceType: kind,
            resourceName: name,
            resourcePatternType:
              kind === AclResourceTypes.TOPIC ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
            principal: `User:${user}`,
            host: '*',
            operation,
            permissionType: AclPermissionTypes.ALLOW,
          })),
        });
      for (const user of users) {
        for (const topic of topics) {
          const writes = user !== 'no-write' || topic !== 'ocsf.account_change';
          const reads = user !== 'no-read' || topic !== 'ocsf.authentication';
          const more = [...(writes ? [WRITE] : []), ...(reads ? [READ] : [])];
          await allow(user, AclResourceTypes.TOPIC, topic, [DESCRIBE, DESCRIBE_CONFIGS, ...more]);
        }
        // Kafka takes Read and Write for Describe: who lacks that on a topic has no right there at all.
        if (user !== 'no-state')
          await allow(user, AclResourceTypes.TOPIC, state, [DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE]);
        const transacts = user !== 'no-transactions';
        await allow(user, AclResourceTypes.TRANSACTIONAL_ID, 'ocsf.jumpcloud/', [
          DESCRIBE,
          ...(transacts ? [WRITE] : []),
        ]);
      }
    });

    const env = async (user: (typeof users)[number]) =>
      feedOf(await tenant(), {
        SINK: 'kafka',
        CLASSES: '3001,3002',
        KAFKA_BROKERS: cluster.brokers.join(','),
        KAFKA_SASL_MECHANISM: 'scram-sha-256',
        KAFKA_SASL_USERNAME: user,
        KAFKA_SASL_PASSWORD: word,
      });
    const check = async (user: (typeof users)[number]) => {
      const { stdout, code } = await callVerb(['check', '--json'], { env: await env(user), cwd: folder() });
      expect(stdout).not.toContain(word);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      const failed = findings.filter(({ verdict }) => verdict === 'failed');
      return { code, failed: failed.map(({ part, code: own, cure }) => ({ part, code: own, cure })) };
    };
    const acl = (user: string, operations: string, resource: string) =>
      `kafka-acls.sh --bootstrap-server ${cluster.brokers.join(',')} --add --allow-principal "User:${user}" ${operations} ${resource}`;

    it('finds nothing wrong where every right is granted', async () => {
      expect(await check('whole')).toEqual({ code: 0, failed: [] });
    });

    it.each([
      ['no-read', 'kafka ocsf.authentication', '--operation Read', '--topic "ocsf.authentication"'],
      ['no-write', 'kafka ocsf.account_change', '--operation Write', '--topic "ocsf.account_change"'],
      [
        'no-state',
        'kafka ocsf.state.jumpcloud',
        '--operation Describe --operation Read --operation Write',
        '--topic "ocsf.state.jumpcloud"',
      ],
      [
        'no-transactions',
        'kafka transactions',
        '--operation Describe --operation Write',
        '--transactional-id "ocsf.jumpcloud/" --resource-pattern-type prefixed',
      ],
    ] as const)('names the right that %s lacks, and the ACL to add: 74', async (user, part, operations, resource) => {
      const cure = expect.stringContaining(acl(user, operations, resource));
      expect(await check(user)).toEqual({ code: 74, failed: [{ part, code: 'SINK_REFUSED', cure }] });
    });

    it('run refuses to begin where it could not look for what was delivered, with the same cure: 74', async () => {
      const { code, stderr } = await command(['run', '--once'], { env: await env('no-read') });
      expect(stderr).toContain('trying the right to read ocsf.authentication');
      expect(stderr).toContain('Grant Read on topic ocsf.authentication');
      expect(code).toBe(74);
    });
  });
});
