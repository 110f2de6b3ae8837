import { afterAll, beforeAll, expect, it } from 'vitest';
import { WARNING_DAYS } from '../../collector/key-expiry/lifetime.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import { eventIds, readCommitted } from '../kafka/read-committed.js';
import { type SharedBroker, sharedBroker } from '../kafka/shared-broker.js';
import { describeKafka } from '../kafka/when-kafka.js';
import { virtualTime } from '../pipeline/virtual-time.js';
import { declared, liveThrough, noon } from './monitored-feed.js';

describeKafka('with Kafka and no volume', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('each warning is given once across restarts and is published once', { timeout: 300_000 }, async () => {
    const options = { feed: 'acme', brokers: cluster.brokers, topicPrefix: 'key.', topics: { partitions: 1 } };
    const open = () => createKafkaSink(options, { log: () => undefined });
    const { days } = await liveThrough(open, virtualTime(noon), declared, 'refused');
    expect(days).toEqual([...WARNING_DAYS]);
    const ids = eventIds(await readCommitted(cluster, 'key.detection_finding'));
    expect({ published: ids.length, different: new Set(ids).size }).toEqual({ published: 7, different: 7 });
  });
});
