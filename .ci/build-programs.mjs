// Bundles each program that the product starts into few files, which start in half the time: the programs keep
// their paths in dist/collector/, what they share lies in chunks/. Names and lines stay, and each part says which
// file it is of. The licences of the libraries within stand in dist/collector/licences.txt.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licencesOf } from './licences.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist', 'collector');

const TEST_PROGRAMS = ['contract/sink-child', 'faults/collector-child', 'faults/remap-child'];
const PROGRAMS = ['cli', 'query/statement-process', 'sinks/tables/maintenance-process', 'sinks/try-lock-process'];

const DUCKDB = '@duckdb/node-api';

/** Native code, and what is read from its own directory. */
const EXTERNAL = [/^node:/, /^@duckdb\/node-bindings/, /^kafkajs(\/|$)/];

/** What the libraries load and the product never calls: HTTP/2 of got, which opens a TLS context at once, and tracing. */
const LEFT_OUT = ['http2-wrapper', '@opentelemetry/api'];

/** Of its two releases the older: the other takes 20 ms to compile its regular expressions, for the width of help. */
const oneStringWidth = {
  name: 'one string-width',
  async resolveId(name, importer) {
    if (name !== 'string-width') return undefined;
    const { id } = await this.resolve('cliui', importer);
    return this.resolve('string-width', id, { skipSelf: true });
  },
  // It looks at each letter as if it were an emoji: half of what the help of a verb took.
  transform: {
    filter: { id: /[\\/]string-width[\\/]index\.js$/ },
    handler(code) {
      const head = 'export default function stringWidth(string, options = {}) {';
      const found = code.replace(head, `${head} if (/^[ -~]+$/.test(string)) return string.length;`);
      if (found === code) throw new Error('string-width begins otherwise');
      return { code: found, map: null };
    },
  },
};

const leaveOut = {
  name: 'leave out',
  resolveId: (name) => (LEFT_OUT.includes(name) ? `\0${name}` : undefined),
  load: (id) => (LEFT_OUT.includes(id.slice(1)) ? 'export default {};' : undefined),
};

const PLACE = '\0place';

/** `import.meta.url` of a module is its own path in dist/, not the chunk's: it locates files by it. */
const keepPlace = {
  name: 'keep place',
  resolveId: (name) => (name === PLACE ? PLACE : undefined),
  load: (id) => (id === PLACE ? `export const root = new URL('../../../', import.meta.url);` : undefined),
  transform: {
    filter: { code: 'import.meta.url' },
    handler(code, id) {
      if (id.startsWith('\0')) return undefined;
      const [, library] = /[\\/](node_modules[\\/].*)/.exec(id) ?? [];
      const place = library ?? join('dist', relative(root, id)).replace(/\.ts$/, '.js');
      const url = `new URL(${JSON.stringify(place.replaceAll('\\', '/'))}, __packageRoot).href`;
      // On the first line, so that the others keep their numbers.
      const found = `import { root as __packageRoot } from '${PLACE}'; ${code.replaceAll('import.meta.url', url)}`;
      return { code: found, map: null };
    },
  },
};

/** DuckDB's library is required where it is first used, and is a program of its own for that. */
const bundledDuckDB = {
  name: 'bundled DuckDB',
  transform: {
    filter: { id: /load-duckdb\.ts$/ },
    handler(code) {
      const found = code
        .replaceAll(`('${DUCKDB}')`, `('../../chunks/duckdb.cjs')`)
        .replace(/^ *load\(.*dataAccessors.*$/m, '');
      if (!found.includes('duckdb.cjs') || found.includes(`${DUCKDB}/`))
        throw new Error(`load-duckdb.ts requires ${DUCKDB} otherwise`);
      return { code: found, map: null };
    },
  },
};

/** As load-duckdb.ts has it where the library is no bundle. */
const keepTexts = {
  name: 'keep texts',
  transform: {
    filter: { id: /[\\/]dataAccessors\.js$/ },
    handler(code) {
      const found = code.replace('new TextDecoder()', "new TextDecoder('utf-8', { ignoreBOM: true })");
      if (found === code) throw new Error('DuckDB decodes texts otherwise');
      return { code: found, map: null };
    },
  },
};

/** @returns what was written */
async function bundle(input, plugins, options) {
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    preserveEntrySignatures: 'strict',
    // yargs would locate presets by it, which nobody names.
    checks: { emptyImportMeta: false },
    external: EXTERNAL,
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    plugins,
  });
  const { output } = await build.write({
    ...options,
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  return output;
}

/**
 * As CommonJS, of which Node.js 20 can load compiled code; the launcher under the program's path loads it.
 * @param folder of the sources, in which the programs stand and to which they are built
 */
async function bundlePrograms(folder, names) {
  const dir = join(root, 'dist', folder);
  const output = await bundle(
    Object.fromEntries(names.map((name) => [name, join(root, folder, `${name}.ts`)])),
    [oneStringWidth, leaveOut, bundledDuckDB, keepPlace],
    {
      dir,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: 'chunks/[name].cjs',
      codeSplitting: { groups: [{ name: 'place', test: (id) => id === PLACE }] },
    },
  );
  for (const name of names) {
    const path = join(dir, `${name}.js`);
    const start = relative(dirname(path), join(target, 'runtime', 'start-program.js'));
    writeFileSync(
      path,
      `#!/usr/bin/env node
import { startProgram } from '${start.startsWith('.') ? start : `./${start}`}';
await startProgram(new URL('./${basename(name)}.cjs', import.meta.url));
`,
    );
    rmSync(`${path}.map`, { force: true });
  }
  return output;
}

const programs = await bundlePrograms('collector', PROGRAMS);
const duckdb = await bundle(DUCKDB, [keepTexts], { file: join(target, 'chunks', 'duckdb.cjs'), format: 'cjs' });

for (const { fileName, imports = [] } of programs)
  for (const program of PROGRAMS)
    if (imports.includes(`${program}.cjs`)) throw new Error(`${fileName} imports the program ${program}`);

// What is bundled is installed for production as well: the bill of materials and the audit go by package-lock.json.
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const libraries = new Set(
  [...programs, ...duckdb]
    .flatMap(({ moduleIds = [] }) => moduleIds)
    // To the last folder of that name: a library may have libraries of its own.
    .flatMap(
      (id) => /\/node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll('\\', '/'))?.[1] ?? [],
    ),
);
for (const name of libraries)
  if (packages[`node_modules/${name}`]?.dev !== undefined || packages[`node_modules/${name}`] === undefined)
    throw new Error(`${name} is bundled, but not installed for production`);
writeFileSync(join(target, 'licences.txt'), licencesOf('The programs of the collector', [...libraries].sort()));

// The tests start theirs by the hundred. An image is built without tests.
if (existsSync(join(root, 'test'))) await bundlePrograms('test', TEST_PROGRAMS);
