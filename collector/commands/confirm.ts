import { createInterface } from 'node:readline/promises';
import { CollectorError } from '../errors.js';

/**
 * Asks on the terminal before something is changed by hand.
 * @param yes the flag that answers beforehand
 * @returns whether to go on
 * @throws CollectorError USAGE where nobody can be asked
 */
export async function confirm(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CollectorError('USAGE', 'Nothing was changed: there is no terminal to ask on.', {
      cure: 'Add --yes to go on without being asked.',
    });
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}
