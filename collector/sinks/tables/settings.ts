import type { OpenSink } from '../registry.js';
import { createTablesSink } from './tables-sink.js';

/** The tables that a feed is configured with (`tables`). */
export const openTablesSink: OpenSink = ({ name, tables: { directory, keepDays } }, { log, clock }) =>
  createTablesSink({
    directory,
    feed: name,
    clock,
    notice: (message) => log.warn(message),
    ...(keepDays === undefined ? {} : { keepDays }),
  });
