import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createStdoutSink } from '../../../collector/sinks/stdout/stdout-sink.js';
import { sinkContract } from '../../contract/sink-contract.js';

sinkContract('stdout', 'at_least_once', async () => {
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
      events: linesOf(written).map(({ metadata }) => String((metadata as { uid: string }).uid)),
      deadLetters: await uidsIn('.dead-letters.ndjson'),
      raw: await uidsIn('.raw-records.ndjson'),
    }),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
