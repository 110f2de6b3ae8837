import { afterAll, beforeAll, expect, it } from 'vitest';
import { killWhileSending } from '../webhook/kill.js';
import { readTopic } from './read-topic.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('webhooks on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('W5: a collector that is killed around spool, answer and transaction delivers each notice once', async () => {
    const outcome = await killWhileSending({
      kills: 2,
      seed: 31,
      env: { KAFKA_BROKERS: cluster.brokers.join(','), KAFKA_TOPIC_PREFIX: 'hooks.' },
      async delivered() {
        const records = await readTopic(cluster, 'hooks.detection_finding');
        return records
          .map(({ value }) => JSON.parse(String(value)) as { metadata: { uid: string; log_name: string } })
          .filter(({ metadata }) => metadata.log_name === 'alerts')
          .map(({ metadata }) => metadata.uid);
      },
    });
    expect(outcome).toMatchObject({ givenUp: [], lost: 0, beyond: 0, twice: 0 });
  });
});
