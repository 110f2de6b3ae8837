import type { Log } from '../../collector/log/logger.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { apiKeys, ConnectionCutter } from '../kafka/connection-cutter.js';
import { CUT } from './run-and-kill.js';

/** What the child delivers into, and the share of requests after which the connection is cut before the answer. */
export interface CutKafka {
  readonly brokers: readonly string[];
  readonly cuts: number;
}

/** Tells each request that a commit is made of; some lose their answer after the broker has carried them out. */
export function cuttingSink({ brokers, cuts }: CutKafka, feed: string, log: Log, tell: (step: string) => void): Sink {
  const cutter = new ConnectionCutter();
  const names = new Map<number, string>(Object.entries(apiKeys).map(([name, key]) => [key, name]));
  const transactional: readonly number[] = [apiKeys.produce, apiKeys.addPartitionsToTxn, apiKeys.endTxn];
  return createKafkaSink(
    { feed, brokers, compression: 'none', lease: { seconds: 10, wait: true } },
    {
      log: (level, message) => (level === 'warn' || level === 'error') && log[level](message),
      socketFactory: (options) => {
        const socket = cutter.socketFactory(options);
        const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
        socket.write = ((frame: Buffer, ...rest: unknown[]) => {
          const key = frame.length >= 6 ? frame.readInt16BE(4) : -1;
          if (transactional.includes(key) && Math.random() < cuts) {
            cutter.loseAnswer(key);
            tell(CUT);
          }
          const name = names.get(key);
          if (name !== undefined && key !== apiKeys.metadata && key !== apiKeys.fetch) tell(name);
          return write(frame, ...rest);
        }) as typeof socket.write;
        return socket;
      },
    },
  );
}
