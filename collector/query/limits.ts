import type { QueryLimits } from '../config/feed-config.js';
import { bytesOf } from '../config/size.js';
import { CollectorError } from '../errors.js';

/** DuckDB's settings for these limits but the temporary space, and against everything that a statement over the tables does not need. */
export function engineSettings(limits: QueryLimits, temporaryDirectory: string): Record<string, string> {
  return {
    memory_limit: limits.memory,
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

/**
 * Resident bytes at which the process of a statement is ended: DuckDB counts what it keeps in buffers, but not what one
 * function makes of one value (`repeat`, `range` as a list, `string_split`). Beside the limit there is Node with the
 * library (some 90 MiB) and the rows on their way out.
 */
export function mostResident({ memory }: QueryLimits): number {
  return bytesOf(memory) + 140 * 1024 * 1024;
}

/** The limit that an error of DuckDB's is about; undefined for other errors. */
export function limitReached(message: string, limits: QueryLimits): CollectorError | undefined {
  if (!message.startsWith('Out of Memory Error')) return;
  if (!message.includes('max_temp_directory_size')) return memoryIsOver(limits);
  return reached(
    `The statement needs more than ${limits.temporarySpace} of temporary space.`,
    `${narrow}; or raise query.temporarySpace.`,
  );
}

/** The memory is over. */
export function memoryIsOver({ memory }: QueryLimits): CollectorError {
  return reached(
    `The statement needs more than ${memory} of memory.`,
    `${narrow}; or raise the limit with --memory or query.memory.`,
  );
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
