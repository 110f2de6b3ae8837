import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ChildOrder } from './collector-child.js';

/** What the child tells when it has cut a connection: no step of its own. */
export const CUT = 'cut';

/**
 * Runs the child until it has told `steps` steps, or to its end; gives the last one it told before it was killed.
 * @param onCut called for each connection that the child has cut
 */
export async function runAndKill(
  order: ChildOrder,
  steps: number,
  onCut: () => void = () => undefined,
): Promise<string> {
  const child = spawn(process.execPath, ['dist/test/faults/collector-child.js', JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = 0;
  let last = 'start';
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (line === CUT) return onCut();
    told += 1;
    last = line;
    if (told === steps) child.kill('SIGKILL');
  });
  const [code] = await once(child, 'close');
  if (last !== 'finished' && code !== null)
    throw new Error(`the collector ended by itself with ${code}, after ${last}`);
  return last;
}
