import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { makeDirectory, makeDirectoryBelow, replaceFile } from '../../collector/files/durable-file.js';

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

it.skipIf(!existsSync('/proc/self'))(
  'where a file system takes no new directory, it is an error, not an attempt without end',
  async () => {
    await expect(makeDirectory('/proc/none/below')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/none' });
  },
);

it('of several that make one directory at the same time, none fails', async () => {
  const path = join(folder(), 'a', 'b', 'c');
  await Promise.all(Array.from({ length: 20 }, () => makeDirectory(path)));
  expect(statSync(path).isDirectory()).toBe(true);
});

/** Mounting takes a namespace of one's own, which not every machine grants. */
const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;
if (!canMount) process.stderr.write('SKIPPED: no unshare(1) with rights, so no read-only file system\n');

it.skipIf(!canMount)('a read-only file system is called read-only', () => {
  const root = folder();
  const built = fileURLToPath(new URL('../../dist/collector/files/durable-file.js', import.meta.url));
  expect(existsSync(built), 'npm run build').toBe(true);
  const errors = fileURLToPath(new URL('../../dist/collector/errors.js', import.meta.url));
  const script = `import { makeDirectory } from ${JSON.stringify(pathToFileURL(built).href)};
    import { storageFailed } from ${JSON.stringify(pathToFileURL(errors).href)};
    await makeDirectory(${JSON.stringify(join(root, 'a', 'b', 'c'))}).catch((error) => {
      const { detail, message, cure } = storageFailed(error, 'the tables');
      console.log(JSON.stringify({ detail, message, cure }));
    });`;
  const line = `mount -t tmpfs -o ro none ${root} && exec "$0" --input-type=module -e "$1"`;
  const told = execFileSync('unshare', ['-rm', 'sh', '-c', line, process.execPath, script], { encoding: 'utf8' });
  expect(JSON.parse(told)).toMatchObject({
    detail: 'EROFS',
    message: expect.stringContaining('read-only file system'),
    cure: expect.stringContaining('read-only'),
  });
});

it('a file is replaced although a crash left a partial staged file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'replaced-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'state.json');
  for (const content of ['one', 'two']) {
    writeFileSync(`${path}.aside`, 'a part of what came be');
    await replaceFile(path, content);
    expect(readFileSync(path, 'utf8')).toBe(content);
  }
  expect(readdirSync(directory)).toEqual(['state.json']);
});
