import type { Writable } from 'node:stream';
import { CollectorError, errno } from '../../errors.js';
import { wellFormedLine } from '../files/json-line.js';

const CHUNK_CHARACTERS = 64 * 1024;
const READER_GONE = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** Writes lines to a stream at the pace of its reader. */
export class Lines {
  // The failure reaches the writer by the callback of its write; as an event nobody listens to it would end the process.
  readonly #onError = () => {};

  constructor(private readonly output: Writable) {
    output.on('error', this.#onError);
  }

  /**
   * Writes one JSON text a line and waits until the stream has handed them on.
   * @throws CollectorError ABORTED where the reader is gone, STORAGE_FAILED for anything else.
   */
  async write(texts: Iterable<string>): Promise<void> {
    let chunk = '';
    for (const text of texts) {
      chunk += `${wellFormedLine(text)}\n`;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      await this.#handOn(chunk);
      chunk = '';
    }
    if (chunk !== '') await this.#handOn(chunk);
  }

  release(): void {
    this.output.off('error', this.#onError);
  }

  async #handOn(chunk: string): Promise<void> {
    try {
      await new Promise<void>((done, failed) => {
        this.output.write(chunk, (error) => (error ? failed(error) : done()));
      });
    } catch (error) {
      const code = errno(error);
      if (code !== undefined && READER_GONE.has(code))
        throw new CollectorError('ABORTED', 'The reader of standard output is gone.', {
          cure: 'Start again to go on from the last commit.',
          detail: code,
          cause: error,
        });
      throw new CollectorError(
        'STORAGE_FAILED',
        `Writing to standard output failed: ${error instanceof Error ? error.message : String(error)}`,
        { cure: 'See where standard output leads.', transient: true, ...(code ? { detail: code } : {}), cause: error },
      );
    }
  }
}
