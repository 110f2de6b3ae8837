// Prints a CycloneDX 1.6 bill of materials of what a production installation holds, what its pages bundle included, read
// from package-lock.json alone (no network): `node .ci/sbom.mjs > sbom.cdx.json`. The same lockfile always gives the same
// bytes; with SOURCE_DATE_EPOCH set, the document carries that time.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BUNDLED } from './bundled.mjs';

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const lockText = read('package-lock.json');
const lock = JSON.parse(lockText);
const product = JSON.parse(read('package.json'));
if (lock.lockfileVersion !== 3) throw new Error(`package-lock.json is of version ${lock.lockfileVersion}, not 3`);

/** Name of the package at a place in the tree: `node_modules/a/node_modules/@b/c` holds `@b/c`. */
const nameAt = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Package URL (purl specification, type npm): the scope's @ is percent-encoded. */
const purl = (name, version) => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;

/** Where Node.js finds a dependency of the package at `place`: in its own node_modules, else the nearest one above. */
function resolve(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(at.lastIndexOf('node_modules/') - 1, 0))) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return candidate;
    if (at === '') return undefined;
  }
}

/** The places that one package's production dependencies resolve to; optional ones and peers need not be there. */
function dependenciesOf(place) {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = lock.packages[place];
  const places = [];
  for (const name of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
    // Of a bundled package only what is bundled with it is here.
    if (place !== '' && BUNDLED.includes(nameAt(place)) && !BUNDLED.includes(name)) continue;
    const found = resolve(place, name);
    if (found !== undefined) places.push(found);
    else if (dependencies[name] !== undefined && optionalDependencies[name] === undefined)
      throw new Error(`package-lock.json has no ${name}, which ${place || 'the product'} needs`);
  }
  // The product holds these in what it is built to.
  if (place === '') places.push(...BUNDLED.map((name) => `node_modules/${name}`));
  return places.sort();
}

/** Every place that is reached from the product without its development dependencies. */
function production() {
  const reached = new Set();
  const open = [''];
  for (let place = open.pop(); place !== undefined; place = open.pop())
    for (const next of dependenciesOf(place))
      if (!reached.has(next)) {
        reached.add(next);
        open.push(next);
      }
  return [...reached].sort();
}

/** CycloneDX tells a single SPDX id from an expression such as `(MIT OR CC0-1.0)`. */
const licence = (text) => (/[ ()]/.test(text) ? { expression: text } : { license: { id: text } });

const hexOf = (integrity) => ({
  alg: integrity.slice(0, integrity.indexOf('-')).replace('sha', 'SHA-'),
  content: Buffer.from(integrity.slice(integrity.indexOf('-') + 1), 'base64').toString('hex'),
});

/** One package of the tree; the same version at two places is one component. */
function component(place) {
  const { version, integrity, license, optional, cpu, os } = lock.packages[place];
  const name = nameAt(place);
  const scope = name.startsWith('@') ? { group: name.split('/')[0], name: name.split('/')[1] } : { name };
  const platform = [...(os ?? []), ...(cpu ?? [])].join(' ');
  return {
    type: 'library',
    'bom-ref': purl(name, version),
    ...scope,
    version,
    scope: optional ? 'optional' : 'required',
    ...(integrity === undefined ? {} : { hashes: [hexOf(integrity)] }),
    ...(license === undefined ? {} : { licenses: [licence(license)] }),
    purl: purl(name, version),
    ...(platform === '' ? {} : { properties: [{ name: 'jumpcloud-ocsf:platform', value: platform }] }),
  };
}

/** A version-5 UUID of the lockfile: a document changes its number when, and only when, its contents change. */
function serialNumber() {
  const bytes = createHash('sha256').update(lockText).update(product.version).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `urn:uuid:${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')}`;
}

const places = production();
const refAt = (place) => (place === '' ? root : purl(nameAt(place), lock.packages[place].version));
const root = purl(product.name, product.version);
const components = new Map(places.map((place) => [refAt(place), component(place)]));
const edges = new Map();
for (const place of ['', ...places]) {
  const from = edges.get(refAt(place)) ?? new Set();
  for (const to of dependenciesOf(place)) from.add(refAt(to));
  edges.set(refAt(place), from);
}
const epoch = process.env.SOURCE_DATE_EPOCH;

process.stdout.write(
  `${JSON.stringify(
    {
      $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      serialNumber: serialNumber(),
      version: 1,
      metadata: {
        ...(epoch === undefined ? {} : { timestamp: new Date(Number(epoch) * 1000).toISOString() }),
        component: {
          type: 'application',
          'bom-ref': root,
          name: product.name,
          version: product.version,
          description: product.description,
          licenses: [licence(product.license)],
          purl: root,
        },
      },
      components: [...components.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
      dependencies: [...edges]
        .map(([ref, on]) => ({ ref, dependsOn: [...on].sort() }))
        .sort((a, b) => (a.ref < b.ref ? -1 : 1)),
    },
    null,
    2,
  )}\n`,
);
