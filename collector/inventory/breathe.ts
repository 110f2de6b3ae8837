import { setImmediate } from 'node:timers/promises';

const STEPS = 5_000;

/** Lets other work go on once in a while: await it at each step of a long loop. */
export function breathe(): () => Promise<void> | undefined {
  let steps = 0;
  return () => {
    steps += 1;
    return steps % STEPS === 0 ? setImmediate() : undefined;
  };
}
