// Builds the console's pages into dist/collector/console/web/: hashed assets, each with its brotli and gzip form, the
// licences of the bundled libraries, and manifest.json, which names everything that the console may serve.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';
import { BUNDLED } from './bundled.mjs';
import { licencesOf } from './licences.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'collector', 'console', 'web');
const target = join(root, 'dist', 'collector', 'console', 'web');

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

await build({
  root: source,
  configFile: false,
  envDir: false,
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: target,
    emptyOutDir: true,
    target: 'es2023',
    cssCodeSplit: false,
    // Everything is a file of its own: the content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

// The licence of each is served and shipped with the pages.
writeFileSync(join(target, 'licences.txt'), licencesOf('The pages of the console', BUNDLED));

const files = readdirSync(target, { recursive: true, encoding: 'utf8' })
  .filter((name) => statSync(join(target, name)).isFile())
  .map((name) => name.split(sep).join('/'))
  .sort()
  .map((name) => {
    const bytes = readFileSync(join(target, name));
    const type = TYPES[extname(name)];
    if (type === undefined) throw new Error(`${name}: the console serves no file of this kind`);
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    const gzip = gzipSync(bytes, { level: 9 });
    const encodings = [
      ['br', brotli],
      ['gzip', gzip],
    ].filter(([, packed]) => packed.length < bytes.length);
    for (const [encoding, packed] of encodings) writeFileSync(join(target, `${name}.${encoding}`), packed);
    return {
      /** Of the address; `/index.html` stands for every page. */
      path: `/${name}`,
      type,
      /** The name changes with the content. */
      immutable: name.startsWith('assets/'),
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      /** Names of the files that hold it compressed: `PATH.br`, `PATH.gzip`. */
      encodings: encodings.map(([encoding]) => encoding),
    };
  });
writeFileSync(join(target, 'manifest.json'), `${JSON.stringify({ files }, null, 1)}\n`);
