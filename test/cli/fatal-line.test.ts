import { expect, it } from 'vitest';
import { command, feedOf, folder, tenant } from './command.js';

const DAY = 86_400_000;

/** Each line of stderr as the log's JSON has it. */
function linesOf(stderr: string): Record<string, unknown>[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('a failure that ends the program is one JSON line where the log prints such lines, and readable text where it does not', async () => {
  const simulated = await tenant({ from: Date.now() - DAY, to: Date.now(), records: 10, keys: [{ state: 'revoked' }] });
  const args = ['backfill', '--from', '2026-01-01T00:00:00Z', '--to', '2026-01-02T00:00:00Z'];
  const env = feedOf(simulated);
  const json = await command(args, { env: { ...env, LOG_FORMAT: 'json' }, cwd: folder() });
  expect(json.code).toBe(77);
  const last = linesOf(json.stderr).at(-1);
  expect(last).toMatchObject({ level: 'error', code: 'CREDENTIAL_REFUSED', msg: expect.any(String) });
  expect(String(last?.cure)).not.toBe('');
  const text = await command(args, { env: { ...env, LOG_FORMAT: 'text' }, cwd: folder() });
  expect(text.stderr).toContain(`${last?.msg}\n  → ${last?.cure}`);
});

it.each<[string, string[], Record<string, string>, string]>([
  ['a configuration that is refused', ['run'], { LOG_FORMAT: 'json', SINK: 'nowhere' }, 'CONFIG_INVALID'],
  ['a missing credential', ['run', '--once', '--log-format', 'json'], {}, 'CREDENTIAL_MISSING'],
  ['a verb that there is not', ['collect'], { LOG_FORMAT: 'json' }, 'USAGE'],
])('%s is one JSON line too where JSON is asked for', async (_, args, env, code) => {
  const ended = await command(args, { env, cwd: folder() });
  const lines = linesOf(ended.stderr);
  expect(lines.at(-1)).toMatchObject({ level: 'error', code });
});
