import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '../errors.js';
import { makeDirectory } from '../files/durable-file.js';

const program = fileURLToPath(new URL('./try-lock-process.js', import.meta.url));
/** A process that hangs proves nothing. */
const PATIENCE_MS = 60_000;

/**
 * Proves a lock that this process holds by trying it: a second process must fail to take it, whatever file operations
 * make it.
 * @param directory where the lock lies
 * @throws Error with code ENOLCK where the second process got it; any other where it could not try
 */
export async function proveExcluded(kind: 'tables' | 'stdout', directory: string): Promise<void> {
  // Run from its source, the collector is no program that could be started.
  if (!existsSync(program)) return;
  const { code, said } = await new Promise<{ code: number | undefined; said: string }>((resolve) => {
    const options = { timeout: PATIENCE_MS, encoding: 'utf8' as const };
    const child = execFile(
      process.execPath,
      [...process.execArgv, program, kind, directory],
      options,
      (_, __, stderr) => resolve({ code: child.exitCode ?? undefined, said: stderr }),
    );
  });
  if (code === exitCodes.laneInUse) return;
  if (code === exitCodes.done) throw keepsNobodyOut();
  throw new Error(`a second process could not try the lock: ${said.trim() || `it ended with ${code}`}`);
}

/** Proofs of this process, by the kind of the lock and the device number of the file system. */
const proofs = new Map<string, Promise<void>>();

/**
 * A proof that one file system needs once per process, however many feeds write to it: each is a process of its own. One
 * that fails is made again.
 * @param directory on the file system; made if missing
 */
export async function proveOnce(
  kind: 'tables' | 'stdout',
  directory: string,
  prove: (directory: string) => Promise<void>,
): Promise<void> {
  const device = await makeDirectory(directory)
    .then(() => stat(directory))
    .catch(() => undefined);
  // The proof meets the same fault, and names it.
  if (device === undefined) return prove(directory);
  const name = `${kind} ${device.dev}`;
  const proof = proofs.get(name) ?? prove(directory);
  proofs.set(name, proof);
  try {
    await proof;
  } catch (error) {
    proofs.delete(name);
    throw error;
  }
}

/** The file system takes locks that exclude nobody. */
export function keepsNobodyOut(): Error {
  return Object.assign(new Error('a lock there keeps nobody out'), { code: 'ENOLCK' });
}
