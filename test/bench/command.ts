import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';

/** A second in the system's count of processor time (USER_HZ). */
export const TICKS = 100;

/** The environment in which the command collects all that a tenant has recorded since `start`, as fast as it can. */
export function collecting(
  tenant: Pick<Tenant, 'baseUrl' | 'apiKey'>,
  start: string,
): Readonly<Record<string, string>> {
  return {
    JUMPCLOUD_BASE_URL: tenant.baseUrl,
    JUMPCLOUD_API_KEY: tenant.apiKey,
    JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
    POLL_START: start,
    POLL_REQUESTS_PER_SECOND: '1000',
  };
}

/** Processor time that a process has taken so far; 0 where it has ended. */
async function cpuSeconds(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [user, system] = stat.split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [0, 0];
  return ((user ?? 0) + (system ?? 0)) / TICKS;
}

/** Processor time of a `run` until it has logged all of these; then it is ended. */
export async function startCost(env: Readonly<Record<string, string>>, ...logged: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['dist/collector/cli.js', 'run'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });
  const ended = once(child, 'exit');
  let text = '';
  let cost: number | undefined;
  for await (const chunk of child.stderr) {
    text += String(chunk);
    if (cost !== undefined || !logged.every((line) => text.includes(line))) continue;
    cost = await cpuSeconds(child.pid);
    child.kill('SIGTERM');
  }
  await ended;
  if (cost === undefined) throw new Error(`the collector ended early: ${text}`);
  return cost;
}

/**
 * Runs the built command to its end; its time, the processor time of all its threads, and its peak resident memory (VmHWM), both as
 * the system counted them at most a tenth of a second before its end.
 * @param paths files in place of no input and this process's stdout
 */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  paths: { readonly stdin?: string; readonly stdout?: string } = {},
): Promise<{ seconds: number; cpuSeconds: number; peakMiB: number }> {
  const stdin = paths.stdin === undefined ? undefined : openSync(paths.stdin, 'r');
  const stdout = paths.stdout === undefined ? undefined : openSync(paths.stdout, 'w');
  const started = performance.now();
  const child = spawn(process.execPath, ['dist/collector/cli.js', ...args], {
    stdio: [stdin ?? 'ignore', stdout ?? 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, LOG_LEVEL: 'error', ...env },
  });
  for (const descriptor of [stdin, stdout]) if (descriptor !== undefined) closeSync(descriptor);
  let peakMiB = 0;
  let cpu = 0;
  const watch = setInterval(async () => {
    // The process may have ended between two looks.
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
    cpu = Math.max(cpu, await cpuSeconds(child.pid));
  }, 100);
  const [code] = await once(child, 'exit');
  clearInterval(watch);
  if (code !== 0) throw new Error(`the collector ended with ${code}`);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds: cpu, peakMiB };
}

/** Processor time that `map` takes for the records of a tenant, whose text is in a file of this directory meanwhile. */
export async function mapCpuSeconds(story: TenantOptions, directory: string): Promise<number> {
  const twin = await startTenant(story);
  const records = join(directory, 'records.ndjson');
  const file = createWriteStream(records);
  for (const { number } of twin.ledger.entries())
    if (!file.write(`${twin.ledger.text(number)}\n`)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
  await twin.close();
  const { cpuSeconds: seconds } = await runCommand(['map'], {}, { stdin: records, stdout: '/dev/null' });
  await rm(records);
  return seconds;
}
