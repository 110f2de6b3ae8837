import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { command } from '../cli/command.js';
import { client } from '../kafka/broker.js';
import { createTopics } from '../kafka/leaders.js';
import { type SharedBroker, sharedBroker } from '../kafka/shared-broker.js';
import { describeKafka } from '../kafka/when-kafka.js';
import { rebound, refused, storedBackfill, storedFeed, storedLines, tenantOfHistory } from './stored-states.js';

/** A line of the dump: a topic, or one of its records. */
type Dumped =
  | { readonly topic: string; readonly partitions: number }
  | {
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly key?: string;
      readonly value?: string;
      readonly base64?: string;
      readonly headers: Record<string, string>;
    };

interface Message {
  readonly partition: number;
  readonly key: string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Record<string, string>;
}

describeKafka('on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('Kafka topics that an earlier build left are refused with 74 and the way on, and nothing is written to them', async () => {
    const simulated = await tenantOfHistory();
    await restoreTopics(cluster, simulated);
    const admin = await cluster.admin();
    const names = (await admin.listTopics()).filter((name) => name.startsWith('ocsf.')).sort();
    const ends = async () => {
      const offsets = await Promise.all(names.map((name) => admin.fetchTopicOffsets(name)));
      return offsets.map((partitions) => partitions.map(({ high }) => high));
    };
    const before = await ends();
    const env = storedFeed(simulated, { KAFKA_BROKERS: cluster.brokers.join(',') });
    const move = ['state', 'set', '--settled', '2026-09-18T00:00:00Z', '--yes'];
    for (const words of [['state', 'show'], ['run', '--once'], storedBackfill, move]) {
      expect(await command(words, { env }), words.join(' ')).toMatchObject(refused);
    }
    // Leases are taken and given back: they are of the state topic alone.
    const isData = (_: unknown, index: number) => !names[index]!.includes('.state.');
    expect((await ends()).filter(isData)).toEqual(before.filter(isData));

    const run = await command(['run', '--once'], { env: { ...env, KAFKA_TOPIC_PREFIX: 'ocsf2.' } });
    expect(run, run.stderr).toMatchObject({ code: 0 });
  });
});

/** Makes the topics of the dump; state records stand at their offsets, which a position names. */
async function restoreTopics(cluster: SharedBroker, simulated: Tenant): Promise<void> {
  const lines = storedLines('kafka.ndjson.gz').map((line) => JSON.parse(rebound(line, simulated)) as Dumped);
  const admin = await cluster.admin();
  const topics = lines.filter((line) => 'partitions' in line);
  const isState = (topic: string) => topic.includes('.state.');
  await createTopics(
    admin,
    topics.map(({ topic, partitions }) => ({
      topic,
      numPartitions: partitions,
      configEntries: isState(topic) ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    })),
  );
  // A broker that does not lead yet makes kafkajs send everything again.
  for (const { topic } of topics) {
    const offsets = () => admin.fetchTopicOffsets(topic).catch(() => undefined);
    await expect.poll(offsets, { timeout: 60_000 }).toBeDefined();
  }
  const producer = client(cluster.internal).producer();
  await producer.connect();
  for (const { topic } of topics) {
    const messages: Message[] = [];
    for (const line of lines) {
      if (!('offset' in line) || line.topic !== topic) continue;
      const { partition, offset, key = null, value, base64, headers } = line;
      // Where the end of a transaction was marked, a record stands that nobody asks for.
      while (isState(topic) && messages.length < offset) messages.push({ partition, key: 'marker', value: '{}' });
      const bytes = base64 === undefined ? (value ?? null) : Buffer.from(base64, 'base64');
      messages.push({ partition, key, value: bytes, headers });
    }
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}
