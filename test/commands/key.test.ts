import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { KeyReport } from '../../collector/key-expiry/report.js';
import type { TenantOptions } from '../../fixtures/tenant/tenant.js';
import { command, feedOf, folder, tenant } from '../cli/command.js';
import { collectWith } from './collecting.js';

const DAY = 86_400_000;

/** A feed whose key is in a file, collected once; with `run` false it never ran. */
async function collected(options: TenantOptions = {}, run = true) {
  const simulated = await tenant({ to: Date.now(), from: Date.now() - DAY, ...options });
  const cwd = folder();
  const keyFile = join(cwd, 'key');
  writeFileSync(keyFile, simulated.apiKey, { mode: 0o600 });
  const { JUMPCLOUD_API_KEY: _, ...env } = feedOf(simulated, { JUMPCLOUD_API_KEY_FILE: 'key', POLL_START: '30h' });
  if (run) await collectWith({ ...env, JUMPCLOUD_API_KEY_FILE: keyFile, TABLES_DIRECTORY: join(cwd, 'tables') });
  const key = (args: readonly string[], input?: string) =>
    command(['key', ...args], { env, cwd, ...(input === undefined ? {} : { input }) });
  return { simulated, cwd, env, keyFile, key, file: () => readFileSync(keyFile, 'utf8') };
}

it('key shows which key, how long it lives, how that is known and which header JumpCloud takes', async () => {
  const createdAt = new Date(Date.now() - 77 * DAY).toISOString();
  const expiresAt = new Date(Date.now() + 13 * DAY - 60_000).toISOString();
  const { simulated, key } = await collected({ keys: [{ createdAt, expiresAt }] });
  const json = await key(['--json']);
  expect(json.code).toBe(0);
  const [report] = JSON.parse(json.stdout) as KeyReport[];
  expect(report).toMatchObject({
    lastFour: simulated.apiKey.slice(-4),
    where: 'key',
    header: { configured: 'bearer', used: 'x-api-key' },
    createdAt,
    expiresAt,
    daysLeft: 13,
    certain: true,
    basis: 'JumpCloud says so.',
    accepted: true,
    organization: simulated.organization,
  });
  const text = await key([]);
  expect(text.stdout).toMatch(/^days left {4}13$/m);
  expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain(simulated.apiKey);
});

it('key of a revoked key says so and exits with 77', async () => {
  const { simulated, key } = await collected();
  simulated.keys[0]!.state = 'revoked';
  const { code, stdout } = await key(['--json']);
  expect(code).toBe(77);
  expect(JSON.parse(stdout)).toMatchObject([{ accepted: false, failure: { code: 'CREDENTIAL_REFUSED' } }]);
});

it('key shows every feed of a configuration, and --feed one', async () => {
  const [one, other] = [await tenant(), await tenant({ seed: 99 })];
  const cwd = folder();
  writeFileSync(
    join(cwd, 'config.yaml'),
    `feeds:\n  - name: one\n    jumpcloud: {baseUrl: "${one.baseUrl}", apiKey: "${one.apiKey}"}\n  - name: other\n    jumpcloud: {baseUrl: "${other.baseUrl}", apiKey: "${other.apiKey}"}\n`,
    { mode: 0o600 },
  );
  const env = { CONFIG_FILE: 'config.yaml' };
  const all = await command(['key', '--json'], { env, cwd });
  expect((JSON.parse(all.stdout) as KeyReport[]).map(({ feed }) => feed)).toEqual(['one', 'other']);
  const only = await command(['key', '--json', '--feed', 'other'], { env, cwd });
  expect((JSON.parse(only.stdout) as KeyReport[]).map(({ lastFour }) => lastFour)).toEqual([other.apiKey.slice(-4)]);
  expect((await command(['key', 'replace'], { env, cwd, input: 'x' })).code).toBe(2);
});

it('key replace verifies the new key and swaps the file in one step, readable by its owner alone', async () => {
  const { simulated, cwd, key, file } = await collected();
  const fresh = simulated.issueKey().key;
  const { code, stdout, stderr } = await key(['replace'], `  "${fresh}"\r\n`);
  expect(stderr).toContain('spaces around it and quotes around it: taken off');
  expect({ code, file: file(), mode: statSync(join(cwd, 'key')).mode & 0o777 }).toEqual({
    code: 0,
    file: fresh,
    mode: 0o600,
  });
  expect(stdout).toContain(`organization ${simulated.organization}`);
  expect(stdout + stderr).not.toContain(fresh);
  expect(readdirSync(cwd).sort()).toEqual(['key', 'tables']);
});

it('key replace reads --from-file, follows a link, and keeps the right of a group that alone could read', async () => {
  const { simulated, cwd, env } = await collected();
  const fresh = simulated.issueKey().key;
  symlinkSync('key', join(cwd, 'link'));
  chmodSync(join(cwd, 'key'), 0o640);
  writeFileSync(join(cwd, 'new'), fresh, { mode: 0o600 });
  const linked = { ...env, JUMPCLOUD_API_KEY_FILE: 'link' };
  expect((await command(['key', 'replace', '--from-file', 'new'], { env: linked, cwd })).code).toBe(0);
  expect(readFileSync(join(cwd, 'key'), 'utf8')).toBe(fresh);
  expect(statSync(join(cwd, 'key')).mode & 0o777).toBe(0o640);
});

it.for([
  ['a key that JumpCloud refuses', () => 'jca_'.padEnd(40, 'z'), 77, 'revoked or has expired'],
  [
    'a key of another organization',
    (simulated) => simulated.issueKey({ email: 'b@example.test', organizations: [simulated.organizations[1]!] }).key,
    78,
    'belongs to',
  ],
  [
    'a key that may not read a service that was read so far',
    (simulated) =>
      simulated.issueKey({
        email: 'c@example.test',
        organizations: [simulated.organization],
        refusedServices: ['radius', 'ldap'],
      }).key,
    77,
    'radius, ldap',
  ],
  ['nothing', () => '\n', 77, 'nothing was given'],
  ['what is no key', () => 'two words of text', 77, 'not a key'],
] as [string, (simulated: Awaited<ReturnType<typeof tenant>>) => string, number, string][])(
  'key replace refuses %s and leaves the file as it is',
  async ([, make, code, says]) => {
    const simulated = await tenant({
      to: Date.now(),
      from: Date.now() - DAY,
      organizations: [{ records: 40, to: Date.now(), from: Date.now() - DAY }],
      keys: [],
    });
    const own = simulated.issueKey({ email: 'a@example.test', organizations: [simulated.organization] }).key;
    const cwd = folder();
    writeFileSync(join(cwd, 'key'), own, { mode: 0o600 });
    const { JUMPCLOUD_API_KEY: _, ...env } = feedOf(simulated, { JUMPCLOUD_API_KEY_FILE: 'key', POLL_START: '30h' });
    await collectWith({ ...env, JUMPCLOUD_API_KEY_FILE: join(cwd, 'key'), TABLES_DIRECTORY: join(cwd, 'tables') });
    const ended = await command(['key', 'replace'], { env, cwd, input: make(simulated) });
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(says);
    expect(readFileSync(join(cwd, 'key'), 'utf8')).toBe(own);
    expect(readdirSync(cwd).sort()).toEqual(['key', 'tables']);
  },
);

it('key replace refuses a key from a variable and names the cure', async () => {
  const simulated = await tenant();
  const { code, stderr } = await command(['key', 'replace'], { env: feedOf(simulated), input: simulated.apiKey });
  expect(code).toBe(78);
  expect(stderr).toContain('JUMPCLOUD_API_KEY_FILE');
});

it('key replace puts a first key in place of a feed that never ran', async () => {
  const { simulated, key, file } = await collected({}, false);
  const fresh = simulated.issueKey().key;
  expect((await key(['replace'], fresh)).code).toBe(0);
  expect(file()).toBe(fresh);
});
