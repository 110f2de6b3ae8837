import { afterAll, beforeAll, expect, it } from 'vitest';
import { killWhileSending } from '../webhook/kill.js';
import { findingsOfAlerts } from './read-topic.js';
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
      delivered: () => findingsOfAlerts(cluster, 'hooks.'),
    });
    expect(outcome).toMatchObject({ givenUp: [], lost: 0, beyond: 0, twice: 0 });
  });
});
