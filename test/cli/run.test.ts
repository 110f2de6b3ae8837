import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { addressOf, cli, command, compareTables, feedOf, folder, jsonLines, start, tenant, until } from './command.js';

/** A port that is taken, and stays so. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it('F-32: with the health port taken it says so and collects all the same', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const port = await takenPort();
  const env = feedOf(simulated, { HTTP_ENABLED: 'true', HTTP_PORT: String(port), LOG_LEVEL: 'debug' });
  const running = start(['run'], { cwd, env });
  await running.said('caught up; next poll');
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
  const warned = jsonLines(running.stderr()).find(({ msg }) => String(msg).includes(String(port)));
  expect(warned).toMatchObject({ level: expect.stringMatching(/warn|error/) });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});

it('readiness: 503 with a reason while JumpCloud refuses the key, 200 again with a new one, and the run never ends', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const { JUMPCLOUD_API_KEY: _, ...rest } = feedOf(simulated, {
    HTTP_ENABLED: 'true',
    HTTP_PORT: '0',
    POLL_INTERVAL: '1s',
    LOG_LEVEL: 'debug',
  });
  const key = join(cwd, 'key');
  writeFileSync(key, simulated.apiKey);
  const running = start(['run'], { cwd, env: { ...rest, JUMPCLOUD_API_KEY_FILE: key } });
  const address = await addressOf(running);
  await running.said('caught up; next poll');
  await until(`${address}/readyz`, 200);
  for (const issued of simulated.keys) issued.state = 'revoked';
  const refused = await until(`${address}/readyz`, 503);
  expect(refused).toMatch(/key|credential|401/i);
  expect((await fetch(`${address}/healthz`)).status, 'alive all the while').toBe(200);
  writeFileSync(key, simulated.issueKey({}).key);
  await until(`${address}/readyz`, 200);
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
  const loud = jsonLines(running.stderr()).filter(
    ({ code, level }) => code === 'CREDENTIAL_REFUSED' && level === 'error',
  );
  expect(loud, 'one loud line').toHaveLength(1);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});

it('R-17: of several feeds in one file, one with a dead key leaves the others unharmed; run --once ends with its code', async () => {
  const one = await tenant();
  const two = await tenant({ seed: 29 });
  const cwd = folder();
  const feed = (name: string, { baseUrl }: { baseUrl: string }, key: string) =>
    [
      `  - name: ${name}`,
      '    jumpcloud:',
      `      baseUrl: ${baseUrl}`,
      `      apiKey: ${key}`,
      `    tables: { directory: ${name} }`,
    ].join('\n');
  const feeds = [
    feed('sound', one, one.apiKey),
    feed('dead', one, `jca_${'d'.repeat(36)}`),
    feed('other', two, two.apiKey),
  ];
  writeFileSync(
    join(cwd, 'config.yaml'),
    `poll: { start: 3d, requestsPerSecond: 1000 }\njumpcloud: { eventTypes: [login, admin, other] }\nhttp: { enabled: false }\nfeeds:\n${feeds.join('\n')}\n`,
    { mode: 0o600 },
  );
  const ended = await command(['run', '--once', '--config', 'config.yaml'], { cwd });
  expect(ended).toMatchObject({ code: 77, stdout: '' });
  const lines = jsonLines(ended.stderr);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([
    expect.objectContaining({ feed: 'dead', code: 'CREDENTIAL_REFUSED' }),
  ]);
  for (const [name, simulated] of [
    ['sound', one],
    ['other', two],
  ] as const) {
    expect(lines).toContainEqual(expect.objectContaining({ feed: name, msg: expect.stringContaining('caught up') }));
    expect(await compareTables(join(cwd, name), simulated)).toMatchObject({ equal: true, delivered: 120 });
  }
});

it('R-14, R-15: a page of HTML, a cut body and a 503 neither move the position nor end the run', async () => {
  const simulated = await tenant({
    script: [
      { when: { requests: [1] }, effect: { kind: 'html', status: 200 } },
      { when: { requests: [3] }, effect: { kind: 'body', form: 'truncated' } },
      { when: { requests: [5] }, effect: { kind: 'status', status: 503 } },
      { when: { requests: [7] }, effect: { kind: 'body', form: 'object' } },
    ],
  });
  const cwd = folder();
  const running = start(['run'], {
    cwd,
    env: feedOf(simulated, { LOG_LEVEL: 'debug', POLL_PAGE_SIZE: '40', POLL_INTERVAL: '1s' }),
  });
  await running.said('caught up; next poll');
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 120 });
});

it('stdout carries events and nothing else; the reader that leaves ends it quietly, and the next run goes on', async () => {
  const simulated = await tenant({ trouble: { malformed: { share: 0.02 } } });
  const cwd = folder();
  const env = feedOf(simulated, { SINK: 'stdout', STATE_DIRECTORY: 'state' });
  const { code, stdout } = await command(['run', '--once'], { cwd, env });
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.every((line) => typeof JSON.parse(line).class_uid === 'number')).toBe(true);
  expect(lines.length).toBeGreaterThan(100);
  expect(await command(['run', '--once'], { cwd, env })).toMatchObject({ code: 0, stdout: '' });
  const program = ['bash', '-c', '"$0" "$@" | head -1 | cut -c1-1; echo "code $PIPESTATUS"', process.execPath];
  const left = await command([cli, 'run', '--once'], { cwd, program, env: { ...env, STATE_DIRECTORY: 'another' } });
  expect(left.stdout).toBe('{\ncode 0\n');
  expect(left.stderr).not.toContain('defect');
});

it('feeds of one organization that deliver the same event types to one place are named, in the log and by check; others are not', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const member = (name: string, types: string, directory: string) =>
    `  - { name: ${name}, jumpcloud: { eventTypes: [${types}] }, tables: { directory: ${directory} } }\n`;
  const feeds = [
    member('both', 'login,admin', 'shared'),
    member('again', 'admin', './shared/'),
    member('other', 'other', 'shared'),
    member('elsewhere', 'login,admin', 'own'),
  ];
  writeFileSync(join(cwd, 'config.yaml'), `reconcile: { enabled: false }\nfeeds:\n${feeds.join('')}`);
  const { TABLES_DIRECTORY: _, JUMPCLOUD_EVENT_TYPES: _types, ...env } = feedOf(simulated);
  const options = { cwd, env };
  const ended = await callVerb(['run', '--once', '--config', 'config.yaml'], options);
  const named = jsonLines(ended.stderr).filter(({ msg }) => String(msg).includes('to the same place'));
  // The first of the two may be done before the other has met its organization.
  expect(named.length).toBeGreaterThan(0);
  for (const { feed } of named) expect(['both', 'again']).toContain(feed);
  const { stdout } = await callVerb(['check', '--json', '--config', 'config.yaml'], options);
  const { findings } = JSON.parse(stdout) as { findings: { feed?: string; part: string; message: string }[] };
  const shared = findings.filter(({ message }) => message.includes('to the same place'));
  expect(shared.map(({ feed, message }) => [feed, /by (\w+) too/.exec(message)?.[1]])).toEqual([
    ['both', 'again'],
    ['again', 'both'],
  ]);
});
