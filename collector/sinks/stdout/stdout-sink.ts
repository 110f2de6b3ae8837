import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { fileNameOf } from '../../files/file-name.js';
import { sharedDirectoryNotice } from '../../files/shared-directory.js';
import { checkDirectory } from '../files/check-directory.js';
import { type Closable, heldLock } from '../files/held-lock.js';
import { laneNames, peekCursor } from '../files/peek-lanes.js';
import { checkSocketLock, proveSocketLock, takeLaneLock } from '../files/socket-lock.js';
import { proveOnce } from '../second-process.js';
import type { Sink } from '../sink.js';
import { isLaneState } from './lane-state.js';
import { Lines } from './lines.js';
import { StdoutLane, stateDirectory } from './stdout-lane.js';

export interface StdoutOptions {
  /** Where the position, the identities, dead letters and raw records are kept; made if it is missing. */
  readonly directory: string;
  readonly feed: string;
  /** Default: the process's standard output. */
  readonly output?: Writable;
  /** Called with what an operator should read: a state that was restored. */
  readonly notice?: (message: string) => void;
  /** Called at each step of a commit that a crash may follow; for tests. */
  readonly checkpoint?: (step: string) => Promise<void>;
}

/**
 * Events as NDJSON on standard output; the position in a file, moved once the lines are out. What was written between
 * two positions comes again after a crash, under the same uid. Dead letters and raw records go to files beside the state.
 */
export function createStdoutSink(options: StdoutOptions): Sink {
  const directory = resolve(options.directory);
  const states = stateDirectory(directory, options.feed);
  const lines = new Lines(options.output ?? process.stdout);
  const open = new Set<Closable>();
  const notice = options.notice ?? (() => {});
  const lookAtDirectory = sharedDirectoryNotice(directory, notice);
  return {
    kind: 'stdout',
    guarantee: 'at_least_once',
    batchSize: 1000,
    target: `standard output; position in ${states}`,
    carriesEntities: true,
    lane(name) {
      return new StdoutLane(name, {
        directory: states,
        lines,
        open,
        checkpoint: options.checkpoint ?? (async () => {}),
        notice,
        lookAtDirectory,
      });
    },
    peek: (lane) => peekCursor(`${states}/${fileNameOf(lane)}`, isLaneState),
    lanes: () => laneNames(states, isLaneState),
    async lock(name) {
      const lock = await takeLaneLock(states, name);
      return heldLock(open, () => lock.release());
    },
    async close() {
      for (const one of [...open]) await one.close();
      lines.release();
    },
    prove: () => proveOnce('stdout', states, proveSocketLock),
    async check() {
      const findings = await checkDirectory(directory, 'state');
      const isSound = findings.every(({ verdict }) => verdict !== 'failed');
      return isSound ? [...findings, ...(await checkSocketLock(directory))] : findings;
    },
  };
}
