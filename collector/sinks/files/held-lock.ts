import type { Lock } from '../sink.js';

/** Something that a sink closes when it is closed itself. */
export interface Closable {
  close(): Promise<void>;
}

/**
 * A lock that is freed once, by `release` or with its sink.
 * @param open what the sink has open
 * @param free called once
 */
export function heldLock(open: Set<Closable>, free: () => void | Promise<void>): Lock {
  const held = {
    close: async () => {
      if (open.delete(held)) await free();
    },
  };
  open.add(held);
  return { release: held.close };
}
