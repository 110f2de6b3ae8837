import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { sinkContract } from '../../contract/sink-contract.js';
import { readDelivered } from './read-tables.js';

sinkContract('tables', 'exactly_once', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tables-contract-'));
  return {
    connect: async () => createTablesSink({ directory, feed: 'acme' }),
    connectFailing: async () =>
      createTablesSink({
        directory,
        feed: 'acme',
        checkpoint: async (step) => {
          if (step === 'commit:state') throw new Error('stopped before the commit point');
        },
      }),
    read: () => readDelivered(directory),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});
