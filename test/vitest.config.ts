import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './slow-first.js';

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/kafka/serve-broker.ts'],
    // What is wrong with kafkajs is a finding about kafkajs, raced for on a real cluster: `npm run defects` repeats it.
    // The browser's tests are a step of their own: `npm run test:browser`.
    exclude: ['test/browser/**', ...(process.env.DEFECTS === 'true' ? [] : ['test/kafka/defects.test.ts'])],
    // `npm run test:clock` begins each file at an instant of its own.
    setupFiles: process.env.CLOCK === undefined ? [] : ['.ci/set-clock.mjs'],
    // Only what hangs is to be ended: no test asserts how fast it is, and a busy machine takes its time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // More than there are cores: tests of processes and brokers wait for most of their time.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
  },
});
