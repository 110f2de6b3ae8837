/**
 * Remaps the tables of a directory in a process of its own, for tests that kill it: tells each step on stdout, and rests
 * at the step that it is to be killed at.
 *
 *     node dist/test/faults/remap-child.js <tables directory> <number of the step to rest at>
 */

import { writeSync } from 'node:fs';
import { newRemapReport, remapping } from '../../collector/reprocess/remap.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { mapper } from '../../collector/version.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

const [directory = '', restAt = ''] = process.argv.slice(2);
let step = 0;
const options = {
  directory,
  feed: 'acme',
  checkpoint: async (name: string) => {
    step += 1;
    writeSync(1, `${name}\n`);
    if (step !== Number(restAt)) return;
    writeSync(1, 'resting\n');
    // Not a timer that ends: the parent kills this process here.
    await new Promise(() => setInterval(() => undefined, 1000));
  },
};
const range = { from: 0, to: Date.UTC(2030, 0, 1) / 1000 };
const sink = createTablesSink(options);
for (const name of await sink.lanes()) {
  const lane = sink.rewritable!(name);
  await lane.open();
  await lane.rewrite(
    remapping({ range, classes: undefined, mapping: { mapper, target: ocsfTarget } }, newRemapReport()),
    async () => true,
  );
  await lane.close();
}
writeSync(1, 'finished\n');
