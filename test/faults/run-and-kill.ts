import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ChildOrder } from './collector-child.js';

/** Runs the child until it has told `steps` lines, or to its end; gives the last line it told before it was killed. */
export async function runAndKill(order: ChildOrder, steps: number): Promise<string> {
  const child = spawn(process.execPath, ['dist/test/faults/collector-child.js', JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = 0;
  let last = 'start';
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    told += 1;
    last = line;
    if (told === steps) child.kill('SIGKILL');
  });
  const [code] = await once(child, 'close');
  if (last !== 'finished' && code !== null)
    throw new Error(`the collector ended by itself with ${code}, after ${last}`);
  return last;
}
