// `npm run test:clock [-- tests...]`: every test file that needs no other machine's clock, begun at each of some instants
// at which code that reads the hour or the date goes wrong. Other instants: CLOCKS="2028-02-29T23:59:30Z …".
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Each thirty seconds or less before an edge, or just past it. */
const instants = [
  '2028-02-28T23:59:30Z', // 29 February begins
  '2028-02-29T23:59:30Z', // and ends, with its month
  '2026-12-31T23:59:30Z', // a day, a month and a year end
  '2026-11-03T23:00:05Z', // an hour before midnight
  '2026-11-04T01:00:05Z', // and one after
  '2026-11-03T12:00:00Z', // minutes of the hour
  '2026-11-03T12:29:40Z',
  '2026-11-03T12:59:40Z',
];
// A broker, a container and a certificate have the machine's time.
const elsewhere = [
  'test/kafka/**',
  'test/deploy/**',
  'test/**/*-kafka.test.ts',
  'test/compat/kafka.test.ts',
  'test/faults/**',
  'test/jumpcloud/http/transport.test.ts',
];

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const failed = [];
for (const instant of process.env.CLOCKS?.split(/\s+/) ?? instants) {
  console.log(`\n=== the clock begins at ${instant}`);
  const { status } = spawnSync(
    process.execPath,
    [
      vitest,
      ...['run', '--config', 'test/vitest.config.ts'],
      ...elsewhere.flatMap((glob) => ['--exclude', glob]),
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit', env: { ...process.env, CLOCK: instant } },
  );
  if (status !== 0) failed.push(instant);
}
if (failed.length > 0) console.log(`\nfailed at ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
