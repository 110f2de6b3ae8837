/**
 * Remaps the tables of a directory in a process of its own, for tests that kill it: writes each step to stdout, and rests
 * at the step that it is to be killed at.
 *
 *     node dist/test/faults/remap-child.js <tables directory> <number of the step to rest at>
 */

import { writeSync } from 'node:fs';
import { remapLanes } from './remap-lanes.js';

const [directory = '', restAt = ''] = process.argv.slice(2);
let step = 0;
export const ended = remapLanes(directory, async (name) => {
  step += 1;
  writeSync(1, `${name}\n`);
  if (step !== Number(restAt)) return;
  writeSync(1, 'resting\n');
  // Not a timer that ends: the parent kills this process here.
  await new Promise(() => setInterval(() => undefined, 1000));
});
