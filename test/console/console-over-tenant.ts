import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Listen } from '../../collector/runtime/webhooks.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { folder } from '../cli/command.js';
import { type Client, type Reply, startBuiltConsole, startTestConsole, type TestConsole } from './harness.js';

const DAY = 24 * 60 * 60_000;

export interface ConsoleOverTenant {
  readonly one: TestConsole;
  readonly admin: Client;
  /** Of the built program; undefined: it runs in this process. */
  readonly child: ChildProcess | undefined;
  readonly tenant: Tenant;
  readonly root: string;
  /** Of the console. */
  readonly env: Record<string, string>;
  document(name: string, more?: object): { name: string; [section: string]: unknown };
}

/** A console over a simulated tenant, with roots for paths. */
export async function consoleOverTenant(
  more: {
    records?: number;
    env?: Record<string, string> | ((root: string, tenant: Tenant) => Record<string, string>);
    built?: boolean;
    /** Of the built program. */
    nodeFlags?: readonly string[];
    listen?: Listen;
    tenant?: TenantOptions;
  } = {},
): Promise<ConsoleOverTenant> {
  const now = Date.now();
  const tenant = await startTenant({
    seed: 3,
    records: more.records ?? 60,
    from: now - DAY / 2,
    to: now - 120_000,
    ...more.tenant,
  });
  onTestFinished(() => tenant.close());
  const root = realpathSync(folder());
  for (const name of ['tables', 'secrets', 'ca']) mkdirSync(join(root, name));
  const options = {
    env: {
      CONSOLE_ADDRESSES: '127.0.0.1',
      CONSOLE_ROOTS_TABLES: join(root, 'tables'),
      CONSOLE_ROOTS_SECRETS: join(root, 'secrets'),
      CONSOLE_ROOTS_CA: join(root, 'ca'),
      ...(typeof more.env === 'function' ? more.env(root, tenant) : more.env),
    },
    ...(more.nodeFlags === undefined ? {} : { nodeFlags: more.nodeFlags }),
  };
  const one = await (more.built === true
    ? startBuiltConsole(options)
    : startTestConsole({ ...options, live: true, ...(more.listen === undefined ? {} : { listen: more.listen }) }));
  const admin = await one.firstAdmin();
  const document: ConsoleOverTenant['document'] = (name, changes = {}) => ({
    name,
    jumpcloud: { baseUrl: tenant.baseUrl, apiKey: tenant.apiKey, eventTypes: ['login', 'admin', 'other'] },
    poll: { start: '2d', interval: '1s' },
    tables: { directory: join(root, 'tables', name) },
    ...changes,
  });
  const child = 'child' in one ? (one.child as ChildProcess) : undefined;
  return { one, admin, child, tenant, root, env: options.env, document };
}

export const put = (client: Client, document: Readonly<Record<string, unknown>>, headers = {}): Promise<Reply> =>
  client.send('PUT', `/feeds/${document.name}`, document, headers);

/** Ids of the processes of statements that a process has started. */
export function statementProcesses(parent: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
        const status = readFileSync(`/proc/${name}/status`, 'latin1');
        return command.includes('statement-process') && status.includes(`PPid:\t${parent}\n`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Asks until it is so. Gives up where it hangs: before the test's own time is over, so that what came last is said. */
export async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await ask();
    if (holds(value)) return value;
    if (tries > 2_500) throw new Error(`it did not come: ${JSON.stringify(value).slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
