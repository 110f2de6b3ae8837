import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createStdoutSink } from '../../../collector/sinks/stdout/stdout-sink.js';
import { type Claims, newestStates, sinkContract } from '../../contract/sink-contract.js';

const claims: Claims = {
  exactly_once: 'what was written to a stream cannot be taken back: lines after the last position come again',
  entities: true,
  find: 'a stream cannot be asked what went through it',
  holder: 'the lock is a socket, which does not say whose it is',
  check: true,
  unresolvedDeadLetters:
    'its files of dead letters are for people; replaying would write to the stream of another process',
  resetPosition: 'a damaged state has a copy beside it',
  rewritable: 'what was written to a stream cannot be taken back',
};

sinkContract('stdout', claims, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stdout-contract-'));
  let written = '';
  const output = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  const uidsIn = async (ending: string) => {
    const files = await readdir(join(directory, 'acme'));
    const texts = files
      .filter((name) => name.endsWith(ending))
      .map((name) => readFile(join(directory, 'acme', name), 'utf8'));
    return (await Promise.all(texts)).flatMap(linesOf).map(({ uid }) => String(uid));
  };
  return {
    connect: async () => createStdoutSink({ directory, feed: 'acme', output }),
    connectFailing: async () =>
      createStdoutSink({
        directory,
        feed: 'acme',
        output,
        checkpoint: async (step) => {
          if (step === 'commit:state') throw new Error('stopped before the commit point');
        },
      }),
    read: async () => ({
      events: linesOf(written).flatMap(({ metadata }) => (metadata === undefined ? [] : [uidOf(metadata)])),
      entities: newestStates(linesOf(written).flatMap(({ entity }) => (entity === undefined ? [] : [stateOf(entity)]))),
      deadLetters: await uidsIn('.dead-letters.ndjson'),
      raw: await uidsIn('.raw-records.ndjson'),
    }),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

function uidOf(metadata: unknown): string {
  return String((metadata as { uid: string }).uid);
}

function stateOf(entity: unknown) {
  return entity as { type: string; key: string; value: unknown };
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
