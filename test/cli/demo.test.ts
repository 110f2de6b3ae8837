import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, folder, jsonLines } from './command.js';

const hostile = {
  JUMPCLOUD_API_KEY: 'not-a-key',
  JUMPCLOUD_API_KEY_FILE: '/nowhere',
  JUMPCLOUD_BASE_URL: 'https://console.jumpcloud.com',
  JUMPCLOUD_NONSENSE: '1',
  KAFKA_BROKERS: '192.0.2.1:9092',
  SINK: 'kafka',
  TABLES_DIRECTORY: '/nowhere',
  FEED_NAME: '../..',
  CONFIG_FILE: '/nowhere.yaml',
  LOG_LEVEL: 'shout',
  HTTP_PROXY: 'http://192.0.2.1:1',
  HTTPS_PROXY: 'http://192.0.2.1:1',
};

it('the demo runs twice in an empty folder whatever the environment holds, says what it collected and answers a question', async () => {
  const cwd = folder();
  // Of 1,500 records some are dead letters; for the second run fewer do.
  for (const [records, env] of [
    [1_500, {}],
    [500, hostile],
  ] as const) {
    const { code, stdout, stderr } = await command(['demo', '--records', String(records)], { cwd, env });
    expect(code, stderr).toBe(0);
    const [, collected] = /Collected (\d+) records of a simulated organisation .* in 5 polls/.exec(stdout) ?? [];
    expect(Number(collected)).toBeGreaterThanOrEqual(records);
    expect(Number(collected)).toBeLessThan(records + 200);
    expect(stdout).toMatch(/Authentication +3002 +\d+/);
    expect(stdout).toMatch(/Account Change +3001 +\d+/);
    expect(stdout).toMatch(/\d+ late records/);
    expect(stdout).toMatch(/\d+ repeats/);
    expect(stdout).toMatch(/\d+ dead letters/);
    expect(stdout).toMatch(/Tables: data\/demo\n/);
    expect(stdout).toMatch(/Who failed to log in most often.*\n\n +user_name +failures/);
    const [, all, events, dead, repeats] = /(\d+) records = (\d+) events \+ (\d+) dead letters \+ (\d+) repeats/
      .exec(stdout)!
      .map(Number);
    expect(events! + dead! + repeats!).toBe(all);
    const counted = await command(
      [
        'query',
        '--tables-directory',
        'data/demo',
        '--format',
        'json',
        // The collector's own event, that the key ends soon, is of no record.
        'SELECT (SELECT count(raw_data) FROM events) AS events, (SELECT count(*) FROM dead_letters) AS dead',
      ],
      { cwd },
    );
    expect(jsonLines(counted.stdout)).toEqual([{ events, dead }]);
  }
  expect(statSync(join(cwd, 'data', 'demo')).mode & 0o777).toBe(0o700);
  expect(readdirSync(cwd)).toEqual(['data']);
});

it('the demo leaves a directory alone that no demo made', async () => {
  const cwd = folder();
  const own = join(cwd, 'own');
  mkdirSync(own);
  writeFileSync(join(own, 'thesis.txt'), 'mine');
  const ended = await command(['demo', '--directory', 'own'], { cwd });
  expect(ended).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/was not created by a demo\.\n.*→ Name another place/),
  });
  expect(existsSync(join(own, 'thesis.txt'))).toBe(true);
  expect(await command(['demo', '--directory', 'own/thesis.txt/demo'], { cwd })).toMatchObject({
    code: 74,
    stdout: '',
    stderr: expect.stringMatching(/^Reading or writing below \S+ failed: ENOTDIR.*\n.*→ A part of the path is a file/),
  });
});
