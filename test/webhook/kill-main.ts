import { parseArgs } from 'node:util';
import { killWhileSending } from './kill.js';

// SIGKILL at 30 moments over tables: `npm run kill:webhook`. Prints what was sent and what was delivered.

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '30' }, seed: { type: 'string', default: '7' } },
});
const outcome = await killWhileSending({ kills: Number(values.kills), seed: Number(values.seed) });
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exitCode = outcome.givenUp.length + outcome.lost + outcome.beyond + outcome.twice === 0 ? 0 : 1;
