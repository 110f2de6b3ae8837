import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** A second in the system's count of processor time (USER_HZ). */
const TICKS = 100;

/**
 * Runs the built command to its end; its time, the processor time of all its threads, and its peak resident memory (VmHWM), both as
 * the system counted them at most a tenth of a second before its end.
 */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ seconds: number; cpuSeconds: number; peakMiB: number }> {
  const started = performance.now();
  const child = spawn(process.execPath, ['dist/collector/cli.js', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, LOG_LEVEL: 'error', ...env },
  });
  let peakMiB = 0;
  let cpuSeconds = 0;
  const watch = setInterval(async () => {
    // The process may have ended between two looks.
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
    const [user, system] = stat.split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [0, 0];
    cpuSeconds = Math.max(cpuSeconds, ((user ?? 0) + (system ?? 0)) / TICKS);
  }, 100);
  const [code] = await once(child, 'exit');
  clearInterval(watch);
  if (code !== 0) throw new Error(`the collector ended with ${code}`);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, peakMiB };
}
