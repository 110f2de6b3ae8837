/** `npm run fuzz:query [seconds] [seed]`: random statements for a time; ends with 1 at the first that reads or writes more than it may. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzzQuery } from './fuzz-run.js';

const seconds = Number(process.argv[2] ?? 600);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const home = mkdtempSync(join(tmpdir(), 'query-fuzz-'));
const until = performance.now() + seconds * 1000;
process.stdout.write(`seed ${seed}\n`);
try {
  const { answered, refused } = await fuzzQuery(home, seed, () => performance.now() < until);
  process.stdout.write(
    `${answered + refused} statements: ${answered} answered, ${refused} refused; nothing changed, nothing read\n`,
  );
} finally {
  rmSync(home, { recursive: true });
}
