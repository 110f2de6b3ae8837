import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Repair, repairLogs } from './append-to-logs.js';
import type { MaintenanceReport } from './maintain-tables.js';
import type { MaintenanceAnswer, MaintenanceRequest } from './maintenance-process.js';
import type { TablesLogs } from './tables-logs.js';

const program = fileURLToPath(new URL('./maintenance-process.js', import.meta.url));

/** Maintains tables in a process of its own, which ends with this one and does not keep it from ending. */
export async function maintainInProcess(request: MaintenanceRequest): Promise<MaintenanceReport> {
  const child = fork(program, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, '--heap-growing-percent=10', '--semi-space-growth-factor=1'],
    // Freed pages go back to the system at once.
    env: { DUCKDB_JE_MALLOC_CONF: 'dirty_decay_ms:0,muzzy_decay_ms:0', ...process.env },
  });
  child.unref();
  child.channel?.unref();
  const ended = once(child, 'exit');
  let answer: MaintenanceAnswer | undefined;
  child.on('message', (message: MaintenanceAnswer) => {
    answer = message;
  });
  child.send(request, () => {});
  const [code, signal] = await ended;
  if (answer === undefined)
    throw new Error(`the process that maintains the tables ended by ${signal ?? `code ${code}`}`);
  if ('failure' in answer) throw new Error(answer.failure);
  return answer.report;
}

/** When the tables of a directory were maintained last, in this process. */
interface Turn {
  startedAt: number;
  running: boolean;
}

const turns = new Map<string, Turn>();
const repaired = new WeakSet<TablesLogs>();

/**
 * Brings the logs up to the states of all lanes, once per process and directory.
 * @returns the lanes that needed it
 */
export async function repairOnce(logs: TablesLogs, now: number): Promise<readonly Repair[]> {
  if (repaired.has(logs)) return [];
  repaired.add(logs);
  return repairLogs(logs, now);
}

/** How tables are maintained while a collector runs. */
export interface BesideSetting extends MaintenanceRequest {
  readonly everyMs: number;
  readonly maintain: (request: MaintenanceRequest) => Promise<MaintenanceReport>;
}

/**
 * Begins to maintain the tables of a directory where it is time to: once per interval and process, however many feeds it
 * has. Does not wait for the end.
 */
export function scheduleMaintenance(
  { directory, limits, everyMs, maintain }: BesideSetting,
  done: (result: { readonly report: MaintenanceReport } | { readonly error: unknown }) => void,
): void {
  // Time that passes, whatever a clock says: the process has a clock of its own.
  const now = performance.now();
  const turn = turns.get(directory) ?? { startedAt: now, running: false };
  turns.set(directory, turn);
  if (turn.running || now < turn.startedAt + everyMs) return;
  turn.startedAt = now;
  turn.running = true;
  void maintain({ directory, limits })
    .then((report) => done({ report }))
    .catch((error: unknown) => done({ error }))
    .finally(() => {
      turn.running = false;
    });
}
