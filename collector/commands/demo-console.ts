import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { usualTrouble } from '../../fixtures/tenant/trouble.js';
import { keys } from '../config/keys.js';
import { fingerprintOf } from '../console/feeds/document.js';
import { openFeedStore } from '../console/feeds/feed-store.js';
import { verbs } from '../response/verbs.js';
import { recreate } from './demo-directory.js';
import { run } from './run.js';

const DAY = 86_400_000;

/**
 * `demo --console`: a simulated tenant, a feed that collects it, and the console over both, until it is interrupted. It
 * ignores the environment.
 */
export async function demoConsole(options: { records: number; directory: string; port: number }): Promise<number> {
  const directory = resolve(options.directory);
  await recreate(directory);
  for (const key of keys) for (const name of [key.env, key.fileEnv]) if (name !== undefined) delete process.env[name];
  const now = Date.now();
  // A day of the future as well: records keep coming to be, as in a living organisation.
  const tenant = await startTenant({
    seed: 7,
    records: options.records,
    from: now - 7 * DAY,
    to: now + DAY,
    trouble: usualTrouble,
    directory: { users: 120, groups: 8, administrators: 8 },
    serviceAccounts: [{ name: 'Active Response' }],
  });
  const [account] = tenant.serviceAccounts;
  try {
    const tables = join(directory, 'tables');
    mkdirSync(tables, { mode: 0o700 });
    const stored = fingerprintOf(tenant.apiKey);
    const store = openFeedStore(join(directory, 'console'), Date.now);
    await store.save({
      name: 'demo',
      document: {
        name: 'demo',
        description: 'A simulated organisation',
        owners: [{ name: 'Demo', email: 'demo@example.com' }],
        jumpcloud: {
          baseUrl: tenant.baseUrl,
          apiKey: { stored },
          tokenUrl: tenant.tokenUrl,
          consoleUrl: tenant.consoleUrl,
          eventTypes: ['login', 'admin', 'other'],
        },
        poll: { start: '7d', interval: '5s', requestsPerSecond: 20 },
        tables: { directory: join(tables, 'demo') },
        respond: {
          clientId: account!.clientId,
          clientSecret: { stored: fingerprintOf(account!.clientSecret) },
          orgId: tenant.organization,
        },
      },
      secrets: new Map([
        ['jumpcloud.apiKey', tenant.apiKey],
        ['respond.clientSecret', account!.clientSecret],
      ]),
      paths: new Map(),
      author: { name: 'demo', kind: 'session', at: new Date(now).toISOString() },
      action: 'created',
    });
    const config = join(directory, 'config.yaml');
    const settings = {
      log: { level: 'warn' },
      http: { enabled: false },
      console: {
        enabled: true,
        port: options.port,
        directory: join(directory, 'console'),
        addresses: [new URL(tenant.baseUrl).hostname],
        roots: { tables },
      },
      inventory: { interval: '1h', requestsPerSecond: 100, directory: join(directory, 'inventory') },
      respond: {
        allow: Object.keys(verbs),
        groups: tenant.directory.ids('groups'),
        directory: join(directory, 'respond'),
      },
    };
    writeFileSync(config, stringify(settings), { mode: 0o600 });
    process.stderr.write(
      `A simulated organisation with ${options.records} records, from seven days ago until tomorrow, and a feed that collects it into ${relative(process.cwd(), tables) || '.'} and may act on its users.\nTo add a feed of your own: API Base URL ${tenant.baseUrl}, Token ${tenant.apiKey}. Ctrl-C ends it all.\n`,
    );
    return await run({ config }, { once: false });
  } finally {
    await tenant.close();
  }
}
