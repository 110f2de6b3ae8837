import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listDeadLetters, replayDeadLetters } from '../../collector/commands/dead-letters.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import { sha256 } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { tell } from '../commands/collecting.js';
import { sampleCursor } from '../contract/sample-batch.js';
import { record } from '../mappings/mapping.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

const fetchedAt = Date.parse('2026-11-01T10:00:00Z');

/** A letter as an older mapping left it: of a record that maps today, or of one that does not. */
function letterOf(number: number, raw: string): DeadLetter {
  return {
    uid: sha256(`letter ${number}`).slice(0, 32),
    reason: 'schema_violation',
    message: 'The event does not fit its OCSF class.',
    details: ['/user: must have required property'],
    service: 'directory',
    event_type: 'user_login_attempt',
    record_id: `record-${number}`,
    time: Date.parse('2025-03-01T08:15:30.123Z'),
    fetched_at: fetchedAt,
    raw,
    raw_size: Buffer.byteLength(raw),
    raw_sha256: sha256(raw),
  };
}

const cured = (number: number) =>
  letterOf(
    number,
    JSON.stringify(record('directory', 'user_login_attempt', { id: `record-${number}`, success: true })),
  );
const uncured = (number: number) => letterOf(number, JSON.stringify({ id: `record-${number}`, no: 'timestamp' }));

describe('dead letters in tables', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dead-letters-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const flags = (feed = 'acme') => ({
    name: feed,
    sink: 'tables',
    'log-level': 'error',
    'tables-directory': directory,
  });
  const list = async (more: Record<string, string> = {}) => {
    const { out } = await tell(() => listDeadLetters({ ...flags(), ...more, json: true }));
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as DeadLetter);
  };
  const replay = (more: Record<string, string> = {}) =>
    tell(() => replayDeadLetters({ ...flags(), ...more, dryRun: false }));

  async function store(letters: readonly DeadLetter[], feed = 'acme'): Promise<void> {
    const sink = createTablesSink({ directory, feed });
    const lane = sink.lane('live');
    await lane.open();
    const cursor = { ...sampleCursor('live', 1), feed };
    await lane.commit({
      events: [],
      deadLetters: letters,
      raw: [],
      entities: [],
      cursor,
      dedupeAdditions: [],
      evictBefore: 0,
    });
    await sink.close();
  }

  it('are listed whole, by reason and by time', async () => {
    await store([cured(1), { ...uncured(2), reason: 'timestamp_missing' }]);
    expect(await list()).toEqual(expect.arrayContaining([cured(1)]));
    expect((await list({ reason: 'timestamp_missing' })).map(({ uid }) => uid)).toEqual([uncured(2).uid]);
    expect(await list({ from: '2025-03-01', to: '2025-03-02' })).toHaveLength(2);
    expect(await list({ from: '2025-03-02', to: '2025-03-03' })).toHaveLength(0);
    const { out } = await tell(() => listDeadLetters({ ...flags(), json: false }));
    expect(out).toContain('2 dead letters');
    expect(out).toContain('record-2');
  });

  it('become events under their own uid once they map, and leave the dead letters', async () => {
    await store([cured(1), cured(2), uncured(3)]);
    const { out } = await replay();
    expect(out).toContain('2 became events');
    expect(out).toContain('still dead letters: 1 timestamp_missing');
    expect((await list()).map(({ uid }) => uid)).toEqual([uncured(3).uid]);
    const rows = await rowsOf(directory, 'SELECT metadata.uid, metadata.logged_time FROM authentication ORDER BY 1');
    expect(rows).toEqual([cured(1), cured(2)].map(({ uid }) => [uid, BigInt(fetchedAt)]).sort());
    expect(await rowsOf(directory, 'SELECT uid FROM dead_letters')).toEqual([[uncured(3).uid]]);
  });

  it('that hold only a part of their record stay dead letters: no event is made of a part', async () => {
    const part = { ...cured(1), reason: 'too_large' as const, raw_size: 20_000_000, raw_sha256: sha256('the whole') };
    await store([part, cured(2)]);
    const { out } = await replay();
    expect(out).toContain('1 became events');
    expect(out).toContain('still dead letters: 1 too_large');
    expect(await list()).toEqual([part]);
  });

  it('are replayed once, however often they are replayed', async () => {
    await store([cured(1), uncured(2)]);
    await replay();
    const { out } = await replay();
    expect(out).toContain('0 became events');
    await store([]);
    expect(await rowsOf(directory, 'SELECT count(*) FROM events')).toEqual([[1n]]);
  });

  it('stay as they are in a dry run', async () => {
    await store([cured(1)]);
    const { out } = await tell(() => replayDeadLetters({ ...flags(), dryRun: true }));
    expect(out).toContain('1 would become events');
    expect(await list()).toHaveLength(1);
  });

  it('of a class that is not delivered are kept raw', async () => {
    await store([cured(1)]);
    expect((await replay({ classes: '3001' })).out).toContain('1 were kept raw');
    expect(await rowsOf(directory, 'SELECT uid FROM raw_records')).toEqual([[cured(1).uid]]);
    expect(await list()).toEqual([]);
  });

  it('of another feed in the same directory are left to it', async () => {
    await store([cured(1)]);
    await store([cured(2)], 'other');
    expect((await replay()).out).toContain('1 became events');
    expect(await rowsOf(directory, 'SELECT uid FROM dead_letters')).toEqual([[cured(2).uid]]);
  });

  it('are not replayed by two processes at once, but can be while a collector runs', async () => {
    await store([cured(1)]);
    const sink = createTablesSink({ directory, feed: 'acme' });
    const running = sink.lane('live');
    await running.open();
    expect((await replay()).code).toBe(0);
    const replaying = sink.lane('replay');
    await replaying.open();
    await expect(replay()).rejects.toMatchObject({ code: 'LANE_IN_USE' });
    await sink.close();
  });

  it('that a crash left half replayed are all there once after the next replay', async () => {
    const letters = Array.from({ length: 5 }, (_, number) => cured(number));
    await store(letters);
    for (const step of ['commit:file', 'commit:seen', 'commit:state', 'commit:point', 'commit:shown']) {
      const sink = createTablesSink({
        directory,
        feed: 'acme',
        checkpoint: async (at) => {
          if (at === step) throw new Error('stopped');
        },
      });
      const { replayLetters } = await import('../../collector/reprocess/replay.js');
      const { unresolvedLetters } = await import('../../collector/reprocess/dead-letters.js');
      const everything = { reason: undefined, range: undefined };
      const settings = {
        feed: 'acme',
        baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
        classes: undefined,
        mapping: { rawData: true, mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' }, target: ocsfTarget },
        dryRun: false,
      };
      await replayLetters(() => unresolvedLetters('acme', sink, everything), sink, Date, settings).catch(
        () => undefined,
      );
      await sink.close();
      const [[events, uids]] = (await rowsOf(
        directory,
        'SELECT count(*), count(DISTINCT uid) FROM (SELECT metadata.uid AS uid FROM events UNION ALL SELECT uid FROM dead_letters)',
      )) as [[bigint, bigint]];
      expect([events, uids], `after ${step}`).toEqual([5n, 5n]);
    }
    expect((await replay()).code).toBe(0);
    expect(await rowsOf(directory, 'SELECT count(*) FROM events')).toEqual([[5n]]);
    expect(await list()).toEqual([]);
  });
});
