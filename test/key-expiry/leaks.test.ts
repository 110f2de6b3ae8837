import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import type { JsonObject } from '../../mappings/json.js';
import { command, feedOf, folder, start, tenant } from '../cli/command.js';

const HOUR = 3_600_000;
const planted = {
  httpToken: 'planted-http-token-4f9a2c71',
  saslPassword: 'planted-sasl-password-77e0b1',
  proxyPassword: 'planted-proxy-password-c2d8',
  recordPassword: 'planted-record-password-0d93',
  recordToken: 'planted-record-token-51ac77',
  changedSecret: 'planted-changed-secret-b81e2',
  totpSeed: 'PLANTEDTOTPSEED234567',
};

/** Records that hold secrets, as a careless administrator's change does; the last one becomes a dead letter. */
function plantRecords(simulated: Tenant): string {
  const record = (id: string, more: JsonObject): JsonObject => ({
    id,
    service: 'directory',
    event_type: 'user_update',
    timestamp: new Date(Date.now() - 60_000).toISOString(),
    organization: simulated.organization,
    initiated_by: { type: 'admin', email: 'admin@example.test', id: '5f0000000000000000000009' },
    success: true,
    ...more,
  });
  const first = simulated.add(
    record('plant-1', {
      resource: { id: '5f0000000000000000000001', username: 'ann', type: 'user', password: planted.recordPassword },
      changes: [
        { field: 'password', from: planted.changedSecret, to: planted.recordPassword },
        { field: 'totpSecret', to: planted.totpSeed },
        { field: 'apiToken', to: { token: planted.recordToken } },
      ],
    }),
  );
  simulated.add(
    record('plant-2', { timestamp: 'not a time', secret: planted.changedSecret, password: planted.recordPassword }),
  );
  return simulated.ledger.text(first);
}

/** Every form in which a secret could lie around. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, '').slice(0, -1),
    encodeURIComponent(secret),
  ];
}

function expectNone(secrets: readonly string[], text: string, where: string): void {
  const found = secrets.filter((secret) => formsOf(secret).some((form) => text.includes(form)));
  expect(found, `found in ${where}`).toEqual([]);
}

/** Everything in a folder as text, but for the files that hold the secrets on purpose. */
function* filesIn(directory: string, except: readonly string[]): Generator<[string, string]> {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name);
    if (!except.includes(name) && statSync(path).isFile()) yield [name, readFileSync(path).toString('latin1')];
  }
}

async function rowsOf(directory: string): Promise<string> {
  const tables = await openTables(directory);
  try {
    let text = '';
    for (const view of ['events', 'dead_letters']) {
      const { rows } = await tables.query(`SELECT CAST(to_json(v) AS VARCHAR) FROM ${view} v`);
      for await (const [row] of rows) text += `${row}\n`;
    }
    return text;
  } finally {
    await tables.close();
  }
}

it('no planted secret appears in any output, file, metric, status, dead letter, process title or crash', {
  timeout: 240_000,
}, async () => {
  const simulated = await tenant({ from: Date.now() - HOUR, to: Date.now() + HOUR / 60, serviceAccounts: [{}] });
  const record = plantRecords(simulated);
  const [account] = simulated.serviceAccounts;
  const fresh = simulated.issueKey({ email: 'second@example.test' }).key;
  const all = [...Object.values(planted), simulated.apiKey, fresh, account!.clientSecret];
  const cwd = folder();
  writeFileSync(join(cwd, 'key'), simulated.apiKey, { mode: 0o600 });
  const { JUMPCLOUD_API_KEY: _, ...feed } = feedOf(simulated, {
    JUMPCLOUD_API_KEY_FILE: 'key',
    POLL_INTERVAL: '1s',
    POLL_START: '2h',
    LOG_LEVEL: 'trace',
    HTTP_ENABLED: 'true',
    HTTP_PORT: '0',
    HTTP_TOKEN: planted.httpToken,
    HTTPS_PROXY: `http://user:${planted.proxyPassword}@127.0.0.1:9`,
  });
  const outputs: [string, string][] = [];
  const heard = (what: string, { stdout, stderr }: { stdout: string; stderr: string }) => {
    expect(stdout.length + stderr.length, what).toBeGreaterThan(0);
    outputs.push([`${what}: stdout`, stdout], [`${what}: stderr`, stderr]);
  };

  const running = start(['run'], { cwd, env: feed });
  await running.said(/status on (http:\S+?)"/);
  const [, address] = /status on (http:\S+?)"/.exec(running.stderr()) ?? [];
  await running.said('caught up; next poll');
  const headers = { authorization: `Bearer ${planted.httpToken}` };
  for (const path of ['/metrics', '/status', '/readyz', '/healthz']) {
    const answer = await fetch(`${address}${path}`, { headers });
    outputs.push([path, await answer.text()]);
  }
  for (const name of ['cmdline', 'comm'])
    outputs.push([name, readFileSync(`/proc/${running.child.pid}/${name}`, 'latin1')]);
  running.child.kill('SIGHUP');
  writeFileSync(join(cwd, 'key'), fresh);
  await running.said('another key is in use');
  await sleep(1_500);
  running.child.kill('SIGTERM');
  heard('run', await running.ended);

  const quiet = { ...feed, HTTP_ENABLED: 'false' };
  const ask = async (args: readonly string[], env: Readonly<Record<string, string>> = quiet, input?: string) =>
    heard(args.join(' '), await command(args, { cwd, env, ...(input === undefined ? {} : { input }) }));
  await ask(['check', '--report', 'report.json']);
  await ask(['key']);
  await ask(['key', '--json']);
  await ask(['key', 'replace'], quiet, simulated.apiKey);
  await ask(['key', 'replace'], quiet, 'jca_'.padEnd(40, 'w'));
  await ask(['config', 'print']);
  await ask(['map'], {}, `${record}\n`);
  await ask(['run', '--once'], {
    ...quiet,
    JUMPCLOUD_BASE_URL: 'https://api.jumpcloud.com/insights/directory/v1',
    FEED_NAME: 'far',
  });
  const asAccount: Record<string, string> = {
    ...quiet,
    JUMPCLOUD_AUTHORIZATION: 'service-account',
    JUMPCLOUD_CLIENT_ID: account!.clientId,
    JUMPCLOUD_CLIENT_SECRET: account!.clientSecret,
    JUMPCLOUD_ORG_ID: simulated.organization,
    FEED_NAME: 'account',
  };
  delete asAccount.JUMPCLOUD_API_KEY_FILE;
  await ask(['run', '--once'], asAccount);
  account!.state = 'revoked';
  await ask(['check'], asAccount);
  await ask(['check'], {
    ...quiet,
    SINK: 'kafka',
    KAFKA_BROKERS: `127.0.0.1:${await deafPort()}`,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'collector',
    KAFKA_SASL_PASSWORD: planted.saslPassword,
  });
  await ask(['run', '--once'], { ...quiet, HTTP_PORT: planted.httpToken });

  writeFileSync(join(cwd, 'crash.cjs'), 'setTimeout(() => { throw new Error("a defect of the test"); }, 1500);\n');
  const crashed = await command(['run'], { cwd, env: quiet, nodeFlags: ['--require', join(cwd, 'crash.cjs')] });
  expect(crashed).toMatchObject({ code: 70, stderr: expect.stringContaining('a defect of the test') });
  heard('crash', crashed);

  // The scan finds what is there: the record as JumpCloud sent it.
  expect(() => expectNone(all, record, 'the record')).toThrow('found in the record');
  for (const [what, text] of outputs) expectNone(all, text, what);
  for (const [name, text] of filesIn(cwd, ['key'])) expectNone(all, text, name);
  const rows = await rowsOf(join(cwd, 'tables'));
  expect(rows).toContain('plant-1');
  expect(rows).toContain('not a time');
  expectNone(all, rows, 'the rows of the tables');
});

/** A port that takes connections and closes them: Kafka that does not speak. */
async function deafPort(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}
