import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { CollectorError, errno } from '../errors.js';

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
