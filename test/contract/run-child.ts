import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SinkOrder } from './sink-child.js';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a lane in a process of its own. It runs what `npm run build` made. */
export function startChild(order: SinkOrder): ChildProcess {
  const script = fileURLToPath(new URL('../../dist/test/contract/sink-child.js', import.meta.url));
  return spawn(process.execPath, [script, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a lane in a process of its own until it ends or kills itself. */
export async function runChild(order: SinkOrder): Promise<ChildEnd> {
  const child = startChild(order);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** Starts a lane that stays open, and waits until it holds the lane. */
export async function holdLane(kind: SinkOrder['kind'], directory: string): Promise<ChildProcess> {
  const child = startChild({ kind, directory });
  const [said] = await once(child.stderr ?? child, 'data');
  if (!String(said).startsWith('open')) throw new Error(`the child did not open the lane: ${String(said)}`);
  return child;
}
