// Builds dist/ and the compiled validators. `--if-possible` (npm's prepare step) does nothing where the
// development dependencies are left out, so that `npm ci --omit=dev` installs beside a dist/ built elsewhere.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;
if (process.argv.includes('--if-possible') && !existsSync(compiler)) process.exit(0);

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (existsSync(`${root}schemas/compile.mjs`)) run('schemas/compile.mjs');
rmSync(`${root}dist`, { recursive: true, force: true });
run(compiler);
if (existsSync(`${root}schemas/compiled`))
  cpSync(`${root}schemas/compiled`, `${root}dist/schemas/compiled`, { recursive: true });
cpSync(`${root}collector/query/questions`, `${root}dist/collector/query/questions`, { recursive: true });
run('.ci/build-programs.mjs');
run('.ci/keep-compiled.mjs');
if (existsSync(`${root}dist/collector/cli.js`)) chmodSync(`${root}dist/collector/cli.js`, 0o755);
if (existsSync(`${root}collector/console/web/index.html`)) run('.ci/build-web.mjs');
