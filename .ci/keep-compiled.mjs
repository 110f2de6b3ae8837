// Compiles what the programs in dist/ load, for the Node.js and the processor that run this: the last step of a build, and one of
// an installation for another platform. Without it they start all the same, slower.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { keepCompiled } from '../dist/collector/runtime/start-program.js';

for (const folder of ['collector', 'schemas', 'test']) {
  const path = fileURLToPath(new URL(`../dist/${folder}/`, import.meta.url));
  if (!existsSync(path)) continue;
  for (const name of readdirSync(path, { recursive: true })) if (name.endsWith('.cjs')) keepCompiled(`${path}${name}`);
}
