import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addressOf, command, compareTables, feedOf, folder, start, tenant } from './command.js';
import { plantGap, until } from './repairing.js';

const TOKEN = 'token-of-the-listener';
const OVERSIZED = 'a'.repeat(300_000);

it.each([
  ['without a token', {}, [415, 403, 403, 413]],
  ['with a token that the client lacks', { HTTP_TOKEN: TOKEN }, [401, 401, 401, 401]],
  ['with the token', { HTTP_TOKEN: TOKEN }, [415, 403, 403, 413], { authorization: `Bearer ${TOKEN}` }],
] as const)('a running feed outlives oversized bodies at /repair, %s, and goes on collecting', async (...given) => {
  const [, more, statuses, authorization = {}] = given;
  const simulated = await tenant();
  const cwd = folder();
  const env = feedOf(simulated, { HTTP_ENABLED: 'true', HTTP_PORT: '0', POLL_INTERVAL: '1s', ...more });
  const running = start(['run'], { cwd, env: { ...env, LOG_LEVEL: 'debug' } });
  const address = await addressOf(running);
  await running.said('caught up; next poll');
  const types: Record<string, string>[] = [
    { 'content-type': 'text/plain' },
    { 'content-type': 'text/plain', origin: 'https://evil.example' },
    { 'content-type': 'application/json', origin: 'https://evil.example' },
    { 'content-type': 'application/json' },
  ];
  // Page after page may ask, and the answer to a body this large may be lost with the connection: then nothing is said.
  const answers = await Promise.all(
    types.map((headers) =>
      fetch(`${address}/repair`, { method: 'POST', body: OVERSIZED, headers: { ...headers, ...authorization } }).then(
        ({ status }) => status,
        () => undefined,
      ),
    ),
  );
  for (const [index, status] of answers.entries()) expect([statuses[index], undefined]).toContain(status);
  plantGap(simulated, 7, 1_000);
  await until(
    async () => (await compareTables(join(cwd, 'tables'), simulated)).equal,
    (equal) => equal,
  );
  expect(running.child.exitCode).toBeNull();
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/defect|"level":"error"/);
});

it('a changed token file is followed by a running feed', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const file = join(cwd, 'token');
  writeFileSync(file, 'first-token-of-the-port', { mode: 0o600 });
  const env = feedOf(simulated, { HTTP_ENABLED: 'true', HTTP_PORT: '0', HTTP_TOKEN_FILE: file });
  const running = start(['run'], { cwd, env });
  const address = await addressOf(running);
  const ask = async (token: string) =>
    (await fetch(`${address}/status`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect([await ask('first-token-of-the-port'), await ask('second-token-of-the-port')]).toEqual([200, 401]);
  writeFileSync(file, 'second-token-of-the-port');
  await until(
    () => ask('second-token-of-the-port'),
    (status) => status === 200,
  );
  expect(await ask('first-token-of-the-port')).toBe(401);
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain('second-token');
});

it('a token of fewer than 16 characters is refused with the way to make one', async () => {
  const simulated = await tenant();
  const env = feedOf(simulated, { HTTP_ENABLED: 'true', HTTP_PORT: '0', HTTP_TOKEN: 'fifteen-letters' });
  const { code, stderr } = await command(['run', '--once'], { env });
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/HTTP_TOKEN: http\.token has fewer than 16 .*openssl rand/),
  ]);
  expect(stderr).not.toContain('fifteen-letters');
  expect((await command(['run', '--once'], { env: { ...env, HTTP_TOKEN: 'sixteen--letters' } })).code).toBe(0);
});
