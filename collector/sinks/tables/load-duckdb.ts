import { createRequire } from 'node:module';

/**
 * DuckDB's library. Imported, each of its CommonJS files is parsed once more for the names that it exports, which takes
 * more processor time than loading them.
 * @throws Error where it is not installed for this platform
 */
export function loadDuckDB(): typeof import('@duckdb/node-api') {
  return createRequire(import.meta.url)('@duckdb/node-api') as typeof import('@duckdb/node-api');
}
