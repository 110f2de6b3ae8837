import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly version: number;
  readonly metadata: { timestamp?: string; component: { 'bom-ref': string; name: string; version: string } };
  readonly components: readonly {
    type: string;
    'bom-ref': string;
    group?: string;
    name: string;
    version: string;
    purl: string;
    hashes: readonly { alg: string; content: string }[];
    licenses: readonly ({ license: { id: string } } | { expression: string })[];
  }[];
  readonly dependencies: readonly { ref: string; dependsOn: readonly string[] }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const product = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};
const print = (env: NodeJS.ProcessEnv = {}) =>
  execFileSync(process.execPath, [`${root}.ci/sbom.mjs`], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  });
const bom = JSON.parse(print()) as Bom;
const named = (name: string) =>
  bom.components.filter((part) => [part.group, part.name].filter(Boolean).join('/') === name);

/** Names and versions of what npm itself would install for production from the lockfile. */
function installedByNpm(): string[] {
  interface Tree {
    readonly version?: string;
    readonly dependencies?: Record<string, Tree>;
  }
  const text = execFileSync('npm', ['ls', '--omit=dev', '--all', '--json', '--package-lock-only'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const found = new Set<string>();
  const visit = ({ dependencies = {} }: Tree): void => {
    for (const [name, below] of Object.entries(dependencies)) {
      if (below.version !== undefined) found.add(`${name}@${below.version}`);
      visit(below);
    }
  };
  visit(JSON.parse(text) as Tree);
  return [...found].sort();
}

it('the bill of materials is a CycloneDX 1.6 document about this product', () => {
  expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
  expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(bom.metadata.component).toMatchObject({ type: 'application', name: product.name, version: product.version });
});

/** Bundled into the console's pages: shipped, though npm does not install them for production. */
const bundled = ['preact', 'preact-iso', 'uplot'];

it('it names exactly what npm installs for production, and what the pages of the console bundle', () => {
  const listed = bom.components.map((part) => `${[part.group, part.name].filter(Boolean).join('/')}@${part.version}`);
  const also = bundled.map((name) => `${name}@${product.devDependencies[name]}`);
  expect(listed.sort()).toEqual([...installedByNpm(), ...also].sort());
});

it('it holds every declared dependency at the declared version and no development tool', () => {
  for (const [name, version] of Object.entries(product.dependencies))
    expect(named(name).map((part) => part.version)).toContain(version);
  for (const name of Object.keys(product.devDependencies).filter((name) => !bundled.includes(name)))
    expect(named(name)).toEqual([]);
});

it('every component carries a package URL, a SHA-512 of its archive and a licence', () => {
  for (const part of bom.components) {
    expect(part.type).toBe('library');
    expect(part.purl).toMatch(/^pkg:npm\/(%40[^/@]+\/)?[^/@]+@[^@]+$/);
    expect(part.hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
    expect(part.licenses).toHaveLength(1);
  }
});

it('references are unique and every edge of the graph leads to a component', () => {
  const references = [bom.metadata.component['bom-ref'], ...bom.components.map((part) => part['bom-ref'])];
  expect(new Set(references).size).toBe(references.length);
  expect(bom.dependencies.map((edge) => edge.ref).sort()).toEqual([...references].sort());
  for (const { dependsOn } of bom.dependencies) for (const ref of dependsOn) expect(references).toContain(ref);
});

it('the same lockfile gives the same bytes, with the time only where SOURCE_DATE_EPOCH sets it', () => {
  expect(print()).toBe(print());
  expect(bom.metadata.timestamp).toBeUndefined();
  const dated = JSON.parse(print({ SOURCE_DATE_EPOCH: '1700000000' })) as Bom;
  expect(dated.metadata.timestamp).toBe('2023-11-14T22:13:20.000Z');
});
