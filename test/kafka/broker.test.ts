import { afterAll, beforeAll, expect, it } from 'vitest';
import { client } from './broker.js';
import { createTopics } from './leaders.js';
import { readTopic } from './read-topic.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the broker runner', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it("Kafka's console consumer shows partition, offset, time, headers, key and value of committed records only", async () => {
    const admin = await cluster.admin();
    // Its records are dated years back: retention would delete them when it next looks.
    const configEntries = [{ name: 'retention.ms', value: '-1' }];
    await createTopics(admin, [{ topic: 'shown', numPartitions: 2, replicationFactor: 1, configEntries }]);
    const producer = client(cluster.brokers).producer({ transactionalId: 'shown', maxInFlightRequests: 1 });
    await producer.connect();
    const send = async (value: string, commit: boolean) => {
      const transaction = await producer.transaction();
      const headers = { one: '1', two: 'a,b' };
      await transaction.send({
        topic: 'shown',
        messages: [{ partition: 1, key: 'key', value, headers, timestamp: '1700000000000' }],
      });
      await (commit ? transaction.commit() : transaction.abort());
    };
    await send('{"a":\n1}', true);
    await send('aborted', false);
    await send('last', true);
    await producer.disconnect();

    const read = await readTopic(cluster, 'shown');

    const common = { partition: 1, timestamp: 1_700_000_000_000, headers: { one: '1', two: 'a,b' }, key: 'key' };
    expect(read).toEqual([
      { ...common, offset: 0, value: '{"a":\n1}' },
      { ...common, offset: 4, value: 'last' },
    ]);
  });
});
