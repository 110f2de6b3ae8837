import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';
import { makeDirectory, makeDirectoryBelow } from '../../collector/files/durable-file.js';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'files-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it('a directory is made with those above it, for its owner alone', async () => {
  const root = folder();
  await makeDirectory(join(root, 'a', 'b'));
  await makeDirectoryBelow(root, 'a/c/d');
  for (const name of ['a', 'a/b', 'a/c', 'a/c/d']) expect(statSync(join(root, name)).mode & 0o777).toBe(0o700);
  await makeDirectoryBelow(root, 'a/c/d');
});

it('a link below the root is not followed, and nothing is made behind it', async () => {
  const [root, elsewhere] = [folder(), folder()];
  symlinkSync(elsewhere, join(root, 'authentication'));
  mkdirSync(join(root, 'account_change'));
  symlinkSync(elsewhere, join(root, 'account_change', 'event_day=2026-11-28'));
  for (const path of ['authentication/event_day=2026-11-28', 'account_change/event_day=2026-11-28'])
    await expect(makeDirectoryBelow(root, path)).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('is a symbolic link'),
    });
  expect(readdirSync(elsewhere)).toEqual([]);
});

it('what stands in the way is named: a file, and a missing root of none', async () => {
  const root = folder();
  writeFileSync(join(root, 'file'), '');
  await expect(makeDirectory(join(root, 'file', 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});
