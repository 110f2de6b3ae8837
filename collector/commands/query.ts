import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { QueryLimits } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { defaultConfigFile, loadQueryLimits, readFileFromDisk } from '../config/load-config.js';
import { CollectorError, exitCodes } from '../errors.js';
import { memoryIsOver, mostResident } from '../query/limits.js';
import type { AnswerFormat } from '../query/render.js';
import { writeText } from './output.js';
import type { QueryReport, QueryRequest } from './query-process.js';

/** `query`: one statement over the tables, answered on stdout. */
export async function query(
  options: Flags & {
    sql: string;
    tablesDirectory?: string | undefined;
    format: AnswerFormat;
    skipDamaged: boolean;
  },
): Promise<number> {
  const sql = options.sql === '-' ? await text(process.stdin) : options.sql;
  if (sql.trim() === '')
    throw new CollectorError('USAGE', 'There is no statement.', {
      cure: 'Give one SELECT in quotes, or - and write it to stdin.',
    });
  const limits = loadQueryLimits({
    flags: options,
    env: process.env,
    readFile: readFileFromDisk,
    defaultFile: defaultConfigFile,
  });
  const stop = new StopSignal();
  const temporaryDirectory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-query-'));
  try {
    const request: QueryRequest = {
      sql,
      directory: options.tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables',
      format: options.format,
      limits,
      skipDamaged: options.skipDamaged,
      temporaryDirectory,
    };
    const { fault, skipped } = await runInProcess(request, stop);
    if (options.skipDamaged) for (const file of skipped) writeText(process.stderr, `left out: ${file}\n`);
    if (fault !== undefined)
      throw Object.assign(new CollectorError(fault.code, fault.message, fault), { stack: fault.stack });
    return exitCodes.done;
  } finally {
    await rm(temporaryDirectory, { recursive: true, force: true });
    stop.pass();
  }
}

/** Ctrl-C and its like, held back until what was begun is cleared away. */
class StopSignal {
  static readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  #received: NodeJS.Signals | undefined;
  #child: ChildProcess | undefined;
  readonly #listener = (signal: NodeJS.Signals) => {
    this.#received ??= signal;
    this.#child?.kill('SIGKILL');
  };

  constructor() {
    for (const signal of StopSignal.#signals) process.on(signal, this.#listener);
  }

  /** Ends this process with it. */
  ends(child: ChildProcess): void {
    this.#child = child;
    if (this.#received !== undefined) child.kill('SIGKILL');
  }

  /** Ends this process by the signal, as if it had not been caught: a shell's loop ends with it. */
  pass(): void {
    for (const signal of StopSignal.#signals) process.off(signal, this.#listener);
    if (this.#received !== undefined) process.kill(process.pid, this.#received);
  }
}

const program = fileURLToPath(new URL('./query-process.js', import.meta.url));

/** Answers in a separate process, which ends with this one, at Ctrl-C, and when it exceeds its memory limit. */
async function runInProcess(request: QueryRequest, stop: StopSignal): Promise<QueryReport> {
  const child = fork(program, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, '--heap-growing-percent=10', '--semi-space-growth-factor=1'],
    // Freed pages go back to the system at once.
    env: { DUCKDB_JE_MALLOC_CONF: 'dirty_decay_ms:0,muzzy_decay_ms:0', ...process.env },
  });
  let report: QueryReport | undefined;
  stop.ends(child);
  const watch = watchMemory(child, request.limits, (over) => {
    report = over;
  });
  child.on('message', (message: QueryReport) => {
    report ??= message;
    child.kill('SIGKILL');
  });
  // It may have been ended already.
  child.on('error', () => {});
  child.send(request, () => {});
  try {
    await once(child, 'exit');
  } finally {
    clearInterval(watch);
  }
  return report ?? { fault: killed(child, request.limits), skipped: [] };
}

const watchEveryMs = 5;

/** Reads from outside what the process holds: it could be busy, and a value doubles on its way to stdout. */
function watchMemory(child: ChildProcess, limits: QueryLimits, over: (report: QueryReport) => void): NodeJS.Timeout {
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
function killed({ signalCode, exitCode }: ChildProcess, limits: QueryLimits): NonNullable<QueryReport['fault']> {
  if (signalCode === 'SIGKILL') return faultOf(memoryIsOver(limits));
  return faultOf(
    new CollectorError('INTERNAL', `The process of the statement ended by ${signalCode ?? `exit code ${exitCode}`}.`, {
      cure: 'This is a defect, of DuckDB or of ours: please report it with the statement.',
    }),
  );
}

function faultOf({ code, message, cure, stack }: CollectorError): NonNullable<QueryReport['fault']> {
  return { code, message, cure, stack };
}
