/**
 * The benches of mapping, tables and Kafka, one after the other, each in a process of its own: a table of what they
 * print, or with `--json` one array of it. Without a broker Kafka's is not there.
 *
 *     npm run --silent bench -- [--json]
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const figures: Record<string, unknown>[] = ['mapping', 'tables', 'kafka'].flatMap((bench) =>
  execFileSync(process.execPath, [`dist/test/bench/${bench}.js`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line)),
);
const row = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |\n`;
const table = () =>
  [
    ['bench', 'figure', 'value'],
    ['---', '---', '---'],
  ]
    .concat(
      figures.flatMap(({ bench, ...rest }) =>
        Object.entries(rest).map(([figure, value]) => [String(bench), figure, JSON.stringify(value)]),
      ),
    )
    .map(row)
    .join('');
process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : table());
