import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { command, folder } from './command.js';

it('config print shows what is in force and where it comes from, without secrets; what it prints is a configuration', async () => {
  const cwd = folder();
  const secret = `jca_${'s'.repeat(36)}`;
  writeFileSync(join(cwd, 'config.yaml'), 'name: acme\npoll: { overlap: 45m, interval: 2m }\n', { mode: 0o600 });
  const env = { JUMPCLOUD_API_KEY: secret, CONFIG_FILE: 'config.yaml', POLL_INTERVAL: '90s' };
  const { code, stdout, stderr } = await command(['config', 'print', '--poll-page-size', '500'], { cwd, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/name: acme +# config\.yaml:1/);
  expect(stdout).toMatch(/interval: 90s +# POLL_INTERVAL/);
  expect(stdout).toMatch(/overlap: 45m +# config\.yaml:2/);
  expect(stdout).toMatch(/pageSize: 500 +# --poll-page-size/);
  expect(stdout).toContain('[secret]');
  expect(stdout).not.toContain(secret);
  expect(parse(stdout)).toMatchObject({ name: 'acme', poll: { interval: '90s', pageSize: 500 } });
});

it('config schema is a JSON Schema that knows the secrets and takes a plain configuration', async () => {
  const { code, stdout, stderr } = await command(['config', 'schema']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const schema = JSON.parse(stdout) as Record<string, unknown>;
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  const validate = new Ajv2020({ strict: false }).compile(schema);
  expect(validate({ name: 'acme', jumpcloud: { apiKey: { file: 'key' } }, poll: { interval: '90s' } })).toBe(true);
  expect(validate({ nonsense: 1 })).toBe(false);
});

it('a secret as a flag is refused, and not said', async () => {
  const secret = `jca_${'f'.repeat(36)}`;
  const { code, stderr } = await command(['config', 'print', '--jumpcloud-api-key', secret]);
  expect(code).toBe(78);
  expect(stderr).toContain('secrets have no flag');
  expect(stderr).not.toContain(secret);
});
