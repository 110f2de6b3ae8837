import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { CollectorError } from '../errors.js';
import { errno } from '../files/durable-file.js';
import { printableJson, printableLines } from '../log/printable.js';
import { maskedJson, processRedactor } from '../log/redactor.js';

/**
 * Writes text and waits while the reader is slower than the work.
 * @throws CollectorError ABORTED where the reader is gone (`| head -1`), STORAGE_FAILED for anything else
 */
export async function put(output: Writable, text: string): Promise<void> {
  try {
    if (!output.write(text)) await once(output, 'drain');
  } catch (error) {
    const detail = errno(error);
    if (detail === 'EPIPE') {
      throw new CollectorError('ABORTED', 'The reader of standard output is gone.', { cure: 'Nothing.', detail });
    }
    throw new CollectorError(
      'STORAGE_FAILED',
      `Writing the result failed: ${error instanceof Error ? error.message : String(error)}`,
      { cure: 'See where standard output leads, and whether there is space left.', cause: error },
    );
  }
}

/** Writes text for people: without the secrets in force, and with nothing in it that steers a terminal. */
export function writeText(output: Writable, text: string): void {
  output.write(printableLines(processRedactor.mask(text)));
}

/** Writes a JSON value, indented, as `writeText` does. */
export function writeJson(output: Writable, value: unknown): void {
  output.write(`${printableJson(maskedJson(value, (text) => processRedactor.mask(text), 2))}\n`);
}
