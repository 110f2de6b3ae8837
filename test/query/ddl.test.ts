import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DdlTable, ddlEngines, tablesDdl } from '../../collector/query/ddl.js';
import { exportTables } from '../../collector/query/export-tables.js';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { flatColumns } from '../../collector/sinks/tables/views.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { writeStoryTables } from './story-tables.js';

let home: string;
let directory: string;
let tables: DdlTable[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ddl-'));
  directory = join(home, 'tables');
  await writeStoryTables(directory);
  tables = [...(await readTables(directory)).values()].map(({ table, fields, files }) => ({
    name: table,
    fields: fields!,
    files: files.map(({ path }) => path),
  }));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** The rows of a statement in plain DuckDB, after others. */
async function duckdb(before: string, sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  for (const statement of before.split(/;\n/).filter((text) => text.replace(/--.*\n/g, '').trim() !== ''))
    await connection.run(statement);
  const rows = (await connection.runAndReadAll(sql)).getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

const names = [...flatColumns.map(([name]) => name), 'class_uid', 'activity_name', 'message', 'time'];
const flat = names.filter((name) => name !== 'time_dt').join(', ');

describe('tables ddl', () => {
  it('gives plain DuckDB the flat columns as query has them', async () => {
    const ddl = tablesDdl('duckdb', tables, directory);
    for (const name of ['authentication', 'account_change', 'user_access', 'group_management'])
      expect(
        await duckdb(
          ddl,
          `SELECT ${flat}, metadata_uid FROM (SELECT *, uid AS metadata_uid FROM ${name}_flat) ORDER BY metadata_uid`,
        ),
      ).toEqual(
        (await rowsOf(directory, `SELECT ${flat}, metadata.uid FROM ${name} ORDER BY metadata.uid`)).map((row) =>
          row.map((value) => (typeof value === 'bigint' ? String(value) : value)),
        ),
      );
    const [[count] = []] = await rowsOf(directory, 'SELECT count(*) FROM events');
    expect(await duckdb(ddl, 'SELECT count(*) FROM events_flat')).toEqual([[String(count)]]);
  });

  it('reads the tag of an account in the words of the engine', async () => {
    const tagged: DdlTable = {
      name: 'tagged',
      fields: [
        {
          name: 'metadata',
          type: {
            struct: [
              { name: 'uid', type: 'string' },
              { name: 'tenant_uid', type: 'string' },
              {
                name: 'tags',
                type: {
                  array: {
                    struct: [
                      { name: 'name', type: 'string' },
                      { name: 'value', type: 'string' },
                    ],
                  },
                },
              },
            ],
          },
        },
      ],
      files: ['x'],
    };
    const ddl = tablesDdl('duckdb', [tagged], '/t')
      .split(';\n')
      .filter((statement) => statement.includes('tagged_flat" AS'))
      .join();
    const table =
      "CREATE TABLE tagged AS SELECT {uid: 'u', tenant_uid: 't', tags: [{name: 'other', value: 'x'}, {name: 'AccountName', value: 'Acme'}]} AS metadata";
    expect(await duckdb(`${table};\n${ddl}`, 'SELECT account_name FROM tagged_flat')).toEqual([['Acme']]);
    for (const engine of ddlEngines) expect(tablesDdl(engine, [tagged], '/t')).toContain("'AccountName'");
  });

  it.each(ddlEngines)('names every table, a flat view per class and the location: %s', (engine) => {
    const ddl = tablesDdl(
      engine,
      engine === 'duckdb' ? tables.map((table) => ({ ...table, files: [] })) : tables,
      's3://lake/tables/',
    );
    for (const { name } of tables) expect(ddl).toContain(`lake/tables/${name}`);
    for (const name of ['authentication_flat', 'events_flat'])
      expect(ddl).toMatch(new RegExp(`VIEW ["\`]${name}["\`] AS`));
    expect(ddl).not.toContain('dead_letters_flat');
    expect(ddl).not.toContain('undefined');
  });

  it('holds no name or path that ends its quotes', () => {
    const odd: DdlTable = { name: "a'b", fields: [], files: ["/x'; DROP TABLE y; --"] };
    expect(tablesDdl('duckdb', [odd], '/')).toContain("['/x''; DROP TABLE y; --']");
    expect(tablesDdl('spark', [odd], "/l'")).toContain("'/l''/a''b'");
  });
});

describe('tables export', () => {
  it('copies each committed row once, as Parquet without a log', async () => {
    const to = join(home, 'copy');
    const { rows, files } = await exportTables(directory, to);
    const found = await readdir(to, { recursive: true });
    expect(found.filter((name) => name.endsWith('.parquet'))).toHaveLength(files);
    expect(found.filter((name) => name.includes('_delta_log') || name.includes('.state'))).toEqual([]);
    const [[committed] = []] = await rowsOf(
      directory,
      'SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM entities)',
    );
    expect(String(rows)).toBe(String(committed));
    const plain = `SELECT count(DISTINCT metadata.uid) FROM read_parquet('${to}/authentication/*/*.parquet', union_by_name = true)`;
    expect(await duckdb('', plain)).toEqual([
      (await rowsOf(directory, 'SELECT count(*) FROM authentication'))[0]!.map(String),
    ]);
  });

  it('refuses a folder that exists, one within the tables, and tables that are not there, and leaves nothing', async () => {
    await expect(exportTables(directory, home)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(exportTables(directory, join(directory, 'copy'))).rejects.toMatchObject({ code: 'USAGE' });
    await expect(exportTables(join(home, 'none'), join(home, 'other'))).rejects.toMatchObject({ exitCode: 74 });
    await expect(exportTables(directory, join(home, 'no', 'where'))).rejects.toMatchObject({ exitCode: 74 });
    expect((await readdir(home)).filter((name) => name.endsWith('.partial') || name === 'other')).toEqual([]);
  });
});
