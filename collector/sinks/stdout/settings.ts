import type { OpenSink } from '../registry.js';
import { createStdoutSink } from './stdout-sink.js';

/** Standard output with its position where a feed's configuration says (`state`). */
export const openStdoutSink: OpenSink = ({ name, state }, { log }) =>
  createStdoutSink({ directory: state.directory, feed: name, notice: (message) => log.warn(message) });
