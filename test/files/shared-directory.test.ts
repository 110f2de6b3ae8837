import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sharedDirectory, sharedDirectoryNotice } from '../../collector/files/shared-directory.js';

function folder(mode: number): string {
  const path = mkdtempSync(join(tmpdir(), 'shared-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  chmodSync(path, mode);
  return path;
}

it.each([0o700, 0o750, 0o755])(
  'a directory of mode %o that only its owner writes to is nobody else’s',
  async (mode) => {
    expect(await sharedDirectory(folder(mode))).toBeUndefined();
  },
);

it.each([
  [0o777, true, /every user/],
  [0o1777, true, /every user/],
  [0o702, true, /every user/],
  [0o770, false, /group \d+/],
])(
  'a directory of mode %o can be changed by others, which is said with the way to end it',
  async (mode, grave, who) => {
    const path = folder(mode);
    expect(await sharedDirectory(path)).toEqual({
      grave,
      message: expect.stringMatching(who),
      cure: expect.stringContaining(`chmod go-w ${path}`),
    });
  },
);

it.skipIf(process.geteuid?.() !== 0)('a directory of another user is said to be one', async () => {
  const path = folder(0o700);
  chownSync(path, 12_345, 12_345);
  expect(await sharedDirectory(path)).toMatchObject({ grave: true, message: expect.stringContaining('12345') });
});

it('a shared directory is reported once, when it is there', async () => {
  const path = folder(0o777);
  const told: string[] = [];
  rmSync(path, { recursive: true });
  const look = sharedDirectoryNotice(path, (message) => told.push(message));
  await look();
  expect([await sharedDirectory(path), told]).toEqual([undefined, []]);
  const other = folder(0o777);
  const lookThere = sharedDirectoryNotice(other, (message) => told.push(message));
  await lookThere();
  await lookThere();
  expect(told).toHaveLength(1);
});
