import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { cli, command, type Ended, feedOf, folder, jsonLines, type StartOptions, start } from './command.js';

const home = mkdtempSync(join(tmpdir(), 'cli-query-'));
const directory = join(home, 'tables');
let simulated: Tenant;

beforeAll(async () => {
  simulated = await startTenant({
    seed: 23,
    records: 400,
    from: Date.now() - 2 * 86_400_000,
    trouble: { malformed: { share: 0.02 } },
  });
});
afterAll(async () => {
  await simulated.close();
  rmSync(home, { recursive: true, force: true });
});

const query = (sql: string, more: readonly string[] = [], options: StartOptions = {}): Promise<Ended> =>
  command(['query', sql, '--tables-directory', directory, ...more], options);

it('without tables the exit code is 74, with the cure; an empty directory has every table, typed', async () => {
  expect(loadConfig({ env: {}, readFile: readFileFromDisk }).feeds[0]!.tables.directory).toBe('./data/tables');
  const none = await command(['query', 'SELECT 1'], { cwd: folder() });
  expect(none).toMatchObject({
    code: 74,
    stdout: '',
    stderr: expect.stringMatching(/no tables in .*data\/tables\.\n.*→ Name the directory/),
  });
  const cwd = folder();
  mkdirSync(join(cwd, 'data', 'tables'), { recursive: true });
  const counted = await command(['query', 'SELECT count(*) AS events FROM events', '--format', 'json'], { cwd });
  expect(counted).toMatchObject({ code: 0, stdout: '{"events":0}\n' });
  const types = await command(['query', 'DESCRIBE authentication', '--format', 'json'], { cwd });
  expect(jsonLines(types.stdout).map(({ column_name, column_type }) => [column_name, column_type])).toEqual(
    expect.arrayContaining([
      ['user_name', 'VARCHAR'],
      ['time_dt', expect.stringContaining('TIMESTAMP')],
      ['class_uid', expect.stringContaining('INT')],
    ]),
  );
});

it('it answers while a collector writes, and the count never falls', async () => {
  const slow = feedOf(simulated, { POLL_PAGE_SIZE: '50', TABLES_DIRECTORY: directory, LOG_LEVEL: 'debug' });
  simulated.latency = 50;
  const collecting = start(['run', '--once'], { env: slow });
  await collecting.said('"committed"');
  const sql = 'SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM dead_letters) AS n';
  const asked = async () => {
    const { code, stdout } = await query(sql, ['--format', 'json']);
    expect(code).toBe(0);
    return jsonLines(stdout)[0]?.n;
  };
  // Read as the command reads, which begins and ends it: more often than a process per reading could.
  const counted = async () => (await rowsOf(directory, sql))[0]?.[0];
  let before = Number(await asked());
  for (let over = false; !over; ) {
    over = collecting.child.exitCode !== null;
    const n = Number(await (over ? asked() : counted()));
    expect(n).toBeGreaterThanOrEqual(before);
    before = n;
    await sleep(100);
  }
  expect(before).toBe(400);
  expect(await collecting.ended).toMatchObject({ code: 0 });
});

const rows = "SELECT * FROM (VALUES (1, 'a,b'), (2, '\ufeffsay \"so\"'), (3, NULL)) AS t(number, text)";

it('json is a line a row, csv is RFC 4180, table is for people; each alone on stdout', async () => {
  expect(await query(rows, ['--format', 'json'])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: '{"number":1,"text":"a,b"}\n{"number":2,"text":"\\ufeffsay \\"so\\""}\n{"number":3,"text":null}\n',
  });
  expect((await query(rows, ['--format', 'csv'])).stdout).toBe(
    'number,text\r\n1,"a,b"\r\n2,"\ufeffsay ""so"""\r\n3,\r\n',
  );
  const table = await query(rows);
  expect(table.stderr).toBe('');
  expect(table.stdout.split('\n').slice(0, 3)).toEqual([
    expect.stringMatching(/^ {2}number {2}text/),
    expect.stringMatching(/^ {2}─+ {2}─+$/),
    expect.stringMatching(/^ +1 {2}a,b$/),
  ]);
  expect((await query('SELECT 1 AS one WHERE false')).stdout).toContain('(no rows)');
});

it('- reads the statement from stdin; TABLES_DIRECTORY names the tables', async () => {
  const input = 'SELECT count(*) > 0 AS found\nFROM admin_activity\nWHERE outcome IS NOT NULL;\n';
  const env = { TABLES_DIRECTORY: directory };
  expect(await command(['query', '-', '--format', 'json'], { env, input })).toMatchObject({
    code: 0,
    stdout: '{"found":true}\n',
  });
});

it('the views of the design are there, flat columns first', async () => {
  const { code, stdout } = await query('SELECT * FROM authentication LIMIT 1', ['--format', 'csv']);
  expect(code).toBe(0);
  const columns = stdout.split('\r\n')[0]!.split(',');
  const flat = [
    'time_dt',
    'user_name',
    'user_uid',
    'user_email',
    'actor_name',
    'src_ip',
    'country',
    'app',
    'outcome',
    'reason',
    'event_code',
  ];
  expect(columns.slice(0, 20)).toEqual(expect.arrayContaining(flat));
  expect((await query('SELECT count(*) FROM dead_letters')).code).toBe(0);
});

it.each([
  ['DROP VIEW events', /only read here/],
  ['SET threads = 1', /only read here/],
  ["ATTACH 'other.db'", /only read here|disabled/],
  ["COPY (SELECT 1) TO 'out.csv'", /only read here|disabled/],
  ["SELECT * FROM read_csv('/etc/hostname')", /function "read_csv"/],
  ['SELECT 1; SELECT 2', /One statement/],
  ['', /no statement/],
  ['SELEC 1', /SELEC/],
  ['SELECT * FROM logins', /There are .*authentication/],
])('%j is refused with a cure, exit 2', async (sql, message) => {
  const ended = await query(sql);
  expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  expect(ended.stderr).toContain('→');
});

it('a reader that leaves ends it quietly', async () => {
  const program = ['bash', '-c', '"$0" "$@" | head -1; echo "code $PIPESTATUS"', process.execPath];
  const many = "SELECT repeat('x', 1000) AS x FROM range(20000)";
  const { stdout, stderr } = await command([cli, 'query', many, '--tables-directory', directory, '--format', 'csv'], {
    program,
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'x\r\ncode 0\n', stderr: '' });
});

describe('an answer in a file', () => {
  it('appears whole, readable by its owner alone, and nothing is on stdout', async () => {
    const cwd = folder();
    for (const format of ['csv', 'markdown', 'ndjson'] as const) {
      const file = join(cwd, `answer.${format}`);
      writeFileSync(file, 'before');
      expect(await query(rows, ['--format', format, '--output', file])).toMatchObject({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect(readFileSync(file, 'utf8')).toContain('a,b');
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(cwd).sort()).toEqual(['answer.csv', 'answer.markdown', 'answer.ndjson']);
  });

  it('is Parquet that keeps types and names', async () => {
    const file = join(folder(), 'answer.parquet');
    const sql =
      'SELECT time_dt, user_name, time, is_mfa, src_endpoint, metadata.uid AS "odd \'name", unmapped FROM authentication ORDER BY time LIMIT 50';
    expect(await query(sql, ['--format', 'parquet', '--output', file])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const expected = jsonLines((await query(sql, ['--format', 'json'])).stdout);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const { length } = expected;
    const read = await connection.runAndReadAll(
      `SELECT time, user_name, is_mfa, src_endpoint.ip AS ip, "odd 'name" AS uid FROM read_parquet('${file}')`,
    );
    expect(read.getRowObjectsJson()).toEqual(
      expected.map((row) => ({
        time: String(row.time),
        user_name: row.user_name,
        is_mfa: row.is_mfa,
        ip: (row.src_endpoint as { ip?: string } | null)?.ip ?? null,
        uid: row["odd 'name"],
      })),
    );
    expect(length).toBe(50);
    const types = await connection.runAndReadAll(`DESCRIBE SELECT time, is_mfa, time_dt FROM read_parquet('${file}')`);
    expect(types.getColumnsJson()[1]).toEqual(['BIGINT', 'BOOLEAN', expect.stringContaining('TIMESTAMP')]);
    connection.closeSync();
    instance.closeSync();
  });

  it('leaves what was there where the statement fails or the place cannot be written', async () => {
    const cwd = folder();
    const file = join(cwd, 'answer.csv');
    writeFileSync(file, 'before');
    expect(await query('SELECT nothing', ['--format', 'csv', '--output', file])).toMatchObject({ code: 2 });
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect(readdirSync(cwd)).toEqual(['answer.csv']);
    expect(await query(rows, ['--output', join(cwd, 'nowhere', 'x')])).toMatchObject({
      code: 74,
      stderr: expect.stringContaining('→'),
    });
    expect(await query(rows, ['--output', cwd])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('directory'),
    });
    expect(await query(rows, ['--format', 'parquet'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--output'),
    });
  });
});

describe('a ready question', () => {
  it('is listed with its parameters, and as JSON with its statement', async () => {
    const listed = await command(['query', '--list']);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(/password-spraying +Password spraying +.*users=10.*T1110\.003/);
    const all = jsonLines((await command(['query', '--list', '--format', 'json'])).stdout);
    expect(all).toContainEqual(
      expect.objectContaining({ name: 'administrator-changes', statement: expect.stringContaining('SELECT') }),
    );
  });

  it('is answered by its name and parameters', async () => {
    const named = ['query', '--tables-directory', directory, '--name', 'failed-logins-by-user', '--format', 'json'];
    const answer = await command([...named, '--param', 'since=3d', '--param', 'most=2']);
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(answer.stdout)).toHaveLength(2);
    expect(jsonLines(answer.stdout)[0]).toMatchObject({ user_name: expect.any(String), failures: expect.any(Number) });
  });

  it.each([
    [['--name', 'pasword-spraying'], /Did you mean password-spraying/],
    [['--name', 'password-spraying', '--param', 'user=3'], /no parameter "user"/],
    [['--name', 'password-spraying', '--param', 'users'], /name=value/],
    [['--name', 'password-spraying', 'SELECT 1'], /exclude each other/],
    [['SELECT 1', '--param', 'users=3'], /--list/],
    [[], /--name/],
  ])('%j is refused with a cure, exit 2', async (args, message) => {
    expect(await command(['query', '--tables-directory', directory, ...args])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });
});

it('with --new-rows-exit shows each row once, of a question however its counts grow, and ends with that code where one is new', async () => {
  const cwd = folder();
  const seen = join(cwd, 'seen.json');
  const ask = (values: string) =>
    query(
      `SELECT * FROM (VALUES ${values}) AS t(account_name, user_name, failures, last_seen)`,
      ['--new-rows-exit', '79', '--seen', seen, '--format', 'json'],
      { cwd },
    );
  const first = await ask("('a', 'ana', 3, '2026-01-01')");
  expect(first).toMatchObject({ code: 79, stderr: '' });
  expect(jsonLines(first.stdout)).toEqual([
    { account_name: 'a', user_name: 'ana', failures: 3, last_seen: '2026-01-01' },
  ]);
  expect(await ask("('a', 'ana', 3, '2026-01-01')")).toMatchObject({ code: 0, stdout: '', stderr: '' });
  // Of a statement of one's own every column says which row it is: numbers and times too.
  expect(await ask("('a', 'ana', 4, '2026-01-01')")).toMatchObject({ code: 79 });
  expect(await ask("('a', 'ana', 4, '2026-01-02'), ('a', 'ana', 3, '2026-01-01')")).toMatchObject({ code: 79 });
  expect(statSync(seen).mode & 0o777).toBe(0o600);
  expect(readFileSync(seen, 'utf8')).not.toContain('ana');
  const named = (most: string) =>
    command(
      [
        'query',
        '--tables-directory',
        directory,
        '--name',
        'failed-logins-by-user',
        '--param',
        'since=3d',
        '--param',
        `most=${most}`,
        '--format',
        'json',
        '--new-rows-exit',
        '79',
        '--seen',
        seen,
      ],
      { cwd },
    );
  expect(jsonLines((await named('1')).stdout)).toHaveLength(1);
  const more = await named('3');
  expect(more.code).toBe(79);
  expect(jsonLines(more.stdout)).toHaveLength(2);
  expect(await named('3')).toMatchObject({ code: 0, stdout: '' });
});

it('with --new-rows-exit a failure keeps its own code and forgets nothing, and no other file is overwritten', async () => {
  const cwd = folder();
  const seen = join(cwd, 'seen.json');
  const watched = (sql: string, file = seen, code = '79') =>
    query(sql, ['--new-rows-exit', code, '--seen', file], { cwd });
  expect(await watched("SELECT 'x' AS a")).toMatchObject({ code: 79 });
  const before = readFileSync(seen, 'utf8');
  expect(await watched('SELECT nothing')).toMatchObject({ code: 2, stdout: '' });
  expect(readFileSync(seen, 'utf8')).toBe(before);
  writeFileSync(join(cwd, 'mine.txt'), 'mine');
  expect(await watched("SELECT 'x' AS a", join(cwd, 'mine.txt'))).toMatchObject({ code: 2, stdout: '' });
  expect(readFileSync(join(cwd, 'mine.txt'), 'utf8')).toBe('mine');
  expect(await watched("SELECT 'x' AS a", seen, '300')).toMatchObject({ code: 2 });
  expect(await query("SELECT 'x' AS a", ['--new-rows-exit', '79'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--seen'),
  });
});
