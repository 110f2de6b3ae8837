// `npm run kafka`: Apache Kafka on loopback until Ctrl-C. --nodes 3, --version 3.9.1.
import { parseArgs } from 'node:util';
import { startCluster } from './broker.js';
import { NoBroker } from './distribution.js';

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '1' }, version: { type: 'string' } },
});

try {
  if (process.env.KAFKA_BROKERS !== undefined) {
    process.stdout.write(`${process.env.KAFKA_BROKERS}\n`);
    process.stderr.write('KAFKA_BROKERS is set: using that cluster, nothing started.\n');
  } else await serve();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof NoBroker ? 69 : 70;
}

async function serve(): Promise<void> {
  const cluster = await startCluster({
    nodes: Number(values.nodes),
    ...(values.version === undefined ? {} : { version: values.version }),
  });
  process.stdout.write(`${cluster.brokers.join(',')}\n`);
  process.stderr.write(`Apache Kafka ${cluster.version} is up. Stop it with Ctrl-C; its records go with it.\n`);
  const stop = (): void => void cluster.stop().then(() => process.exit(0));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // The child processes alone keep this one alive; the timer does so while a node is being restarted.
  setInterval(() => undefined, 60_000);
}
