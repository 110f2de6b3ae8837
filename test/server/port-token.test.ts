import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../collector/config/secret.js';
import { createLog } from '../../collector/log/logger.js';
import { followToken } from '../../collector/server/port-token.js';

const FIRST = 'first-token-of-the-port';
const SECOND = 'second-token-of-the-port';

/** A followed token file, and a clock that the test moves. */
function follow() {
  const folder = mkdtempSync(join(tmpdir(), 'token-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  writeFileSync(file, FIRST, { mode: 0o600 });
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = createLog({ level: 'info', format: 'text', stream });
  const clock = { now: Date.now() };
  const token = followToken(new Secret(FIRST, file), log, () => clock.now);
  const logged = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return Buffer.concat(chunks).toString();
  };
  return { file, clock, token, logged, log };
}

it('a token in a file is read again when the file changes, and is masked from then on', async () => {
  const { file, clock, token, logged, log } = follow();
  expect(await token.current()).toBe(FIRST);
  writeFileSync(file, `${SECOND}\n`);
  expect(await token.current(), 'looked at a moment ago').toBe(FIRST);
  clock.now += 1_000;
  expect(await token.current()).toBe(SECOND);
  writeFileSync(file, `${FIRST}\n`);
  clock.now -= 3_600_000;
  expect(await token.current(), 'the clock has stepped back').toBe(FIRST);
  log.info(`the token is ${SECOND}`);
  expect(await logged()).toContain('asks for the new http.token');
  expect(await logged()).not.toContain(SECOND);
});

it('a file that changed under the same time stamp is read again when it is asked for', async () => {
  const { file, clock, token } = follow();
  const long = new Date(clock.now - 60_000);
  utimesSync(file, long, long);
  expect(await token.current()).toBe(FIRST);
  clock.now += 1_000;
  expect(await token.current()).toBe(FIRST);
  writeFileSync(file, SECOND.slice(0, FIRST.length));
  utimesSync(file, long, long);
  token.reload();
  expect(await token.current()).toBe(SECOND.slice(0, FIRST.length));
});

it('what cannot serve as a token leaves the one before in force, with one warning', async () => {
  const { file, clock, token, logged } = follow();
  for (const useless of ['', 'short', 'two words that are long enough', undefined]) {
    if (useless === undefined) rmSync(file);
    else writeFileSync(file, useless);
    for (let times = 0; times < 3; times++) {
      clock.now += 1_000;
      expect(await token.current()).toBe(FIRST);
    }
  }
  const warnings = (await logged()).split('\n').filter((line) => line.includes('WARN'));
  expect(warnings.map((line) => /is empty|fewer than 16|white space|does not exist/.exec(line)?.[0])).toEqual([
    'is empty',
    'fewer than 16',
    'white space',
    'does not exist',
  ]);
});

it('a token that is no file stays what it is; without one there is none', async () => {
  const { log } = follow();
  expect(await followToken(new Secret(FIRST), log, Date.now).current()).toBe(FIRST);
  expect(await followToken(undefined, log, Date.now).current()).toBeUndefined();
});
