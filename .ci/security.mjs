// Every security check that can run on this machine: the audit of the dependencies, the tests that hold the promises of
// .github/SECURITY.md (their files come from its table), and random statements against `query` (FUZZ_SECONDS, 60 unless
// set). Says what was not done, and fails where one failed. `--list` prints the test files;
// names of checks as arguments run these alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const table = readFileSync(`${root}.github/SECURITY.md`, 'utf8').matchAll(/^\|[^|]+\| `(test\/[^`]+)` +\|/gm);
const files = [...new Set([...table].map(([, file]) => file))];
if (files.length === 0) throw new Error('.github/SECURITY.md names no test');
if (process.argv.includes('--list')) {
  process.stdout.write(`${files.join('\n')}\n`);
  process.exit(0);
}

/** Runs Node.js with the arguments, its output shown; true where it ends with 0. */
const node = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;

/** The audit: undefined where the registry answered none and none is required. */
function audit() {
  const { status, stdout } = spawnSync(process.execPath, ['.ci/audit.mjs'], { cwd: root, encoding: 'utf8' });
  process.stdout.write(stdout);
  if (status !== 0) return false;
  return stdout.includes('NOT DONE') ? undefined : true;
}

const fuzz = `${root}dist/test/query/fuzz.js`;
const checks = [
  ['audit', audit],
  ['promises', () => node('node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', ...files)],
  ['query', () => (existsSync(fuzz) ? node(fuzz, process.env.FUZZ_SECONDS ?? '60') : undefined)],
];
const wanted = process.argv.slice(2);
const chosen = checks.filter(([name]) => wanted.length === 0 || wanted.includes(name));
const outcomes = chosen.map(([name, check]) => [name, check()]);
for (const [name, passed] of outcomes)
  process.stdout.write(`security: ${name}: ${passed === undefined ? 'NOT DONE' : passed ? 'passed' : 'FAILED'}\n`);
process.stdout.write('security: tests that were skipped are named above\n');
process.exit(outcomes.some(([, passed]) => passed === false) ? 1 : 0);
