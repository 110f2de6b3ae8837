import type { IncomingMessage } from 'node:http';

/** The body of a request, read as far as it is wanted. */
export interface RequestBody {
  /**
   * The whole body. `too_large`: more than `maxBytes` have come, the rest is not read; `cut`: the client left in the
   * middle, or was too slow.
   */
  read(maxBytes: number): Promise<Buffer | 'too_large' | 'cut'>;
  /** Reads and forgets until the body ends, the client leaves, or more than `maxBytes` of the body have come in all. */
  drain(maxBytes: number): Promise<void>;
}

/** Opens the body of a request; nothing is read yet. */
export function openBody(request: IncomingMessage): RequestBody {
  let received = 0;
  return {
    async read(maxBytes) {
      const chunks: Buffer[] = [];
      const how = await consume(request, (chunk) => {
        received += chunk.length;
        chunks.push(chunk);
        return received <= maxBytes;
      });
      if (how === 'stopped') return 'too_large';
      return how === 'ended' ? Buffer.concat(chunks) : 'cut';
    },
    async drain(maxBytes) {
      await consume(request, (chunk) => {
        received += chunk.length;
        return received <= maxBytes;
      });
    },
  };
}

/** Hands on chunks until one is not wanted. Not by iteration: leaving a loop early would destroy the request. */
function consume(request: IncomingMessage, take: (chunk: Buffer) => boolean): Promise<'ended' | 'stopped' | 'cut'> {
  return new Promise((resolve) => {
    const settle = (how: 'ended' | 'stopped' | 'cut') => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).pause();
      resolve(how);
    };
    const onData = (chunk: Buffer) => {
      if (!take(chunk)) settle('stopped');
    };
    const onEnd = () => settle('ended');
    const onClose = () => settle('cut');
    if (request.readableEnded) resolve('ended');
    else if (request.destroyed) resolve('cut');
    else request.on('data', onData).on('end', onEnd).on('close', onClose).resume();
  });
}
