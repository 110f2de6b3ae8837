/**
 * Benches, one after the other, each in a process of its own: README's table of them, or with `--json` what they print as one array.
 * With `--write` their figures are stored in `figures.json` and README's table is written again.
 *
 *     npm run --silent bench -- [--json] [--write] [mapping] [collect] [query] [questions] [merge] [kafka] [feeds]
 *
 * Without a broker Kafka's figures are not there.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figures, figuresTable, type Measured, withTable } from './figures-table.js';

const STORED = 'test/bench/figures.json';
const benches: Readonly<Record<string, readonly [script: string, ...args: string[]]>> = {
  mapping: ['mapping'],
  collect: ['collect'],
  kafka: ['kafka'],
  feeds: ['feeds'],
  query: ['query'],
  questions: ['query', '--records', '70000', '--days', '30', '--periods', '12', '--copies', '6', '--questions'],
  merge: ['merge'],
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});

function run(name: string): Figures[] {
  const [script, ...args] = benches[name] ?? [];
  if (script === undefined) throw new Error(`no bench is called ${name}; there are ${Object.keys(benches).join(', ')}`);
  process.stderr.write(`${name} …\n`);
  return execFileSync(process.execPath, [`dist/test/bench/${script}.js`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const machine = `${availableParallelism()} cores, Node.js ${process.version}`;
let figures = (positionals.length === 0 ? Object.keys(benches) : positionals).flatMap(run);
if (values.write) {
  const stored: Measured = JSON.parse(readFileSync(STORED, 'utf8'));
  const taken = new Set(figures.map(({ bench }) => bench));
  const kept = stored.machine === machine ? stored.figures.filter(({ bench }) => !taken.has(bench)) : [];
  figures = [...kept, ...figures];
  writeFileSync(STORED, `${JSON.stringify({ machine, figures } satisfies Measured, undefined, 2)}\n`);
  writeFileSync('README.md', withTable(readFileSync('README.md', 'utf8'), figuresTable({ machine, figures })));
}
process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : `${figuresTable({ machine, figures })}\n`);
