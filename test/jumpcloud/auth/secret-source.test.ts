import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSecret, fingerprint, lastFour } from '../../../collector/jumpcloud/auth/secret-source.js';
import { tidy } from '../../../collector/jumpcloud/auth/tidy-secret.js';
import { systemTiming } from '../../../collector/jumpcloud/http/abort.js';
import { recordingObserver } from '../client-under-test.js';

const key = 'jca_0123456789abcdefghijklmnopqrstuvwxyzAAAA';

function newFile(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'key');
  writeFileSync(file, content);
  return file;
}

describe('tidy', () => {
  it.each<[string, string[]]>([
    [key, []],
    [`${key}\n`, ['a trailing newline']],
    [`${key}\r\n`, ['a trailing newline']],
    [`\ufeff${key}`, ['a byte order mark']],
    [`  ${key} `, ['spaces around it']],
    [`"${key}"`, ['quotes around it']],
    [`'${key}'\n`, ['a trailing newline', 'quotes around it']],
    [`\ufeff" ${key} "\n`, ['a byte order mark', 'a trailing newline', 'quotes around it', 'spaces around it']],
    [`Bearer ${key}`, ['the word Bearer before it']],
    [`\n${key}`, ['a leading newline']],
  ])('takes what copy and paste added off %j and names it', (raw, found) => {
    expect(tidy(raw)).toEqual({ secret: key, found });
  });
});

describe('a secret', () => {
  it('is reported once as untidy, without being shown', async () => {
    const { observer, told } = recordingObserver();
    const file = newFile(`"${key}"\n`);
    const secret = createSecret({ file }, observer, systemTiming);
    expect(await secret.read()).toBe(key);
    expect(await secret.read()).toBe(key);
    expect(told.onKeyUntidy).toEqual([{ where: file, found: ['a trailing newline', 'quotes around it'] }]);
    expect(JSON.stringify(told)).not.toContain(key);
  });

  it.each<[string, string]>([
    ['', 'is empty'],
    [' \n', 'is empty'],
    ['""', 'is empty'],
    [`${key}\n${key}`, 'holds more than one line'],
    ['two words', 'holds a space'],
    ['jca_schlüssel', 'holds a character outside plain ASCII'],
    ['jca_\u0000', 'holds a character outside plain ASCII'],
  ])('%j is refused with the reason and without being shown', async (value, why) => {
    const secret = createSecret({ value, where: 'JUMPCLOUD_API_KEY' }, {}, systemTiming);
    const refusal = expect.objectContaining({
      code: 'CREDENTIAL_MISSING',
      message: expect.stringContaining(`JUMPCLOUD_API_KEY ${why}`),
    });
    await expect(secret.read()).rejects.toEqual(refusal);
    await expect(secret.read()).rejects.not.toHaveProperty('message', expect.stringContaining('jca_'));
  });

  it('a file that is not there at the start is an error that names it', async () => {
    const secret = createSecret({ file: '/nonexistent/key' }, {}, systemTiming);
    await expect(secret.read()).rejects.toMatchObject({
      code: 'CREDENTIAL_MISSING',
      message: expect.stringContaining('/nonexistent/key cannot be read (ENOENT)'),
    });
  });

  it('a change of content under the same modification time and size is seen', async () => {
    const file = newFile(key);
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(file, hourAgo, hourAgo);
    const secret = createSecret({ file }, {}, systemTiming);
    expect(await secret.read()).toBe(key);
    const other = key.replace('AAAA', 'BBBB');
    writeFileSync(file, other);
    utimesSync(file, hourAgo, hourAgo);
    expect(await secret.read()).toBe(other);
  });

  it('a file rewritten twice within one tick of the clock is seen both times', async () => {
    const file = newFile(key);
    const secret = createSecret({ file }, {}, systemTiming);
    for (let turn = 0; turn < 50; turn += 1) {
      const next = `${key.slice(0, -4)}${String(turn).padStart(4, '0')}`;
      writeFileSync(file, next);
      expect(await secret.read()).toBe(next);
    }
  });
});

describe('what distinguishes keys', () => {
  it('is 16 hexadecimal digits of the SHA-256, and the last four characters', () => {
    expect(fingerprint('abc')).toBe('ba7816bf8f01cfea');
    expect(lastFour(key)).toBe('AAAA');
  });

  it('gives nothing of a short secret away', () => {
    expect(lastFour('short-secret')).toBe('****');
  });
});
