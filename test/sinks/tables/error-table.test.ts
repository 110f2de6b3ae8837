import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { duckdbFault, isVanished, lockHolder, tablesFailed } from '../../../collector/sinks/tables/error-table.js';

/** The error that DuckDB itself raises for a statement. */
async function errorOf(sql: string, settings: Record<string, string> = {}): Promise<unknown> {
  const instance = await DuckDBInstance.create(':memory:', settings);
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } catch (error) {
    return error;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  throw new Error(`${sql} succeeded`);
}

describe('the table of DuckDB’s errors', () => {
  it('knows a file that is gone, with one path and with several', async () => {
    for (const sql of [
      "SELECT * FROM read_parquet('/nowhere/a.parquet')",
      "SELECT * FROM read_parquet(['/nowhere/a.parquet', '/nowhere/b.parquet'])",
    ])
      expect(isVanished(await errorOf(sql)), sql).toBe(true);
  });

  it('knows a value that does not fit, whatever the value says of the disk', async () => {
    for (const text of [
      'x',
      'no space left on device',
      'permission denied',
      'Could not set lock on file',
      'No such file',
    ])
      expect(duckdbFault(await errorOf(`SELECT CAST('${text}' AS INTEGER)`)), text).toBe('content');
  });

  it('knows rows that take too much memory', async () => {
    const settings = { memory_limit: '8MB', temp_directory: '', threads: '1' };
    const error = await errorOf('SELECT list(range) FROM range(10000000)', settings);
    expect(duckdbFault(error)).toBe('memory');
  });

  it('knows a directory that may not be written to, and passes its errno on', async () => {
    const failure = tablesFailed(new Error('IO Error: Cannot open file "/x": Permission denied'), '/tables');
    expect(failure).toMatchObject({ code: 'STORAGE_FAILED', detail: 'EACCES' });
    expect(failure.cure).toContain('write access');
  });

  it('names who holds a lock where DuckDB does', () => {
    const text = 'IO Error: Could not set lock on file "/t/live.lock": Conflicting lock is held in /usr/bin/node';
    expect(duckdbFault(new Error(text))).toBe('locked');
    expect(lockHolder(new Error(`${text} (PID 4711)`))).toBe('process 4711');
    expect(lockHolder(new Error(text))).toBe('another process');
  });

  it('distinguishes a file system without locks from a lock that is held', () => {
    for (const reason of [
      'No locks available',
      'File locks are not supported for this file system, cannot open the file',
    ]) {
      const error = new Error(`IO Error: Could not set lock on file "/t/held/lock": ${reason}`);
      expect(duckdbFault(error)).toBe('io');
      expect(tablesFailed(error, '/t')).toMatchObject({
        code: 'STORAGE_FAILED',
        cure: expect.stringContaining('no locks'),
      });
    }
  });

  it('does not take a statement that speaks of the disk for a failure of the disk', async () => {
    const error = await errorOf("SELEC 'no space left on device, permission denied, No such file'");
    expect(String(error)).toContain('no space left');
    expect(duckdbFault(error)).toBeUndefined();
  });

  it('knows nothing of errors that are not DuckDB’s', () => {
    for (const error of [new TypeError('x is not a function'), 'text', undefined])
      expect(duckdbFault(error)).toBeUndefined();
  });
});
