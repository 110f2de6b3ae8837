import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errno, storageFailed } from '../../errors.js';
import { exists, isMissing, makeDirectory } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { failedFinding } from '../finding.js';
import { laneInUse } from '../in-process-lock.js';
import { keepsNobodyOut, proveExcluded } from '../second-process.js';
import type { SinkFinding } from '../sink.js';

const ATTEMPTS = 4;
/** More than a candidate ever needs from making its socket to naming it. */
const STANDING_MS = 60_000;
/** The longest path that every system's socket addresses hold. */
const LONGEST_ADDRESS = 100;

/**
 * Takes the lock of a lane whose state lies in `directory`.
 * @throws CollectorError LANE_IN_USE
 */
export async function takeLaneLock(directory: string, lane: string): Promise<SocketLock> {
  const lock = await SocketLock.take(`${join(directory, fileNameOf(lane))}.lock`);
  if (lock) return lock;
  throw laneInUse(lane, 'another collector');
}

/**
 * Whether a lane below a directory that is there can be locked.
 * @returns no finding where the directory is still to be made
 */
export async function checkSocketLock(directory: string): Promise<SinkFinding[]> {
  if (!(await exists(directory))) return [];
  try {
    await proveSocketLock(directory);
    return [{ part: 'lock', verdict: 'ok', message: `a lane below ${directory} can be locked` }];
  } catch (error) {
    return [failedFinding(storageFailed(error, directory), 'lock')];
  }
}

/**
 * Takes a lock in a directory of the check's own: a second try of this process must fail, and one of a second process.
 * @throws CollectorError STORAGE_FAILED
 */
export async function proveSocketLock(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    const probe = await mkdtemp(join(directory, '.check-'));
    try {
      const first = await SocketLock.take(probe);
      try {
        if (first === undefined || (await trySocketLock(probe))) throw keepsNobodyOut();
        await proveExcluded('stdout', probe);
      } finally {
        await first?.release();
      }
    } finally {
      await rm(probe, { recursive: true, force: true });
    }
  } catch (error) {
    throw storageFailed(error, directory);
  }
}

/** Whether the lock in this directory can be taken; it is given back at once. */
export async function trySocketLock(directory: string): Promise<boolean> {
  const lock = await SocketLock.take(directory);
  await lock?.release();
  return lock !== undefined;
}

/**
 * A lock that the operating system frees when its holder dies, however it dies: a listening socket in a directory of
 * the lock's own. A candidate puts its socket there, already listening, under a name that is never used again; then it
 * holds the lock if no other socket there answers. Sockets that do not answer are of the dead and are removed, which is
 * safe because nobody takes a name over. Two candidates of the same moment may see each other: both step back and
 * try again after different times.
 */
export class SocketLock {
  private constructor(
    private readonly server: Server,
    private readonly path: string,
    private readonly directory: FileHandle,
  ) {}

  /** Takes the lock in `directory`, made if missing; undefined where another holds it. */
  static async take(directory: string): Promise<SocketLock | undefined> {
    await makeDirectory(directory);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const lock = await SocketLock.#stand(directory);
      if (await isAlone(directory, lock.#name)) return lock;
      await lock.release();
      if (attempt < ATTEMPTS) await sleep(Math.random() * 100 * attempt);
    }
    return undefined;
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    await rm(this.path, { force: true });
    await new Promise((done) => this.server.close(done));
    await this.directory.close();
  }

  get #name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  /** Stands as a candidate: the socket gets its name in the directory once it listens. */
  static async #stand(directory: string): Promise<SocketLock> {
    const handle = await open(directory);
    const name = randomBytes(8).toString('hex');
    const server = createServer((socket) => socket.destroy());
    // An onlooker that breaks off must not end the holder.
    server.on('error', () => {});
    try {
      await new Promise<void>((listening, failed) => {
        server.once('error', failed);
        server.listen(address(directory, handle, `.${name}`), listening);
      });
      server.unref();
      await rename(join(directory, `.${name}`), join(directory, name));
    } catch (error) {
      server.close();
      await handle.close();
      throw error;
    }
    return new SocketLock(server, join(directory, name), handle);
  }
}

/** True where no other socket in the directory answers. */
async function isAlone(directory: string, own: string): Promise<boolean> {
  const handle = await open(directory);
  try {
    for (const name of await readdir(directory)) {
      // One without its final name will see ours when it has it and looks around.
      if (name === own || (name.startsWith('.') && (await isYoung(join(directory, name))))) continue;
      if (await answers(address(directory, handle, name))) return false;
      await rm(join(directory, name), { force: true });
    }
    return true;
  } finally {
    await handle.close();
  }
}

/** True for what was made just now: between its making and its listening a socket answers as the dead do. */
async function isYoung(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs < STANDING_MS;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

/** False where nobody listens: its process is dead, or the socket was removed. */
async function answers(path: string): Promise<boolean> {
  return new Promise((answer, failed) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', (error) => {
      if (isMissing(error) || errno(error) === 'ECONNREFUSED') answer(false);
      else if (['ECONNRESET', 'EPIPE', 'EAGAIN'].includes(errno(error) ?? '')) answer(true);
      else failed(error);
    });
  });
}

/** A socket's path; by way of the directory's descriptor where the path is longer than an address holds. */
function address(directory: string, handle: FileHandle, name: string): string {
  const path = join(directory, name);
  return Buffer.byteLength(path) > LONGEST_ADDRESS ? `/proc/self/fd/${handle.fd}/${name}` : path;
}
