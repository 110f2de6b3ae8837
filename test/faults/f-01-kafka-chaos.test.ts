import { expect, it } from 'vitest';
import { describeKafka } from '../kafka/when-kafka.js';
import { chaos } from './kafka-chaos.js';

describeKafka('the collector and a cluster of three', () => {
  it('F-1: killed while it publishes, brokers restarted and answers lost: every record is in the topics once, with its own content', {
    timeout: 10 * 60_000,
  }, async () => {
    const outcome = await chaos({
      records: 4_000,
      kills: 10,
      nodes: 3,
      // Each broker once.
      restarts: 3,
      cuts: 0.01,
      seed: 20_261_121,
      say: () => undefined,
    });
    console.log(`where the kills fell: ${JSON.stringify(outcome.histogram)}; ${JSON.stringify(outcome.disturbances)}`);
    expect(outcome.disturbances.restarts).toBe(3);
    expect(outcome.comparison).toMatchObject({ missing: 0, repeated: 0, unknown: 0, equal: true });
    expect(outcome.uidsTwice).toBe(0);
    expect(outcome.events + outcome.deadLetters).toBe(outcome.ledger);
  });
});
