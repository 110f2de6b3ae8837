import { expect, it } from 'vitest';
import { command } from './command.js';

// That of every verb is compared with a stored copy: test/compat/public.test.ts.
it('the help of the command goes to stdout and ends with 0', async () => {
  const { code, stdout, stderr } = await command(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('Not affiliated with JumpCloud');
  expect(stdout).toContain('Exit codes: 0 done');
});

it('--version prints the version alone', async () => {
  expect((await command(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('without a verb the help goes to stderr and the exit code is 2', async () => {
  const { code, stdout, stderr } = await command([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Name a verb.');
  expect(stderr).toContain('Commands:');
});

it.each([
  [['runn'], /Unknown verb: runn\n.*Did you mean run\?/],
  [['config', 'prin'], /Unknown verb: prin\n.*Did you mean print\?/],
  [['config'], /Name print or export or schema\./],
  [['run', '--poll-intervall', '5s'], /Unknown flag: --poll-intervall\n.*Did you mean --poll-interval\?/],
  [['run', '--poll-interval'], /Not enough arguments following: poll-interval/],
  [['run', 'and-more'], /Unknown argument: and-more/],
  [['backfill', '--from', '2026-08-01'], /Missing required argument: to/],
  [['backfill', '--from', 'yesterday', '--to', '2026-08-01'], /--from yesterday is neither a date/],
  [['backfill', '--from', '2026-08-02', '--to', '2026-08-01'], /is not before --to/],
  [['query'], /query needs a statement\.\n.*"SELECT count\(\*\) FROM events", or - to read it from stdin/],
  [['query', 'SELECT', '1'], /more words were given: 1\n.*Put the whole statement in quotes/],
  [
    ['query', 'SELECT 1', '--formt', 'json'],
    /Unknown flag: --formt\n.*Did you mean --format\? See jumpcloud-ocsf query/,
  ],
  [['query', 'SELECT 1', '--poll-interval', '5s'], /Unknown flag: --poll-interval\n {2}→ See/],
  [['query', 'SELECT 1', '--tables-directory'], /Not enough arguments following: tables-directory/],
  [['query', '--format', 'json'], /query needs a statement/],
  [['query', ''], /There is no statement/],
  [['simulate', '--port', 'abc'], /--port must be a whole number from 0 to 65535/],
  [['simulate', '--port', '-1'], /--port must be a whole number/],
  [['simulate', '--records', '1e999'], /--records must be a whole number/],
  [['simulate', '--per-minute', '-1'], /--per-minute must be a whole number/],
  [['demo', '--port', '70000'], /--port must be a whole number/],
  [['demo', '--records', 'x'], /--records must be a whole number/],
  [['query', 'SELECT 1', '--format', 'xml'], /Given: "xml", Choices: "table", "wide", "json", "ndjson", "csv"/],
])('%j is a mistake: said with a cure, exit 2, and nothing is run', async (args, message) => {
  const { code, stdout, stderr } = await command(args);
  expect(stderr).toMatch(message);
  expect(stderr).toContain('→');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr, 'the verb must not have been run').not.toMatch(/CREDENTIAL|no tables/);
});

it.each([
  [['jca_PLANTED0123456789abcdefghijklmnopqrst'], 2],
  [['run', 'jca_PLANTED0123456789abcdefghijklmnopqrst'], 2],
  [['run', '0123456789abcdefPLANTED89abcdef01234567'], 2],
  [['run', '--jca_PLANTED0123456789abcdefghijklmnopqrst'], 2],
  [['query', 'SELECT', 'jca_PLANTED0123456789abcdefghijklmnopqrst'], 2],
  [['run', '--config', 'jca_PLANTED0123456789abcdefghijklmnopqrst'], 78],
])('a key in the wrong place of the command line is not printed: %j', async (args, expected) => {
  const { code, stdout, stderr } = await command(args);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toContain('[secret]');
  expect(stderr).not.toMatch(/PLANTED/i);
});
