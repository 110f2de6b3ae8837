import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { startReader } from './counting-reader.js';
import { olderEvents, storeOlder } from './older-events.js';
import { remapLanes } from './remap-lanes.js';

/** Runs the child and kills it at a step (from 1), or lets it end; gives the steps that it wrote. */
async function remapUntil(directory: string, step: number): Promise<string[]> {
  const child = spawn(process.execPath, ['dist/test/faults/remap-child.js', directory, String(step)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'resting') child.kill('SIGKILL');
    else told.push(line);
  });
  const [code] = await once(child, 'close');
  if (step === 0) expect(code, 'the remapping that nobody kills').toBe(0);
  return told;
}

/** The first and the last time that each step is taken, as numbers from 1. */
function turningPoints(steps: readonly string[]): number[] {
  const names = [...new Set(steps)];
  const points = names.flatMap((name) => [steps.indexOf(name) + 1, steps.lastIndexOf(name) + 1]);
  return [...new Set(points)].sort((a, b) => a - b);
}

/** The class of each event, by uid: to open the tables costs more than to read them. */
const everyEvent = 'SELECT metadata.uid, class_uid FROM events ORDER BY 1';
const uidsOf = (rows: readonly (readonly unknown[])[]) => rows.map(([uid]) => uid);

it('remapping that is killed at any of its steps loses and doubles no uid, no reader sees a count fall, and the next one ends it', {
  timeout: 15 * 60_000,
}, async () => {
  const root = await mkdtemp(join(tmpdir(), 'kill-remap-'));
  try {
    const events = olderEvents().filter((_event, index) => index % 60 === 0);
    const uids = events.map(({ uid }) => uid).sort();
    const original = join(root, 'original');
    await storeOlder(original, events);
    expect(await rowsOf(original, everyEvent)).toEqual(uids.map((uid) => [uid, 0n]));

    const whole = join(root, 'whole');
    await cp(original, whole, { recursive: true });
    const steps = await remapUntil(whole, 0);
    const expected = await rowsOf(whole, everyEvent);
    expect(uidsOf(expected)).toEqual(uids);
    expect(new Set(expected.map(([, classUid]) => classUid)).size).toBeGreaterThan(3);
    const points = turningPoints(steps);
    console.log(`kills at ${points.length} of ${steps.length} steps: ${[...new Set(steps)].join(', ')}`);
    expect(steps).toEqual(expect.arrayContaining(['remap:file', 'remap:state', 'remap:point', 'remap:logged']));

    for (const point of points) {
      const directory = join(root, `killed-${point}`);
      await cp(original, directory, { recursive: true });
      const stopReader = startReader(directory);
      const what = `killed at ${point}, ${steps[point - 1]}`;
      try {
        // Tables are logged side by side: what was under way beside the step at which it is killed may still be told.
        expect((await remapUntil(directory, point)).slice(0, point), what).toEqual(steps.slice(0, point));
        expect(uidsOf(await rowsOf(directory, everyEvent)), what).toEqual(uids);
        // Once by a process of its own, as an operator starts it.
        await (point === points[0] ? remapUntil(directory, 0) : remapLanes(directory, async () => undefined));
        expect(await rowsOf(directory, everyEvent), what).toEqual(expected);
      } finally {
        await stopReader();
      }
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
