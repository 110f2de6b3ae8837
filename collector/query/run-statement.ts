import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { QueryLimits } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { memoryIsOver, mostResident } from './limits.js';
import { ANSWERING, STOP, type StatementReport, type StatementRequest } from './statement-request.js';

const program = fileURLToPath(new URL('./statement-process.js', import.meta.url));

/** How long a process may take to end after its row: it may be busy, or its reader read nothing. */
const LAST_ROW_MS = 5_000;

/** How a statement's process is run. */
export interface RunOptions {
  /** Ends it, after the row that it is writing. */
  readonly signal: AbortSignal;
  /** Where the answer goes that is not written to a file; ours where it is left out. */
  readonly stdout?: Writable;
  /** Called before the first byte of the answer is written. */
  readonly answering?: () => void;
  /** Default: ours. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Answers in a separate process, which ends with this one, at the signal, and when it exceeds its memory limit. Never rejects:
 * a caller reads the answer first and the report afterwards.
 */
export async function runStatement(request: StatementRequest, options: RunOptions): Promise<StatementReport> {
  try {
    return await runProcess(request, options);
  } catch (error) {
    options.stdout?.end();
    return { fault: faultOf(notStarted(error)), skipped: [] };
  }
}

async function runProcess(
  request: StatementRequest,
  { signal, stdout, answering = () => {}, env = process.env }: RunOptions,
): Promise<StatementReport> {
  const child = fork(program, {
    stdio: ['ignore', stdout === undefined ? 'inherit' : 'pipe', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, '--heap-growing-percent=10', '--semi-space-growth-factor=1'],
    // Freed pages go back to the system soon; at once would cost two fifths of a long statement's processor time.
    env: { DUCKDB_JE_MALLOC_CONF: 'dirty_decay_ms:200,muzzy_decay_ms:0', ...env },
  });
  let late: NodeJS.Timeout | undefined;
  let isAnswering = false;
  const end = () => {
    // There is no row to end.
    if (!isAnswering) return void child.kill('SIGKILL');
    if (child.connected) child.send(STOP, () => {});
    late = setTimeout(() => void child.kill('SIGKILL'), LAST_ROW_MS);
  };
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  if (stdout !== undefined) child.stdout?.pipe(stdout);
  let report: StatementReport | undefined;
  const watch = watchMemory(child, request.limits, (over) => {
    report = over;
  });
  child.on('message', (message: StatementReport | typeof ANSWERING) => {
    if (message === ANSWERING) {
      isAnswering = true;
      return answering();
    }
    report ??= message;
    child.kill('SIGKILL');
  });
  // It may have been ended already.
  child.on('error', () => {});
  try {
    const ended = once(child, stdout === undefined ? 'exit' : 'close');
    // Without file handles it has no channel; its error follows.
    if (child.connected) child.send(request, () => {});
    await ended;
  } finally {
    clearInterval(watch);
    clearTimeout(late);
    signal.removeEventListener('abort', end);
  }
  return report ?? { fault: killed(child, request.limits), skipped: [] };
}

const watchEveryMs = 5;

/** Reads from outside what the process holds: it could be busy, and a value doubles on its way to stdout. */
function watchMemory(
  child: ChildProcess,
  limits: QueryLimits,
  over: (report: StatementReport) => void,
): NodeJS.Timeout {
  const most = mostResident(limits);
  return setInterval(() => {
    if (residentBytes(child.pid) <= most) return;
    over({ fault: faultOf(memoryIsOver(limits)), skipped: [] });
    child.kill('SIGKILL');
  }, watchEveryMs);
}

/** 0 where it is unknown: the process has ended, or this is not Linux. */
function residentBytes(pid: number | undefined): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Nobody of ours ended it: the system did, which mostly means memory. */
function killed({ signalCode, exitCode }: ChildProcess, limits: QueryLimits): NonNullable<StatementReport['fault']> {
  if (signalCode === 'SIGKILL') return faultOf(memoryIsOver(limits));
  return faultOf(
    new CollectorError('INTERNAL', `The process of the statement ended by ${signalCode ?? `exit code ${exitCode}`}.`, {
      cure: 'This is a defect, of DuckDB or of ours: please report it with the statement.',
    }),
  );
}

function notStarted(error: unknown): CollectorError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return new CollectorError('QUERY_LIMIT_REACHED', `The process of the statement could not be started (${reason}).`, {
    cure: 'Ask again when the system has processes, file handles and memory to spare (EAGAIN, EMFILE, ENOMEM).',
    cause: error,
  });
}

function faultOf({ code, message, cure, stack }: CollectorError): NonNullable<StatementReport['fault']> {
  return { code, message, cure, stack };
}
