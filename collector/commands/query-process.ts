import type { QueryLimits } from '../config/feed-config.js';
import { asCollectorError, type CollectorError, type ErrorCode } from '../errors.js';
import { openTables } from '../query/open-tables.js';
import { type AnswerFormat, render } from '../query/render.js';
import { put } from './output.js';

/** What the process of a statement is asked, in its first message. */
export interface QueryRequest {
  readonly sql: string;
  readonly directory: string;
  readonly format: AnswerFormat;
  readonly limits: QueryLimits;
  readonly skipDamaged: boolean;
  /** Removed by who asks, whatever becomes of this process. */
  readonly temporaryDirectory: string;
}

/** How it ended; `fault` is absent where the answer is complete. */
export interface QueryReport {
  readonly fault?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly cure: string;
    readonly stack: string | undefined;
  };
  /** Files that the answer leaves out. */
  readonly skipped: readonly string[];
}

/*
 * The process that answers one statement, a program of its own: what DuckDB makes of one value can neither be bounded nor
 * interrupted, so that memory and time are kept by ending a process, and that must not be the one with the exit code.
 */
process.umask(0o077);
// Node.js would open its debugger.
process.on('SIGUSR1', () => {});
// Ctrl-C reaches both; the process that asks ends this one.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.once('message', (request: QueryRequest) => void answer(request));

async function answer(request: QueryRequest): Promise<void> {
  const { sql, directory, format, ...options } = request;
  let skipped: string[] = [];
  try {
    const tables = await openTables(directory, {
      ...options,
      stuck: (error) => report({ fault: plain(error), skipped }),
    });
    const rows = await tables.query(sql);
    skipped = tables.damaged.map(({ path, fault }) => `${path} ${fault}`);
    const { columns, isTTY } = process.stdout;
    for await (const piece of render(rows, format, columns || 160, isTTY)) await put(process.stdout, piece);
    await tables.close();
    report({ skipped });
  } catch (error) {
    report({ fault: plain(asCollectorError(error)), skipped });
  }
}

function plain(error: CollectorError): NonNullable<QueryReport['fault']> {
  return { code: error.code, message: error.message, cure: error.cure, stack: error.stack };
}

/** Says how it ended, once what was written has left; then it is ended. */
function report(message: QueryReport): void {
  process.stdout.write('', () => process.send?.(message));
}

// A defect, or the reader of a pipe that left.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  const gone = error.code === 'EPIPE';
  const fault = gone ? { ...plain(asCollectorError(error)), code: 'ABORTED' as const } : plain(asCollectorError(error));
  report({ fault, skipped: [] });
});
