import { exitCodes } from '../errors.js';
import type { Log } from '../log/logger.js';

/** How a verb that runs for long is asked to stop. */
export interface Stopping {
  /** Aborts at the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

/**
 * Listens for SIGTERM and SIGINT: the first asks the work to stop, which finishes or abandons the batch in hand; a
 * second, or the end of the grace time, ends the process at once. Either way what was committed is safe.
 */
export function listenForStop(log: Log, graceMs: number): Stopping {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      log.warn(`${name} again: stopping at once; the batch in hand is abandoned and will be read again`);
      process.exit(exitCodes.done);
    }
    log.info(`${name}: finishing the batch in hand, then stopping`);
    controller.abort();
    timer = setTimeout(() => {
      log.warn(`the grace time of ${graceMs} ms is over: the batch in hand is abandoned and will be read again`);
      process.exit(exitCodes.done);
    }, graceMs);
    timer.unref();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    signal: controller.signal,
    release() {
      clearTimeout(timer);
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}
