import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The rooms from the roof down. An import goes down, never up and never to a neighbour on the same floor. */
const FLOORS: readonly (readonly string[])[] = [
  ['cli'],
  ['commands'],
  ['console'],
  ['reprocess', 'diagnostics'],
  ['server', 'runtime'],
  ['monitoring'],
  ['reconcile', 'backfill', 'key-expiry', 'webhook', 'inventory', 'response', 'watch'],
  ['pipeline', 'query'],
  ['sinks'],
  ['config', 'fixtures'],
  ['position', 'jumpcloud'],
  ['log', 'files', 'clock'],
  ['mappings'],
  ['schemas', 'errors', 'version'],
];

/** Files that may lie in `collector/` itself; everything else has a room. */
const LOOSE = ['cli.ts', 'clock.ts', 'errors.ts', 'version.ts'];

/** Imports against the order that are still to be removed, as `from -> to`. The test fails for one that is gone. */
const OPEN: readonly string[] = [];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)['"]/g;

/** Paths of the TypeScript files under a folder, relative to the repository. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`);
}

/** The room of a file: its folder in `collector/`, the name of a loose file there, or the folder at the top. */
function roomOf(file: string): string {
  const [top = '', next = ''] = file.split('/');
  return top === 'collector' ? next.replace(/\.ts$/, '') : top;
}

interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** Imports that lead from one room to another, files relative to the repository. */
function arrows(): Arrow[] {
  const files = ['collector', 'mappings', 'schemas', 'fixtures'].flatMap(filesIn);
  return files.flatMap((from) =>
    [...readFileSync(join(root, from), 'utf8').matchAll(IMPORT)]
      .map(([, path]) => relative(root, normalize(join(root, dirname(from), path!))))
      .map((to) => ({ from, to: to.split(sep).join('/').replace(/\.js$/, '.ts') }))
      .filter(({ to }) => roomOf(to) !== roomOf(from)),
  );
}

const floorOf = (file: string) => FLOORS.findIndex((rooms) => rooms.includes(roomOf(file)));
const name = ({ from, to }: Arrow) => `${from} -> ${to}`;

describe('the rooms of the collector', () => {
  const all = arrows();

  it('each have a floor in the order of this test', () => {
    expect(all.length, 'imports between rooms were found').toBeGreaterThan(200);
    const unknown = new Set(all.flatMap(({ from, to }) => [from, to]).filter((file) => floorOf(file) < 0));
    expect([...unknown], 'give the new room a floor in FLOORS, and a row in collector/README.md').toEqual([]);
  });

  it('import downwards only', () => {
    const up = all.filter(({ from, to }) => floorOf(to) <= floorOf(from)).map(name);
    if (OPEN.length > 0) console.log(`still open:\n${OPEN.join('\n')}`);
    expect(up.filter((arrow) => !OPEN.includes(arrow)).sort()).toEqual([]);
    expect(
      OPEN.filter((arrow) => !up.includes(arrow)),
      'no longer needed: take it off the list',
    ).toEqual([]);
  });

  it('do not import each other in a circle', () => {
    const next = new Map<string, Set<string>>();
    for (const arrow of all.filter((one) => !OPEN.includes(name(one))))
      next.set(roomOf(arrow.from), (next.get(roomOf(arrow.from)) ?? new Set()).add(roomOf(arrow.to)));
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      [...(next.get(from) ?? [])].some((room) => room === to || (!seen.has(room) && reaches(room, to, seen.add(room))));
    expect([...next.keys()].filter((room) => reaches(room, room))).toEqual([]);
  });

  it('hold every file of collector/ but the command line, the errors, the clock and the version', () => {
    const loose = filesIn('collector').map((file) => file.slice('collector/'.length));
    expect(loose.filter((file) => !file.includes('/')).sort()).toEqual(LOOSE);
  });
});
