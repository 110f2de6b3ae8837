import { CollectorError } from '../errors.js';

/** What one statement may take of the machine. */
export interface QueryLimits {
  /** DuckDB's memory, as DuckDB writes it: `256MB`. */
  readonly memory: string;
  /** What may be spilled to the system's temporary directory. */
  readonly temporarySpace: string;
  readonly threads: number;
  /** How long DuckDB may work, in milliseconds; the time that a reader takes over the rows does not count. */
  readonly timeoutMs: number;
}

/** DuckDB's settings for these limits, and against everything that a statement over the tables does not need. */
export function engineSettings(limits: QueryLimits, temporaryDirectory: string): Record<string, string> {
  return {
    memory_limit: limits.memory,
    max_temp_directory_size: limits.temporarySpace,
    threads: String(limits.threads),
    temp_directory: temporaryDirectory,
    // Read again within one statement, files come from the system's cache; DuckDB's own would count against the limit.
    enable_external_file_cache: 'false',
    // Rows that DuckDB need not keep in the order of the files can be spilled and freed.
    preserve_insertion_order: 'false',
    allocator_flush_threshold: '4MB',
    allocator_bulk_deallocation_flush_threshold: '4MB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}

const narrow = 'Narrow it: a shorter time range (WHERE time_dt >= …), fewer columns, an aggregate, or LIMIT';

/** The limit that an error of DuckDB's is about; undefined for other errors. */
export function limitReached(message: string, limits: QueryLimits): CollectorError | undefined {
  if (/^Out of Memory Error/.test(message))
    return /max_temp_directory_size|temporary|temp_directory/i.test(message.split('\n')[0] ?? '')
      ? reached(
          `The statement needs more than ${limits.temporarySpace} of temporary space.`,
          `${narrow}; or raise query.temporarySpace.`,
        )
      : reached(
          `The statement needs more than ${limits.memory} of memory.`,
          `${narrow}; or raise the limit with --memory or query.memory.`,
        );
  return undefined;
}

/** The time is over. */
export function timeIsOver({ timeoutMs }: QueryLimits): CollectorError {
  return reached(
    `The statement was ended after ${timeoutMs / 1000} s.`,
    `${narrow}; or raise the limit with --timeout or query.timeout.`,
  );
}

function reached(message: string, cure: string): CollectorError {
  return new CollectorError('QUERY_LIMIT_REACHED', message, { cure });
}
