import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configFileVariable } from '../../collector/config/environment.js';
import { keys } from '../../collector/config/keys.js';
import { errorCodes, exitCodes } from '../../collector/errors.js';
import { figuresTable, type Measured } from '../bench/figures-table.js';
import { anchors } from './anchors.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = ['deploy/OPERATIONS.md', 'deploy/kubernetes/README.md', '.github/SECURITY.md', 'CHANGELOG.md'];
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const documents = ['.github', 'collector', 'deploy', 'fixtures', 'mappings', 'schemas', 'test']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .concat(readdirSync(root))
  .filter((name) => name.endsWith('.md'));

it.each(documents)('%s links to files and headings that exist', (page) => {
  for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(root, file)), `${page} links to ${target}`).toBe(true);
    if (anchor !== undefined) expect(anchors(read(file)), target).toContain(anchor);
  }
});

it('README’s table of figures says what is stored of the benches', () => {
  expect(read('README.md')).toContain(figuresTable(JSON.parse(read('test/bench/figures.json')) as Measured));
});

it('README’s table of verbs names each', () => {
  const flags = JSON.parse(read('test/compat/public/flags.json')) as object;
  const verbs = new Set(Object.keys(flags).map((path) => path.split(' ')[0]!));
  const table = read('README.md').split('| verb | does |')[1]!.split('\n\n')[0]!;
  const named = [...table.matchAll(/`([a-z-]+)/g)].map(([, name]) => name);
  expect([...verbs].filter((verb) => verb !== '' && !named.includes(verb))).toEqual([]);
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('names configuration keys, variables and error codes that exist', () => {
    const paths = new Set(keys.map((key) => key.path));
    const sections = [...new Set(keys.filter((key) => key.segments.length > 1).map((key) => key.segments[0]))];
    const key = new RegExp(`\`((?:${sections.join('|')})(?:\\.[a-zA-Z]+)+)[\`:]`, 'g');
    for (const [, named = ''] of text.matchAll(key)) expect(paths, page).toContain(named);
    const variables = [...keys.flatMap(({ env, fileEnv }) => [env, fileEnv]), configFileVariable];
    for (const [, named] of text.matchAll(/\b((?:JUMPCLOUD|KAFKA|HTTP|POLL|TABLES)_[A-Z_]+)=/g))
      expect(variables, page).toContain(named);
    for (const [, named] of text.matchAll(/`([A-Z]+_[A-Z_]+)`/g))
      expect(
        [...Object.keys(errorCodes), ...variables, 'NODE_OPTIONS', 'AUDIT_REQUIRED', 'FUZZ_SECONDS'],
        page,
      ).toContain(named);
  });
});

describe('the promises of SECURITY.md', () => {
  const section = read('.github/SECURITY.md').split('## Promises and their tests')[1]!.split('\n## ')[0]!;
  const rows = [...section.matchAll(/^\| *([^|]+?) *\| `([^`]+)` +\| *([^|]+?) *\|$/gm)].map(
    ([, promise = '', file = '', title = '']) => ({ promise, file, title }),
  );

  it('are each a row that can be read', () => {
    const lines = section.split('\n').filter((line) => line.startsWith('|'));
    expect(rows).toHaveLength(lines.length - 2);
    expect(rows.length).toBeGreaterThan(30);
  });

  it.each(rows)('are held by a test of that title: $promise', ({ file, title }) => {
    expect(existsSync(join(root, file)), file).toBe(true);
    expect(read(file)).toContain(title);
  });

  it('are what `npm run security` runs', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(scripts.security).toBe('node .ci/security.mjs');
    const listed = execFileSync(process.execPath, [join(root, '.ci/security.mjs'), '--list'], { encoding: 'utf8' });
    expect(listed.trim().split('\n')).toEqual([...new Set(rows.map(({ file }) => file))]);
  });
});

it('each of the 22 findings of the security review has a test of that file and title', () => {
  const section = read('test/faults/README.md').split('## Findings of the security review')[1]!;
  const rows = [...section.matchAll(/^\| ([\w: ]+) \| .+ \| `([^`]+)` \| (.+) \|$/gm)];
  for (const [, number, file = '', title = ''] of rows) expect(read(file), number).toContain(title);
  const numbers = new Set(rows.map(([, number]) => Number(number)).filter(Number.isInteger));
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 22 }, (_, n) => n + 1));
});

it('the operations page lists every exit code, once, and none besides', () => {
  const section = read('deploy/OPERATIONS.md').split('## Exit codes')[1]!.split('\n## ')[0]!;
  const listed = [...section.matchAll(/^\| +(\d+) +\|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(exitCodes).sort((a, b) => a - b));
});

it('the workflow runs the gate with no right to write, on the oldest Node.js that is promised and on that of the image', () => {
  interface Workflow {
    readonly permissions: object;
    readonly jobs: {
      readonly gate: { readonly strategy: { matrix: { node: string[] } }; readonly steps: { run?: string }[] };
    };
  }
  const { permissions, jobs } = parse(read('.github/workflows/check.yml')) as Workflow;
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [, major] = /^ARG NODE_IMAGE=node:(\d+)\./m.exec(read('Dockerfile')) ?? [];
  expect(permissions).toEqual({ contents: 'read' });
  expect(jobs.gate.steps.map((step) => step.run)).toContain('bash .ci/run');
  expect(jobs.gate.strategy.matrix.node).toEqual(expect.arrayContaining([engines.node.replace('>=', ''), major]));
});

it('the changelog has a heading for the version of this tree', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('CHANGELOG.md')).toMatch(
    new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - \\d{4}-\\d\\d-\\d\\d$`, 'm'),
  );
});
