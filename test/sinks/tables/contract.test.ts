import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { type Claims, sinkContract } from '../../contract/sink-contract.js';
import { readDelivered } from './read-tables.js';

const claims: Claims = {
  exactly_once: true,
  entities: true,
  find: true,
  holder: 'the lock of the database file names its holder only to whoever is refused',
  check: true,
  unresolvedDeadLetters: true,
  resetPosition: 'a damaged state has a copy beside it, and a position that disagrees with the files is refused',
  rewritable: true,
};

sinkContract('tables', claims, async () => {
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
