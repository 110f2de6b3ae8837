import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './slow-first.js';

/** Files that mock a module, change a built-in one, or count or fill what is the whole process's. */
const apart = [
  'connection',
  'feed-store',
  'feed-supervisor',
  'http-server',
  'large-rows',
  'no-hard-links',
  'outage',
  'snapshot-files',
];

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // `npm run test:clock` begins each file at an instant of its own.
    setupFiles: process.env.CLOCK === undefined ? [] : ['.ci/set-clock.mjs'],
    // Only what hangs is to be ended: no test asserts how fast it is, and a busy machine takes its time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 100_000 } },
    pool: 'forks',
    // Tests make much that is soon garbage: V8's usual young generation is collected so often that it takes a tenth of the time.
    execArgv: ['--min-semi-space-size=16'],
    // More than there are cores: tests of processes and brokers wait for most of their time.
    maxWorkers: 4,
    sequence: { sequencer: SlowFirst },
    // Rows that a question has no expected ones for are a failure: `-u` writes them.
    update: 'none',
    projects: [
      {
        extends: true,
        test: { name: 'a process per file', include: apart.map((name) => `test/**/${name}.test.ts`) },
      },
      {
        extends: true,
        // To start a process and to read the product into it costs a second per file.
        test: {
          name: 'shared',
          isolate: process.env.CLOCK !== undefined,
          include: [`test/**/!(${apart.join('|')}).test.ts`],
          globalSetup: ['test/kafka/serve-broker.ts'],
          setupFiles: ['test/seed.ts'],
          // What is wrong with kafkajs is a finding about kafkajs, raced for on a real cluster: `npm run defects` repeats it.
          // The browser's tests are a step of their own: `npm run test:browser`.
          exclude: ['test/browser/**', ...(process.env.DEFECTS === 'true' ? [] : ['test/kafka/defects.test.ts'])],
        },
      },
    ],
  },
});
