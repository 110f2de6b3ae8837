// Compiles the JSON Schemas to plain CommonJS modules, so that the program builds no code while it runs:
//
//   node schemas/compile.mjs [--into DIR]      (default schemas/compiled)
//
// ocsf/*.json  → ocsf.cjs, one export a class named after its file (`account_change`, …)
// *.json       → one module a file with the export `validate` (`config.json` → `config.cjs`); of a file that only defines
//                (`$defs` without `type`), one export a definition
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';

const here = dirname(fileURLToPath(import.meta.url));
const flag = process.argv.indexOf('--into');
const into = flag < 0 ? join(here, 'compiled') : resolve(process.argv[flag + 1] ?? '');

const jsonFiles = (directory) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort();
const readJson = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** Annotations (`x-…`) that a schema holds for other readers. */
function annotations(schema, found = new Set()) {
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-')) found.add(key);
    if (typeof value === 'object' && value !== null) annotations(value, found);
  }
  return found;
}

function compiler(options) {
  return new Ajv2020({
    strict: true,
    strictRequired: false,
    code: { source: true, lines: true },
    ...options,
  });
}

rmSync(into, { recursive: true, force: true });
mkdirSync(into, { recursive: true });

// Lengths are counted in UTF-16 units: the only bounds are "not empty" and those of addresses, which are ASCII.
const ocsf = compiler({ unicode: false, strictTypes: false, logger: false });
// No schema asks for what others left unevaluated: without the account of it validation takes a tenth less time.
Object.assign(ocsf.opts, { unevaluated: false, dynamicRef: false });
const classes = jsonFiles(join(here, 'ocsf')).filter((name) => name !== 'objects.json');
ocsf.addSchema(readJson(here, 'ocsf', 'objects.json'));
for (const name of classes) ocsf.addSchema(readJson(here, 'ocsf', name));
writeFileSync(
  join(into, 'ocsf.cjs'),
  standalone.default(ocsf, Object.fromEntries(classes.map((name) => [name.replace('.json', ''), name]))),
);

// Schemas of what people write report every mistake, not the first alone.
for (const name of jsonFiles(here)) {
  const schema = readJson(here, name);
  const ajv = compiler({ allErrors: true, allowUnionTypes: true, strictTypes: false, verbose: true });
  ajv.addVocabulary([...annotations(schema)]);
  const isOfDefinitions = schema.type === undefined;
  ajv.addSchema(schema);
  const exported = isOfDefinitions
    ? Object.fromEntries(
        Object.keys(schema.$defs).map((definition) => [definition, `${schema.$id}#/$defs/${definition}`]),
      )
    : { validate: schema.$id };
  writeFileSync(join(into, name.replace(/\.json$/, '.cjs')), standalone.default(ajv, exported));
}
