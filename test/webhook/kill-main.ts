import { parseArgs } from 'node:util';
import { startCluster } from '../kafka/broker.js';
import { NoBroker } from '../kafka/distribution.js';
import { findingsOfAlerts } from '../kafka/read-topic.js';
import { type KillOptions, killWhileSending } from './kill.js';

// SIGKILL at 30 moments: over tables `npm run kill:webhook`, over a real broker `npm run kill:webhook:kafka`. Prints what
// was sent and what was delivered; says so and prints nothing where there is no broker.

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    seed: { type: 'string', default: '7' },
    kafka: { type: 'boolean', default: false },
  },
});
const cluster = values.kafka
  ? await startCluster().catch((error: unknown) => {
      if (!(error instanceof NoBroker)) throw error;
      process.stderr.write(`no broker: ${error.message}\n`);
      process.exit(0);
    })
  : undefined;
const kafka: Pick<KillOptions, 'env' | 'delivered'> | undefined = cluster && {
  env: { KAFKA_BROKERS: cluster.brokers.join(','), KAFKA_TOPIC_PREFIX: 'hooks.' },
  delivered: () => findingsOfAlerts(cluster, 'hooks.'),
};
const outcome = await killWhileSending({ kills: Number(values.kills), seed: Number(values.seed), ...kafka });
process.stdout.write(`${JSON.stringify(outcome)}\n`);
await cluster?.stop();
process.exitCode = outcome.givenUp.length + outcome.lost + outcome.beyond + outcome.twice === 0 ? 0 : 1;
