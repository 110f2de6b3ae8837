import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { asCollectorError, type CollectorError } from '../errors.js';
import { put } from '../files/put.js';
import { openTables, type QueryAnswer } from './open-tables.js';
import { type AnswerFormat, render, renderRows } from './render.js';
import { ANSWERING, STOP, type StatementReport, type StatementRequest } from './statement-request.js';
import { writeParquet } from './write-parquet.js';

/*
 * The process that answers one statement, a program of its own: what DuckDB makes of one value can neither be bounded nor
 * interrupted, so that memory and time are kept by ending a process, and that must not be the one with the exit code.
 */
process.umask(0o077);
// Node.js would open its debugger.
process.on('SIGUSR1', () => {});
// They reach both where a terminal or a service manager sends them; the process that asks ends this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', end);
let isStopped = false;
process.on('message', (message: StatementRequest | typeof STOP) => {
  if (message !== STOP) return void answer(message);
  isStopped = true;
  // What was written has left then, and nothing follows.
  process.stdout.write('', end);
});

function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

async function answer(request: StatementRequest): Promise<void> {
  const { sql, parameters, directory, format, output, ...options } = request;
  let skipped: string[] = [];
  try {
    const tables = await openTables(directory, {
      ...options,
      stuck: (error) => report({ fault: plain(error), skipped }),
    });
    const rows = await tables.query(sql, parameters);
    skipped = tables.damaged.map(({ path, fault }) => `${path} ${fault}`);
    if (format !== 'parquet') await writeAnswer(rows, format, output);
    else if (output !== undefined) await writeParquet(rows, output, options.temporaryDirectory, options.limits);
    await tables.close();
    report({ skipped });
  } catch (error) {
    report({ fault: plain(asCollectorError(error)), skipped });
  }
}

async function writeAnswer(
  rows: QueryAnswer,
  format: AnswerFormat | 'rows',
  output: string | undefined,
): Promise<void> {
  const { columns, isTTY } = process.stdout;
  const file = output === undefined ? undefined : createWriteStream(output, { flags: 'wx', mode: 0o600 });
  const stream: Writable = file ?? process.stdout;
  const reader = { width: columns || 160, terminal: isTTY && file === undefined };
  let first = true;
  for await (const piece of format === 'rows' ? renderRows(rows) : render(rows, format, reader)) {
    if (first) process.send?.(ANSWERING);
    first = false;
    if (isStopped) return;
    await put(stream, piece);
  }
  if (file === undefined) return;
  file.end();
  await finished(file);
}

function plain(error: CollectorError): NonNullable<StatementReport['fault']> {
  return { code: error.code, message: error.message, cure: error.cure, stack: error.stack };
}

/** Says how it ended, once what was written has left; then it is ended. */
function report(message: StatementReport): void {
  process.stdout.write('', () => process.send?.(message));
}

// A defect, or the reader of a pipe that left.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  const gone = error.code === 'EPIPE';
  const fault = gone ? { ...plain(asCollectorError(error)), code: 'ABORTED' as const } : plain(asCollectorError(error));
  report({ fault, skipped: [] });
});
