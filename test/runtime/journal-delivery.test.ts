import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { activityEvent } from '../../collector/console/activity-event.js';
import { openJournal, type PlacedLine } from '../../collector/files/hash-chained-journal.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { Redactor } from '../../collector/log/redactor.js';
import { firstCursor } from '../../collector/position/cursor.js';
import { type DeliveredJournal, deliverJournal } from '../../collector/runtime/journal-delivery.js';
import { openSink } from '../../collector/runtime/open-sink.js';
import { positionOnly } from '../../collector/sinks/batch.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

const NOVEMBER = Date.parse('2026-11-28T12:00:00Z');
const DECEMBER = Date.parse('2026-12-02T12:00:00Z');
const log = createLog({ level: 'error', format: 'json', redactor: new Redactor(), noColor: '1' });

/** A journal that is delivered into tables. */
function delivered() {
  const directory = mkdtempSync(join(tmpdir(), 'delivery-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const tables = join(directory, 'tables');
  const { feeds } = loadConfig({
    env: { JUMPCLOUD_API_KEY: 'none', SINK: 'tables', TABLES_DIRECTORY: tables },
    readFile: readFileFromDisk,
  });
  const read: number[] = [];
  const journal: DeliveredJournal = {
    directory,
    name: 'audit',
    destination: feeds[0]!,
    lane: 'live',
    source: 'urn:test',
    eventsOf: (line: PlacedLine) => {
      read.push(line.number);
      return [activityEvent(line, 'one')];
    },
  };
  return {
    directory,
    journal,
    read,
    file: (month: string) => join(directory, `audit-${month}.ndjson`),
    deliver: () => deliverJournal(journal, systemTiming, log),
    async write(count: number, now = NOVEMBER) {
      const opened = await openJournal(directory, 'audit', () => now);
      for (let at = 0; at < count; at++) await opened.append(line(now));
      await opened.close();
    },
    async events(): Promise<number[]> {
      const sql = 'SELECT cast(metadata.original_event_uid AS INTEGER) FROM events ORDER BY 1, metadata.uid';
      return (await rowsOf(tables, sql)).map(([number]) => Number(number));
    },
  };
}

const line = (now: number) => ({
  time: new Date(now).toISOString(),
  actor: { name: 'ana', role: 'admin', kind: 'session' },
  address: '192.0.2.10',
  operation: 'putFeed',
  method: 'PUT',
  path: '/api/v1/feeds/acme',
  status: 200,
  request: 'r_1',
  changes: [],
  details: {},
});

it('delivers each line once and reads only what is behind the position, from month to month', async () => {
  const { deliver, write, events, read } = delivered();
  await deliver();
  expect(read).toEqual([]);
  await write(3);
  await deliver();
  await write(2);
  await write(2, DECEMBER);
  await deliver();
  await deliver();
  expect(read).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(await events()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it('a line that was changed after the position is refused, and what precedes it is not delivered again', async () => {
  const { deliver, write, events, file } = delivered();
  await write(2);
  await deliver();
  await write(3);
  const whole = readFileSync(file('2026-11'), 'utf8');
  const lines = whole.trimEnd().split('\n');
  writeFileSync(file('2026-11'), `${[...lines.slice(0, 3), lines[3]!.replace('ana', 'eva'), lines[4]].join('\n')}\n`);
  await expect(deliver()).rejects.toMatchObject({
    code: 'STATE_CORRUPT',
    message: expect.stringContaining('line number 4'),
  });
  expect(await events()).toEqual([1, 2]);
  writeFileSync(file('2026-11'), whole);
  await deliver();
  expect(await events()).toEqual([1, 2, 3, 4, 5]);
});

it.each([
  [
    'cut short',
    (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8').split('\n').slice(0, 1).join('\n')}\n`),
  ],
  ['with a foreign line', (path: string) => appendFileSync(path, 'no line of a journal\n')],
])('a journal %s is refused', async (_, damage) => {
  const { deliver, write, file } = delivered();
  await write(2);
  await deliver();
  damage(file('2026-11'));
  await expect(deliver()).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
});

it('a new journal in place of one that was moved away is delivered from its first line', async () => {
  const { deliver, write, events, directory, file } = delivered();
  await write(2);
  await deliver();
  renameSync(file('2026-11'), join(directory, 'evidence'));
  await write(1, DECEMBER);
  await deliver();
  expect(await events()).toEqual([1, 1, 2]);
  expect(readdirSync(directory)).toContain('audit-2026-12.ndjson');
});

it.runIf(existsSync('/proc/self/fd'))('a delivery leaves no file of the journal open', async () => {
  const { deliver, write, file } = delivered();
  await write(2);
  await deliver();
  await deliver();
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(join('/proc/self/fd', fd))];
    } catch {
      return [];
    }
  });
  expect(open).not.toContain(file('2026-11'));
});

it('a position of an earlier build, which only counts lines, is gone on from', async () => {
  const { deliver, write, events, journal } = delivered();
  const { destination, lane, source: baseUrl } = journal;
  const cursor = firstCursor({
    feed: destination.name,
    lane,
    organization: undefined,
    baseUrl,
    start: NOVEMBER / 1000,
    services: [],
    now: NOVEMBER,
  });
  const sink = await openSink(destination, log, systemTiming);
  const opened = sink.lane(lane);
  await opened.open();
  await opened.commit(positionOnly({ ...cursor, counts: { ...cursor.counts, records: 2, events: 2 } }));
  await opened.close();
  await sink.close();
  await write(3);
  await deliver();
  await write(1);
  await deliver();
  expect(await events()).toEqual([3, 4]);
});
