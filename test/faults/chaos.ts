/**
 * The long form of the chaos on Kafka. Prints what happened as JSON; exit 1 where the topics differ from the ledger.
 *
 *     npm run chaos -- --records 20000 --kills 40 --seed 7 [--version 3.9.1]
 */
import { parseArgs } from 'node:util';
import { chaos } from './kafka-chaos.js';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    cuts: { type: 'string', default: '0.01' },
    nodes: { type: 'string', default: '3' },
    calm: { type: 'boolean', default: false },
    version: { type: 'string' },
  },
});
process.stderr.write(`seed ${values.seed}\n`);
const started = performance.now();
const outcome = await chaos({
  records: Number(values.records),
  kills: Number(values.kills),
  nodes: values.nodes === '1' ? 1 : 3,
  restarts: values.calm ? 0 : Number.POSITIVE_INFINITY,
  cuts: Number(values.cuts),
  seed: Number(values.seed),
  ...(values.version === undefined ? {} : { version: values.version }),
  say: (line) => process.stderr.write(`${line}\n`),
});
const { examples, ...comparison } = outcome.comparison;
process.stdout.write(
  `${JSON.stringify({ ...outcome, comparison, seconds: Math.round((performance.now() - started) / 1000) }, null, 1)}\n`,
);
if (!comparison.equal || outcome.uidsTwice > 0) {
  process.stderr.write(`${JSON.stringify(examples, null, 1)}\n`);
  process.exitCode = 1;
}
