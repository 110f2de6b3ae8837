import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { modulesWithin } from '../cli/built-modules.js';
import { command, feedOf, tenant } from '../cli/command.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = join(root, 'dist', 'collector');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, { version: string; dev?: boolean } | undefined>>;
};

/** Folders below node_modules of the libraries that the programs contain, by the source maps of what they are made of. */
function bundled(): string[] {
  const chunks = readdirSync(join(built, 'chunks')).map((name) => join(built, 'chunks', name));
  const sources = [join(built, 'cli.cjs'), ...chunks.filter((name) => name.endsWith('.cjs'))].flatMap((path) =>
    modulesWithin(pathToFileURL(path)),
  );
  const names = sources.map(
    (source) => /\/node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1],
  );
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

it('each bundled library is a production dependency, and its licence is in licences.txt', () => {
  const licences = readFileSync(join(built, 'licences.txt'), 'utf8');
  const libraries = bundled();
  expect(libraries.length).toBeGreaterThan(20);
  for (const folder of libraries) {
    const { version, dev } = packages[`node_modules/${folder}`]!;
    expect(dev, folder).toBeUndefined();
    expect(licences).toContain(`\n${folder.replace(/.*\/node_modules\//, '')} ${version} (`);
  }
});

it('a run reads few files before it collects, and none of a library that its programs contain', async () => {
  const opened = await tenant({ records: 1 });
  const preload = `import { createRequire } from 'node:module';
    const { cache } = createRequire(process.argv[1]);
    process.on('exit', () => { for (const path in cache) process._rawDebug('READ ' + path); });`;
  const { code, stderr } = await command(['run', '--once'], {
    env: feedOf(opened, { SINK: 'stdout' }),
    nodeFlags: [`--import=data:text/javascript,${encodeURIComponent(preload)}`],
  });
  expect(code, stderr).toBe(0);
  const read = [...stderr.matchAll(/^READ (.*)$/gm)].map(([, path = '']) => path);
  expect(read.length).toBeGreaterThan(10);
  // Each file costs about a millisecond: as 650 modules, they took twice the time of all the rest.
  expect(read.length).toBeLessThan(100);
  const libraries = bundled();
  expect(read.filter((path) => libraries.some((name) => path.includes(`/node_modules/${name}/`)))).toEqual([]);
});

it('each part of the programs is code that loads', async () => {
  const parts = readdirSync(join(built, 'chunks')).filter((name) => name.endsWith('.cjs'));
  const load = `for (const part of ${JSON.stringify(parts)}) await import('${pathToFileURL(join(built, 'chunks')).href}/' + part);
    process.exit();`;
  const { code, stderr } = await command(['--input-type=module', '-e', load], { program: [process.execPath] });
  expect(code, stderr).toBe(0);
});
