import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { viewNames } from '../../collector/sinks/tables/views.js';
import type { JsonObject } from '../../mappings/json.js';
import { sampleBatch, sampleEvent } from '../contract/sample-batch.js';
import { ana, finishedEvent, laptop, record } from '../mappings/mapping.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

describe('querying tables', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-query-'));
    const sink = createTablesSink({ directory, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(sampleBatch('live', 0, { events: 50, letters: 2, raw: 3 }));
    await sink.close();
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('has a view for every class and the others, typed even where nothing was collected', async () => {
    expect((await rowsOf(directory, 'SHOW TABLES')).map(([name]) => name)).toEqual([...viewNames].sort());
    const types = new Map(
      (await rowsOf(directory, 'DESCRIBE group_management')).map(([name, type]) => [name, type] as const),
    );
    expect(types.get('time_dt')).toBe('TIMESTAMP WITH TIME ZONE');
    expect(types.get('group')).toBe('STRUCT("name" VARCHAR, "type" VARCHAR, uid VARCHAR)');
    expect(await rowsOf(directory, 'SELECT count(*) FROM group_management')).toEqual([[0n]]);
  });

  it('puts what analysts ask for first, by flat names', async () => {
    const flat = 'time_dt event_code user_name user_uid user_email actor_name src_ip country app outcome reason'.split(
      ' ',
    );
    for (const view of ['authentication', 'events', 'admin_activity'])
      expect((await rowsOf(directory, `DESCRIBE ${view}`)).map(([name]) => name).slice(0, flat.length)).toEqual(flat);
    const [row] = await rowsOf(directory, `SELECT ${flat.join(', ')} FROM events ORDER BY time LIMIT 1`);
    expect(row).toEqual([
      '2026-11-01T22:00:00Z',
      'user_login_attempt',
      'user0',
      'uid-0',
      'user0@example.test',
      null,
      '192.0.2.0',
      'DE',
      'user_portal',
      'Failure',
      null,
    ]);
  });

  it('has the address and country of a login to a device, those of the device beside them, the program and the browser', async () => {
    const logins = await mkdtemp(join(tmpdir(), 'tables-device-'));
    const base = { username: 'ana', success: true, initiated_by: { type: 'user', username: 'ana' } };
    const at = (id: string, more: JsonObject) =>
      finishedEvent(record('systems', 'login_attempt', { ...base, id, ...more }));
    const sink = createTablesSink({ directory: logins, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    const events = [
      at('1', { system: laptop, src_ip: '-', process_name: 'loginwindow' }),
      at('2', { system: laptop, src_ip: '10.0.0.5' }),
      at('3', { system: laptop, src_ip: '192.0.2.201', process_name: 'sshd' }),
      finishedEvent(
        record('directory', 'user_login_attempt', {
          ...{ id: '4', initiated_by: ana, success: true },
          useragent: { name: 'Chrome', version: '126.0' },
        }),
      ),
    ];
    await lane.commit({ ...sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 }), events });
    await sink.close();
    const flat = 'src_ip, country, device_ip, app, actor.app_name, count(*)';
    expect(await rowsOf(logins, `SELECT ${flat} FROM authentication GROUP BY ALL ORDER BY app`)).toEqual([
      ['198.51.100.7', 'PT', null, 'JumpCloud User Portal', 'Chrome 126.0', 1n],
      ['198.51.100.7', 'PT', '198.51.100.7', 'loginwindow', null, 1n],
      ['192.0.2.201', null, '198.51.100.7', 'sshd', null, 1n],
      ['10.0.0.5', 'PT', '198.51.100.7', null, null, 1n],
    ]);
    await rm(logins, { recursive: true });
  });

  it('keeps logins out of admin_activity and in events', async () => {
    expect(await rowsOf(directory, 'SELECT count(*) FROM events')).toEqual([[50n]]);
    expect(await rowsOf(directory, 'SELECT count(*) FROM admin_activity')).toEqual([[0n]]);
  });

  it('reads into nested objects and free-form JSON', async () => {
    const [row] = await rowsOf(
      directory,
      `SELECT metadata.product.vendor_name, src_endpoint.location.lat, unmapped->>'$.number', (unmapped->'$.nested.list[2]')::VARCHAR FROM authentication ORDER BY time LIMIT 1`,
    );
    expect(row).toEqual(['JumpCloud', 52.5, '0', '"x"']);
  });

  it.each([
    ['CREATE TABLE mine AS SELECT 1'],
    ["COPY events TO 'out.csv'"],
    ["ATTACH 'other.db'"],
    ['SET threads = 8'],
    ['SELECT 1; SELECT 2'],
    ['DROP VIEW events'],
    [''],
    ["SELECT * FROM read_text('/etc/hostname')"],
    ['SELECT nothing FROM events'],
    ['SELEKT 1'],
  ])('refuses %j as a use error', async (sql) => {
    await expect(rowsOf(directory, sql)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
  });

  it('names the views where a table is asked for that is none', async () => {
    await expect(rowsOf(directory, 'SELECT * FROM logins')).rejects.toMatchObject({
      cure: expect.stringContaining('authentication'),
    });
  });

  it('reads times in UTC, whatever the zone of the machine', async () => {
    const zone = process.env.TZ;
    process.env.TZ = 'Asia/Kolkata';
    try {
      expect(await rowsOf(directory, "SELECT TIMESTAMPTZ '2026-11-01 22:00:00'::VARCHAR")).toEqual([
        ['2026-11-01 22:00:00+00'],
      ]);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it('says that there are no tables where the directory is missing', async () => {
    await expect(openTables(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });

  it('answers about an empty directory with empty views', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'tables-empty-'));
    expect(await rowsOf(empty, 'SELECT count(*), max(user_name) FROM events')).toEqual([[0n, null]]);
    await rm(empty, { recursive: true });
  });

  describe('with a file that is no table’s', () => {
    let spoiled: string;
    let good: string;

    beforeEach(async () => {
      spoiled = await mkdtemp(join(tmpdir(), 'tables-spoiled-'));
      const sink = createTablesSink({ directory: spoiled, feed: 'acme' });
      const lane = sink.lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 0, { events: 5, letters: 2, raw: 1 }));
      await sink.close();
      [good = ''] = (await readdir(join(spoiled, 'authentication'), { recursive: true })).filter((name) =>
        name.endsWith('.parquet'),
      );
      good = join(spoiled, 'authentication', good);
    });
    afterEach(() => rm(spoiled, { recursive: true, force: true }));

    const foreign = () => join(dirname(good), 'evil-live-0000000001.parquet');
    const parquet = async (sql: string, path: string) => {
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`);
      connection.closeSync();
      instance.closeSync();
    };
    /** Puts something else in the place of a file that the log names. */
    const spoil: Record<string, [fault: RegExp, make: (good: string) => unknown]> = {
      'a text of another program': [/is no Parquet file/, (path) => writeFile(path, 'PAR1 is what I am not')],
      'a file that is cut off': [/is no Parquet file, or is cut off/, (path) => truncate(path, 2000)],
      'an empty file': [/is no Parquet file/, (path) => truncate(path)],
      'a footer that is damaged': [
        /is damaged/,
        async (path) => {
          const bytes = await readFile(path);
          await writeFile(path, bytes.fill(0x55, bytes.length - 300, bytes.length - 8));
        },
      ],
      'a directory of that name': [/is a directory/, (path) => rm(path).then(() => mkdir(path))],
      'a named pipe of that name': [/is no file/, (path) => rm(path).then(() => execFileSync('mkfifo', [path]))],
      'a link out of the directory': [
        /is a symbolic link/,
        (path) => rm(path).then(() => symlink('/etc/hostname', path)),
      ],
      'a file that is gone': [/is missing/, (path) => rm(path)],
      'a file of other columns': [
        /is damaged, or no file of this table/,
        (path) => parquet('SELECT 1 AS metadata', path),
      ],
    };

    it.each(Object.keys(spoil))('refuses to answer for the table with %s, and names it by its path', async (kind) => {
      const [fault, make] = spoil[kind]!;
      await make(good);
      const path = good;
      for (const view of ['authentication', 'events'])
        await expect(rowsOf(spoiled, `SELECT metadata.uid FROM ${view}`)).rejects.toMatchObject({
          exitCode: 74,
          message: expect.stringMatching(new RegExp(`^${path.replaceAll('.', '\\.')}.*${fault.source}`)),
          cure: expect.stringContaining('--skip-damaged'),
        });
      await expect(rowsOf(spoiled, 'SELECT * FROM authentication')).rejects.not.toMatchObject({
        message: expect.stringContaining('/proc/'),
      });
      // What it does not belong to is answered.
      expect(await rowsOf(spoiled, 'SELECT count(*) FROM dead_letters')).toEqual([[2n]]);
      expect(await rowsOf(spoiled, 'SELECT count(*) FROM admin_activity')).toEqual([[0n]]);
    });

    it('reads no file that the log does not name', async () => {
      await parquet('SELECT 1 AS metadata', foreign());
      expect(await rowsOf(spoiled, 'SELECT count(*) FROM events')).toEqual([[5n]]);
    });

    it('answers from the other files where that is asked for, and says which it left out', async () => {
      const sink = createTablesSink({ directory: spoiled, feed: 'other' });
      const lane = sink.lane('live');
      await lane.open();
      await lane.commit(sampleBatch('live', 7, { events: 3, letters: 0, raw: 0 }));
      await sink.close();
      await writeFile(good, 'PAR1 is what I am not');
      const tables = await openTables(spoiled, { skipDamaged: true });
      const rows = [];
      for await (const row of (await tables.query('SELECT count(*) FROM events')).rows) rows.push(row);
      expect(rows).toEqual([[3n]]);
      expect(tables.damaged.map(({ path, fault }) => `${path} ${fault}`)).toEqual([
        `${good} is no Parquet file, or is cut off`,
      ]);
      await tables.close();
    });
  });

  it('shows a commit as a whole, also between the commit point and the last file in view', async () => {
    const other = await mkdtemp(join(tmpdir(), 'tables-midway-'));
    const seen: unknown[] = [];
    const count = async () => seen.push((await rowsOf(other, 'SELECT count(*) FROM events'))[0]?.[0]);
    const sink = createTablesSink({
      directory: other,
      feed: 'acme',
      checkpoint: async (step) => {
        if (['commit:file', 'commit:seen', 'commit:state', 'commit:point', 'commit:shown'].includes(step))
          await count();
      },
    });
    const lane = sink.lane('live');
    await lane.open();
    const batch = sampleBatch('live', 0, { events: 4, letters: 0, raw: 0 });
    // Two days make two files.
    const events = [0, 1, 90_000].map((second) => sampleEvent(second));
    await lane.commit({ ...batch, events });
    expect(seen).toEqual([0n, 0n, 0n, 0n, 3n, 3n, 3n]);
    await sink.close();
    await rm(other, { recursive: true });
  });
});
