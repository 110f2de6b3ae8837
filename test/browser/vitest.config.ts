import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { CHROMIUM } from './chromium.js';

const isThere = existsSync(CHROMIUM);
if (!isThere && process.env.CI !== 'true')
  console.warn(`SKIPPED: the browser tests need ${CHROMIUM} (apt-get install chromium)`);

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    // With CI=true a machine without Chromium fails at its first test.
    include: isThere || process.env.CI === 'true' ? ['test/browser/**/*.test.ts'] : [],
    passWithNoTests: !isThere && process.env.CI !== 'true',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What a page comes to show may take as long as what it is waited for by name (browser.ts).
    expect: { poll: { timeout: 100_000 } },
    pool: 'forks',
    // Two, with a browser each: tests of a real run wait for it for most of their time. Pictures are listed in one file.
    maxWorkers: process.env.README_PICTURES === 'true' ? 1 : 2,
    isolate: false,
    reporters: ['verbose'],
  },
});
