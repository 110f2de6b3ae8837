/**
 * A simulated tenant into a real Kafka, end to end with the command, against bare kafkajs transactions of the same
 * finished records at the best of several batch sizes, on the same broker in the same run. Both find their topics there:
 * a topic a class, of as many partitions, with the same keys, headers, compression and acknowledgements; both wait as
 * shortly for a busy coordinator. They take turns, so that each pair meets the same machine; the median of the pairs counts.
 * Prints one JSON line; says so and prints none where there is no broker.
 *
 *     npm run bench:kafka -- [records]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompressionTypes, type Message, Partitioners } from 'kafkajs';
import { splitArray } from '../../collector/jumpcloud/insights/split-array.js';
import { type KafkaSettings, kafkaSettings } from '../../collector/sinks/kafka/client/settings.js';
import { eventHeaders } from '../../collector/sinks/kafka/messages/headers.js';
import { planTopic, topicOfClass, topicsOf } from '../../collector/sinks/kafka/topics/topics.js';
import { mapper } from '../../collector/version.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { client, startCluster } from '../kafka/broker.js';
import { NoBroker } from '../kafka/distribution.js';
import { createTopics } from '../kafka/leaders.js';
import { collecting, mapCpuSeconds, runCommand } from './command.js';

/** Odd: the one in the middle counts. */
const PAIRS = 3;
const records = Number(process.argv[2] ?? 40_000);
const story = { seed: 9, records, to: Date.now() - 3_600_000, from: Date.now() - 5 * 86_400_000 };
const cluster = await startCluster().catch((error: unknown) => {
  if (!(error instanceof NoBroker)) throw error;
  process.stderr.write(`no Kafka row: ${error.message}\n`);
  process.exit(0);
});
const tenant = await spawnTenant(story);
let prefixes = 0;
/** Of topics that nobody has written to. */
const freshPrefix = () => `bench${prefixes++}.`;

/** The same events that the collector will publish, finished. */
async function finished(): Promise<NormalisedEvent[]> {
  const twin = await startTenant(story);
  const events: NormalisedEvent[] = [];
  for (const { number } of twin.ledger.entries()) {
    for (const received of splitArray(`[${twin.ledger.text(number)}]`)) {
      const outcome = normalise(received, readHeader(received), { rawData: true, mapper, target: ocsfTarget });
      if (outcome.kind === 'event') events.push(outcome.event);
    }
  }
  await twin.close();
  return events;
}

/** The topics of a feed whose names begin with `prefix`, as the collector would create them. */
async function topicsBelow(prefix: string): Promise<KafkaSettings> {
  const settings = kafkaSettings({ feed: 'default', brokers: cluster.brokers, topicPrefix: prefix });
  const admin = await cluster.admin();
  const plans = topicsOf(settings).map((topic) => planTopic(settings, topic, 1));
  await createTopics(
    admin,
    plans.map(({ name, partitions, replication, configs }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: replication,
      configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })),
  );
  return settings;
}

/** Seconds that kafkajs takes to publish the events in transactions of `size`, gzip as the collector's. */
async function bare(events: readonly NormalisedEvent[], size: number): Promise<number> {
  const prefix = freshPrefix();
  const settings = await topicsBelow(prefix);
  const producer = client(cluster.brokers).producer({
    transactionalId: prefix,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { initialRetryTime: 10 },
  });
  await producer.connect();
  const started = performance.now();
  for (let at = 0; at < events.length; at += size) {
    const transaction = await producer.transaction();
    const topics = new Map<string, Message[]>();
    for (const event of events.slice(at, at + size)) {
      const topic = topicOfClass(settings, event.classUid);
      const message = { key: event.partitionKey, value: event.text, headers: eventHeaders(event, settings) };
      if (topics.get(topic)?.push(message) === undefined) topics.set(topic, [message]);
    }
    const topicMessages = [...topics].map(([topic, messages]) => ({ topic, messages }));
    await transaction.sendBatch({ acks: -1, compression: CompressionTypes.GZIP, topicMessages });
    await transaction.commit();
  }
  const seconds = (performance.now() - started) / 1000;
  await producer.disconnect();
  return seconds;
}

/** What the command takes to collect everything, from its start to its end. */
async function collected() {
  const prefix = freshPrefix();
  await topicsBelow(prefix);
  return runCommand(['run', '--once'], {
    ...collecting(tenant, '6d'),
    KAFKA_BROKERS: cluster.brokers.join(','),
    KAFKA_TOPIC_PREFIX: prefix,
  });
}

const events = await finished();
// Once before it counts: the broker makes its transaction log with the first transaction of its life.
await bare(events.slice(0, 100), 100);
const floors = new Map<number, number>();
for (const size of [500, 2_000, 8_000]) floors.set(size, await bare(events, size));
const [best = 0] = [...floors].sort(([, a], [, b]) => a - b)[0] ?? [];
const pairs: { bareSeconds: number; seconds: number; cpuSeconds: number; peakMiB: number }[] = [];
for (let pair = 0; pair < PAIRS; pair++) {
  const bareSeconds = await bare(events, best);
  pairs.push({ bareSeconds, ...(await collected()) });
}
const home = await mkdtemp(join(tmpdir(), 'bench-kafka-'));
const mapSeconds = await mapCpuSeconds(story, home);
await rm(home, { recursive: true });
await tenant.close();
await cluster.stop();
const ratios = pairs.map(({ bareSeconds, seconds }) => bareSeconds / seconds).sort((a, b) => a - b);
const seconds = Math.min(...pairs.map((pair) => pair.seconds));
const round = (value: number, digits: number) => Number(value.toFixed(digits));
process.stdout.write(
  `${JSON.stringify({
    bench: 'kafka',
    records,
    broker: cluster.version,
    seconds: round(seconds, 1),
    recordsPerSecond: Math.round(records / seconds),
    ratioToMap: round(mapSeconds / Math.min(...pairs.map(({ cpuSeconds }) => cpuSeconds)), 3),
    peakResidentMiB: Math.round(Math.max(...pairs.map(({ peakMiB }) => peakMiB))),
    bareBatch: best,
    bareSeconds: Object.fromEntries([...floors].map(([size, taken]) => [size, round(taken, 1)])),
    ratioToBareKafkajs: round(ratios[(PAIRS - 1) / 2] ?? 0, 3),
    ratioSpread: [round(ratios[0] ?? 0, 3), round(ratios[PAIRS - 1] ?? 0, 3)],
  })}\n`,
);
