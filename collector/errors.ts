/** Exit codes of the command, after sysexits(3) where it has one. Documented in README.md. */
export const exitCodes = {
  done: 0,
  usage: 2,
  data: 65,
  unavailable: 69,
  internal: 70,
  laneInUse: 73,
  storage: 74,
  tryAgain: 75,
  credential: 77,
  configuration: 78,
  difference: 79,
} as const;

/** Every failure the collector knows, with the exit code it leads to where it ends the command. */
export const errorCodes = {
  USAGE: exitCodes.usage,
  CONFIG_INVALID: exitCodes.configuration,
  CONFIG_UNREADABLE: exitCodes.configuration,
  CREDENTIAL_MISSING: exitCodes.credential,
  CREDENTIAL_REFUSED: exitCodes.credential,
  ORGANIZATION_MISSING: exitCodes.credential,
  ORGANIZATION_WRONG: exitCodes.configuration,
  ORGANIZATION_CHANGED: exitCodes.configuration,
  NOT_LICENSED: exitCodes.credential,
  ROLE_REFUSED: exitCodes.credential,
  BASE_URL_WRONG: exitCodes.configuration,
  QUERY_REFUSED: exitCodes.unavailable,
  RATE_LIMITED: exitCodes.tryAgain,
  SERVER_ERROR: exitCodes.unavailable,
  UNREACHABLE: exitCodes.unavailable,
  TLS_REFUSED: exitCodes.unavailable,
  TIMED_OUT: exitCodes.unavailable,
  RESPONSE_INVALID: exitCodes.unavailable,
  RESPONSE_TOO_LARGE: exitCodes.unavailable,
  PAGE_WITHOUT_CURSOR: exitCodes.unavailable,
  PAGE_CURSOR_REPEATED: exitCodes.unavailable,
  LANE_IN_USE: exitCodes.laneInUse,
  FENCED: exitCodes.laneInUse,
  STATE_CORRUPT: exitCodes.storage,
  STATE_OUTDATED: exitCodes.storage,
  STORAGE_FAILED: exitCodes.storage,
  SINK_UNAVAILABLE: exitCodes.storage,
  SINK_REFUSED: exitCodes.storage,
  SINK_IN_DOUBT: exitCodes.tryAgain,
  QUERY_LIMIT_REACHED: exitCodes.tryAgain,
  REPAIR_BROKEN_OFF: exitCodes.tryAgain,
  ABORTED: exitCodes.done,
  INTERNAL: exitCodes.internal,
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** What an error means to those who meet it; every decision on a code that is not about one place stands here. */
export interface ErrorTraits {
  /** The sink failed, not the source. */
  readonly ofSink: boolean;
  /** No waiting cures it: a feed ends with its exit code. */
  readonly fatal: boolean;
  /** JumpCloud refused this search: the reason may be one service of several, or a start before what it keeps. */
  readonly refusesSearch: boolean;
  /** JumpCloud refused to count: no retry helps, this tenant or this key gets no counts. */
  readonly refusesCount: boolean;
  /** JumpCloud refused a search, and a start before what it keeps may be why. */
  readonly maybeTooOld: boolean;
  /** JumpCloud has not answered, so its clock is not known. */
  readonly unanswered: boolean;
}

const TRAITS: Readonly<Record<keyof ErrorTraits, ReadonlySet<ErrorCode>>> = {
  ofSink: new Set([
    'LANE_IN_USE',
    'FENCED',
    'STATE_CORRUPT',
    'STATE_OUTDATED',
    'STORAGE_FAILED',
    'SINK_UNAVAILABLE',
    'SINK_REFUSED',
    'SINK_IN_DOUBT',
  ]),
  fatal: new Set([
    'LANE_IN_USE',
    'STATE_CORRUPT',
    'STATE_OUTDATED',
    'ORGANIZATION_CHANGED',
    'CONFIG_INVALID',
    'BASE_URL_WRONG',
    'INTERNAL',
  ]),
  refusesSearch: new Set(['QUERY_REFUSED', 'NOT_LICENSED', 'ROLE_REFUSED']),
  refusesCount: new Set(['QUERY_REFUSED', 'ROLE_REFUSED', 'NOT_LICENSED', 'BASE_URL_WRONG']),
  maybeTooOld: new Set(['NOT_LICENSED', 'QUERY_REFUSED']),
  unanswered: new Set([
    'UNREACHABLE',
    'TIMED_OUT',
    'TLS_REFUSED',
    'CREDENTIAL_MISSING',
    'CONFIG_UNREADABLE',
    'ABORTED',
    'INTERNAL',
  ]),
};

/** A failure with its meaning and what to do about it. Callers switch on `code`, never on text. */
export class CollectorError extends Error {
  override readonly name = 'CollectorError';
  readonly code: ErrorCode;
  /** What the operator can do; one sentence. */
  readonly cure: string;
  /** True where the same request may succeed later without anybody's doing. */
  readonly transient: boolean;
  /** HTTP status, Kafka code or errno, where there is one. */
  readonly detail: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cure: string; transient?: boolean; detail?: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.cure = options.cure;
    this.transient = options.transient ?? false;
    this.detail = options.detail;
  }

  get exitCode(): number {
    return errorCodes[this.code];
  }

  /** Whether the trait is this code's. */
  is(trait: keyof ErrorTraits): boolean {
    return TRAITS[trait].has(this.code);
  }
}

/** The errno of a failed system call, e.g. `ENOSPC`. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const NO_LOCKS =
  'That file system has no locks, so nothing keeps two collectors apart: name a directory on one that has (a local disk), or deliver to Kafka.';

const cures: Readonly<Record<string, string>> = {
  ENOLCK: NO_LOCKS,
  ENOSYS: NO_LOCKS,
  ENOTSUP: NO_LOCKS,
  EOPNOTSUPP: NO_LOCKS,
  ENOSPC: 'Free space on that file system; collecting goes on from the last commit.',
  EDQUOT: 'Raise the quota or free space; collecting goes on from the last commit.',
  EACCES: 'Give the collector’s user write access to that directory, or choose another.',
  EPERM: 'Give the collector’s user write access to that directory, or choose another.',
  EROFS: 'The file system is read-only: choose a directory on a writable volume.',
  ENOTDIR: 'A part of the path is a file: choose another directory.',
  EEXIST: 'A file, or a link that leads nowhere, has that name: remove it, or choose another directory.',
  ELOOP: 'A link of the path leads to itself: remove it, or choose another directory.',
  ENAMETOOLONG: 'A name of the path is too long: choose a shorter one.',
  EIO: 'The disk cannot be read or written: see the log of the system; collecting goes on from the last commit.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
};

/**
 * STORAGE_FAILED around an error of the file system; a CollectorError stays as it is.
 * @param code its errno, for errors of libraries that do not pass it on
 */
export function storageFailed(
  error: unknown,
  directory: string,
  code: string | undefined = errno(error),
): CollectorError {
  if (error instanceof CollectorError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return ofStorage(`Reading or writing below ${directory} failed: ${text.split('\n')[0]}`, error, code);
}

function ofStorage(message: string, cause: unknown, code: string | undefined): CollectorError {
  return new CollectorError('STORAGE_FAILED', message, {
    cure: cures[code ?? ''] ?? 'See what the message names; nothing of this commit is visible.',
    transient: true,
    ...(code === undefined ? {} : { detail: code }),
    cause,
  });
}

/** The same error; STORAGE_FAILED around what the operator can cure at the file system, INTERNAL around anything unforeseen. */
export function asCollectorError(error: unknown): CollectorError {
  if (error instanceof CollectorError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = errno(error);
  // Errors of sockets name an address, those of other programs what was to be started.
  const isOfFiles = error instanceof Error && 'syscall' in error && !('address' in error || 'spawnargs' in error);
  if (isOfFiles && cures[code ?? ''] !== undefined) return ofStorage(text, error, code);
  return new CollectorError('INTERNAL', text, {
    cure: 'This is a defect: please report it with the log lines around it.',
    cause: error,
  });
}
