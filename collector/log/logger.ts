import type { Writable } from 'node:stream';
import winston from 'winston';
import { asCollectorError } from '../errors.js';
import { setFatalFormat } from './fatal-line.js';
import { errorFields, jsonLine, type Line, shownLine, textLine } from './format.js';
import type { LogFormat, LogLevel } from './levels.js';
import { Redactor } from './redactor.js';
import { RepeatedFailures } from './repeated-failures.js';

/** What a line carries besides its message. */
export interface LogFields {
  readonly feed?: string;
  readonly lane?: string;
  /** JumpCloud's id of the request a line is about. */
  readonly requestId?: string | undefined;
  readonly [name: string]: unknown;
}

/** The log: level, message, fields. Never throws. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  /** A failure that ends something: one error line with code, message and cure. */
  failure(error: unknown, fields?: LogFields): void;
  /**
   * A failure that will be tried again. Of many in a row within one scope (and this log's feed and lane) only the first
   * is printed, then a summary from time to time, and the change to another failure.
   */
  failing(scope: string, error: unknown, fields?: LogFields): void;
  /** The scope works again: one line if it had been failing, else nothing. */
  recovered(scope: string, fields?: LogFields): void;
  /** A log whose lines carry these fields as well. */
  child(fields: LogFields): Log;
}

/** The process's own log, with what concerns all of its children. */
export interface RootLog extends Log {
  level: LogLevel;
  /** Masks this value from now on, in every line and every encoding it is likely to appear in. */
  redact(secret: string): void;
  /** Hands each line that is printed to a reader as well, masked. It must not throw. */
  watch(reader: (line: Line) => void): void;
  /** The same masking for other output that leaves the process. */
  mask(text: string): string;
  /** Resolves when all lines have been handed to the stream. */
  close(): Promise<void>;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Default: one of its own. */
  readonly redactor?: Redactor;
  /** Default: stderr; stdout carries the data. */
  readonly stream?: Writable & { readonly isTTY?: boolean };
  /** NO_COLOR of the environment: any text but the empty one turns colours off. */
  readonly noColor?: string | undefined;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Milliseconds that never run backwards. */
  readonly monotonic?: () => number;
}

const levels: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** Opens the log of a process: JSON lines, or readable ones on a terminal. */
export function createLog(options: LogOptions): RootLog {
  const stream = options.stream ?? process.stderr;
  const now = options.now ?? Date.now;
  const redactor = options.redactor ?? new Redactor();
  const repeated = new RepeatedFailures(options.monotonic ?? (() => performance.now()));
  const readable = options.format === 'text' || (options.format === 'auto' && stream.isTTY === true);
  const colour = stream.isTTY === true && !options.noColor;
  if (stream === process.stderr) setFatalFormat(readable ? 'text' : 'json');
  // A reader of the log that goes away (EPIPE) is no reason to stop collecting, and there is nowhere left to say so.
  stream.on('error', () => {});
  const readers: ((line: Line) => void)[] = [];
  const print = winston.format.printf((info) => {
    const line = {
      level: info.level,
      time: new Date(now()).toISOString(),
      msg: String(info.message),
      fields: info.fields as LogFields,
    };
    for (const reader of readers) reader(shownLine(line, redactor));
    return readable ? textLine(line, redactor, colour) : jsonLine(line, redactor);
  });
  const logger = winston.createLogger({
    levels,
    level: options.level,
    format: print,
    transports: [new winston.transports.Stream({ stream })],
  });
  const write: Write = (level, message, fields) => {
    // Winston makes the text of each line before it asks whether the line is wanted.
    if (levels[level] <= levels[logger.level as LogLevel]) logger.log({ level, message, fields });
  };
  return {
    ...logOver(write, repeated, {}),
    get level() {
      return logger.level as LogLevel;
    },
    set level(level: LogLevel) {
      logger.level = level;
    },
    redact: (secret) => redactor.add(secret),
    watch: (reader) => void readers.push(reader),
    mask: (text) => redactor.mask(text),
    close: () =>
      new Promise((resolve) => {
        logger.once('finish', () => resolve());
        logger.end();
      }),
  };
}

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

function logOver(write: Write, repeated: RepeatedFailures, own: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      write(level, message, { ...own, ...fields });
  const scoped = (scope: string, fields: LogFields) =>
    [fields.feed ?? own.feed ?? '', fields.lane ?? own.lane ?? '', scope].join('\n');
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
    failure: (error, fields = {}) => {
      const failure = asCollectorError(error);
      write('error', failure.message, { ...own, ...fields, ...errorFields(failure) });
    },
    failing: (scope, error, fields = {}) => {
      const failure = asCollectorError(error);
      const verdict = repeated.failed(scoped(scope, fields), failure.code);
      const all = { ...own, ...fields, ...errorFields(failure) };
      const level = failure.transient ? 'warn' : 'error';
      if (verdict.kind === 'first' || verdict.kind === 'changed') {
        const before = verdict.kind === 'changed' ? { before: verdict.from, beforeTimes: verdict.times } : {};
        write(level, failure.message, { ...all, ...before });
      } else if (verdict.kind === 'summary') {
        const { times, forMs } = verdict;
        write(level, `${failure.message} (${times} times in ${spell(forMs)})`, {
          ...all,
          times,
          forSeconds: Math.round(forMs / 1000),
        });
      } else write('debug', failure.message, all);
    },
    recovered: (scope, fields = {}) => {
      const over = repeated.ended(scoped(scope, fields));
      if (over === undefined) return;
      const { what, times, forMs } = over;
      const message = `works again after ${times === 1 ? 'one failure' : `${times} failures`} in ${spell(forMs)}`;
      write('info', message, { ...own, ...fields, after: what, times, forSeconds: Math.round(forMs / 1000) });
    },
    child: (fields) => logOver(write, repeated, { ...own, ...fields }),
  };
}

/** A span of time for people. */
function spell(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
