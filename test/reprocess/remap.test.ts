import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { remap } from '../../collector/commands/remap.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { tell } from '../commands/collecting.js';
import { sampleBatch } from '../contract/sample-batch.js';
import { olderEvents, storeOlder } from '../faults/older-events.js';
import { finishedEvent } from '../mappings/mapping.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

describe('remap', () => {
  const all = olderEvents();
  const older = all.filter(({ text }, index) => index % 4 === 0 || text.includes('"redacted"'));
  let stored: string;
  let directory: string;
  beforeAll(async () => {
    stored = await mkdtemp(join(tmpdir(), 'remap-stored-'));
    await storeOlder(stored, older);
  });
  afterAll(() => rm(stored, { recursive: true, force: true }));
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'remap-'));
    await cp(stored, directory, { recursive: true });
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const order = (more: Record<string, unknown> = {}) => ({
    name: 'acme',
    sink: 'tables',
    'log-level': 'error',
    'tables-directory': directory,
    from: '2020-01-01',
    to: '2030-01-01',
    dryRun: false,
    yes: true,
    ...more,
  });
  const rows = (sql: string) => rowsOf(directory, sql);

  it('shows the difference by type and changes nothing in a dry run', async () => {
    const before = await rows('SELECT class_uid, count(*) FROM events GROUP BY 1');
    const { out } = await tell(() => remap(order({ dryRun: true })));
    expect(out).toMatch(/\d+ {2}user_login_attempt: Base Event: unheard_of → Authentication: Logon/);
    expect(out).toContain('nothing was changed');
    expect(await rows('SELECT class_uid, count(*) FROM events GROUP BY 1')).toEqual(before);
  });

  it('moves events to their class, with their uid and the time they were fetched, and then finds nothing more to do', async () => {
    await rm(directory, { recursive: true });
    await storeOlder(directory, all);
    const kept = 'SELECT metadata.uid, metadata.logged_time, raw_data FROM events ORDER BY 1';
    const before = await rows(kept);
    await tell(() => remap(order()));
    expect(await rows(kept)).toEqual(before);
    const moved = await rows("SELECT count(*) FROM account_change WHERE metadata.event_code = 'user_create'");
    expect(Number(moved[0]?.[0])).toBeGreaterThan(0);
    const { out } = await tell(() => remap(order()));
    expect(out).toContain(`${all.length} events of the range looked at`);
    expect(out).toContain(`${all.length}  the same as before`);
  });

  it('says of an event again that secrets were taken from its record', async () => {
    const labelled = "SELECT metadata.uid FROM events WHERE list_contains(metadata.labels, 'redacted') ORDER BY 1";
    const before = await rows(labelled);
    expect(before.length).toBeGreaterThan(0);
    await tell(() => remap(order()));
    expect(await rows(labelled)).toEqual(before);
  });

  it('touches only the range', async () => {
    await tell(() => remap(order({ to: '2026-09-14T09:00:00Z' })));
    const counts = await rows(
      "SELECT time_dt < '2026-09-14 09:00:00', count(*) FROM events WHERE metadata.event_code <> 'unheard_of' GROUP BY 1",
    );
    expect(counts).toHaveLength(1);
    const [isBefore, moved] = counts[0] ?? [];
    expect(isBefore).toBe(true);
    expect(Number(moved)).toBeGreaterThan(10);
    const [[left]] = (await rows("SELECT count(*) FROM events WHERE metadata.event_code = 'unheard_of'")) as [[bigint]];
    expect(Number(left)).toBeGreaterThan(10);
  });

  it('leaves events without raw_data, and those of a class that is not delivered, and counts them', async () => {
    const sink = createTablesSink({ directory, feed: 'acme' });
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(sampleBatch('live', 0, { events: 5, letters: 0, raw: 0 }));
    await sink.close();
    const { out } = await tell(() => remap(order({ classes: '3002' })));
    expect(out).toContain('5  without raw_data');
    expect(out).toMatch(/\d+ {2}of a class that is not delivered/);
    const classes = await rows('SELECT DISTINCT class_uid FROM events ORDER BY 1');
    expect(classes).toEqual([[0n], [3002n]]);
  });

  it('is refused while a lane of the feed runs', async () => {
    const sink = createTablesSink({ directory, feed: 'acme' });
    await sink.lane('live').open();
    await expect(tell(() => remap(order()))).rejects.toMatchObject({ code: 'LANE_IN_USE', exitCode: 73 });
    await sink.close();
  });

  it('leaves a lane that goes on where it stood', async () => {
    const first = createTablesSink({ directory, feed: 'acme' });
    const cursor = await first.peek('live');
    await tell(() => remap(order()));
    const lane = first.lane('live');
    expect((await lane.open())?.cursor).toEqual(cursor);
    const more = finishedEvent({
      ...JSON.parse((await rows('SELECT raw_data FROM events LIMIT 1'))[0]?.[0] as string),
      id: 'new-one',
    });
    await lane.commit({ ...sampleBatch('live', 9, { events: 0, letters: 0, raw: 0 }), events: [more] });
    await first.close();
    expect(await rows('SELECT count(*) FROM events')).toEqual([[BigInt(older.length + 1)]]);
  });
});
