/**
 * A simulated tenant into a real Kafka, end to end with the command, against bare kafkajs transactions of the same
 * finished bytes at the better of two batch sizes, on the same broker in the same run. Prints one JSON line; says so and
 * prints none where there is no broker.
 *
 *     npm run bench:kafka -- [records]
 */
import { Partitioners } from 'kafkajs';
import { splitArray } from '../../collector/jumpcloud/split.js';
import { mapper } from '../../collector/version.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { client, startCluster } from '../kafka/broker.js';
import { NoBroker } from '../kafka/distribution.js';
import { runCommand } from './command.js';

const records = Number(process.argv[2] ?? 40_000);
const story = { seed: 9, records, to: Date.now() - 3_600_000, from: Date.now() - 5 * 86_400_000 };
const cluster = await startCluster().catch((error: unknown) => {
  if (!(error instanceof NoBroker)) throw error;
  process.stderr.write(`no Kafka row: ${error.message}\n`);
  process.exit(0);
});
const tenant = await spawnTenant(story);

/** The same events that the collector will publish, finished. */
async function finished(): Promise<NormalisedEvent[]> {
  const twin = await startTenant(story);
  const events: NormalisedEvent[] = [];
  for (const { number } of twin.ledger.entries()) {
    for (const received of splitArray(`[${twin.ledger.text(number)}]`)) {
      const outcome = normalise(received, readHeader(received), { rawData: true, mapper });
      if (outcome.kind === 'event') events.push(outcome.event);
    }
  }
  await twin.close();
  return events;
}

/** Seconds that kafkajs takes to publish the events in transactions of `size`, gzip as the collector's. */
async function bare(events: readonly NormalisedEvent[], size: number): Promise<number> {
  const topic = `bare.${size}`;
  const admin = await cluster.admin();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6, replicationFactor: 1 }], waitForLeaders: true });
  const producer = client(cluster.brokers).producer({
    transactionalId: topic,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { initialRetryTime: 80 },
  });
  await producer.connect();
  const started = performance.now();
  for (let at = 0; at < events.length; at += size) {
    const transaction = await producer.transaction();
    const messages = events.slice(at, at + size).map(({ partitionKey, text }) => ({ key: partitionKey, value: text }));
    await transaction.sendBatch({ acks: -1, compression: 1, topicMessages: [{ topic, messages }] });
    await transaction.commit();
  }
  const seconds = (performance.now() - started) / 1000;
  await producer.disconnect();
  return seconds;
}

const events = await finished();
const floors = { 500: await bare(events, 500), 2000: await bare(events, 2000) };
const { seconds } = await runCommand(['run', '--once'], {
  JUMPCLOUD_BASE_URL: tenant.baseUrl,
  JUMPCLOUD_API_KEY: tenant.apiKey,
  JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
  KAFKA_BROKERS: cluster.brokers.join(','),
  POLL_START: '6d',
  POLL_REQUESTS_PER_SECOND: '1000',
});
const floor = Math.min(...Object.values(floors));
await tenant.close();
await cluster.stop();
process.stdout.write(
  `${JSON.stringify({
    bench: 'kafka',
    records,
    broker: cluster.version,
    seconds: Number(seconds.toFixed(1)),
    recordsPerSecond: Math.round(records / seconds),
    bareSeconds: Object.fromEntries(Object.entries(floors).map(([size, taken]) => [size, Number(taken.toFixed(1))])),
    ratioToBareKafkajs: Number((floor / seconds).toFixed(3)),
  })}\n`,
);
