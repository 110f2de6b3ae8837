import { describe } from 'vitest';
import { findDistribution, NoBroker } from './distribution.js';

/** Why this machine cannot run a broker; undefined where it can. */
async function reasonAgainst(): Promise<string | undefined> {
  try {
    await findDistribution();
    return undefined;
  } catch (error) {
    if (error instanceof NoBroker && process.env.CI !== 'true') return error.message;
    throw error;
  }
}

const reason = await reasonAgainst();
if (reason !== undefined) process.stderr.write(`\nSKIPPED: tests on a real Kafka broker. ${reason}\n\n`);

/** `describe` for tests that need a real broker: skipped loudly on a plain machine, never where CI=true. */
export const describeKafka = describe.skipIf(reason !== undefined);
