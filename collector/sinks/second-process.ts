import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '../errors.js';

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

/** The file system takes locks that exclude nobody. */
export function keepsNobodyOut(): Error {
  return Object.assign(new Error('a lock there keeps nobody out'), { code: 'ENOLCK' });
}
