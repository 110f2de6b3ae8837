import { vi } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { clientLogger, feedLogger } from '../../collector/monitoring/log-observer.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import { assemble } from '../../collector/runtime/assemble.js';
import { openSink } from '../../collector/runtime/open-sink.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';

/** Flags as the command line gives them to a verb. */
export type VerbFlags = Record<string, string>;

/** Collects a tenant with a configuration of flags until it is caught up. */
export async function collectOnce(tenant: Tenant, flags: VerbFlags): Promise<void> {
  await collectWith({ JUMPCLOUD_BASE_URL: tenant.baseUrl, JUMPCLOUD_API_KEY: tenant.apiKey }, flags);
}

/** Leaves what `run --once` leaves with this configuration, without a process of its own. Paths in it are absolute. */
export async function collectWith(env: Readonly<Record<string, string>>, flags: VerbFlags = {}): Promise<void> {
  const config = loadConfig({ flags, env, readFile: readFileFromDisk }).feeds[0]!;
  const log = createLog({ level: 'error', format: 'json' });
  const sink = await openSink(config, log, systemTiming);
  const { settings, parts, client } = assemble(config, {
    sink,
    timing: systemTiming,
    observer: feedLogger(log),
    clientObserver: clientLogger(log),
    onKeyWarning: () => undefined,
  });
  try {
    await runFeed(settings, parts, { once: true, signal: new AbortController().signal });
  } finally {
    client.close();
    await sink.close();
    await log.close();
  }
}

/** Runs a verb in this process and gives what it wrote to standard output and standard error. */
export async function tell(verb: () => Promise<number>): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const catching = (stream: NodeJS.WriteStream, into: 'out' | 'err') =>
    vi.spyOn(stream, 'write').mockImplementation(((chunk: unknown, ...rest: unknown[]) => {
      written[into] += String(chunk);
      const done = rest.find((one) => typeof one === 'function') as (() => void) | undefined;
      done?.();
      return true;
    }) as typeof stream.write);
  const spies = [catching(process.stdout, 'out'), catching(process.stderr, 'err')];
  try {
    return { code: await verb(), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs a verb in this process as one of its own would be: in this folder, with nothing but this environment besides PATH and HOME. */
export async function tellIn(
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
  verb: () => Promise<number>,
): ReturnType<typeof tell> {
  const before = { env: process.env, cwd: process.cwd(), umask: process.umask(0o077) };
  process.env = { PATH: process.env.PATH, HOME: cwd, ...env };
  process.chdir(cwd);
  try {
    return await tell(verb);
  } finally {
    process.env = before.env;
    process.chdir(before.cwd);
    process.umask(before.umask);
  }
}
