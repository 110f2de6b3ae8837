import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../../collector/sinks/sink.js';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { sha256 } from '../../../mappings/record.js';
import { sampleBatch, sampleEvent, sampleLetter } from '../../contract/sample-batch.js';
import { rowsOf } from './read-tables.js';

const MIB = 1024 * 1024;
/** More than DuckDB holds in a row with the memory below. */
const large = JSON.stringify({ text: 'x'.repeat(40 * MIB) });

describe('a row that takes more memory than the tables are written with', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'large-rows-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Commits it between its neighbours, and reads back what the table holds for dead letters. */
  async function letterAmongNeighbours(more: Partial<Batch>) {
    const sink = createTablesSink({ directory, feed: 'acme', memoryLimit: '64MB' });
    const lane = sink.lane('live');
    await lane.open();
    const neighbours = sampleBatch('live', 0, { events: 5, letters: 0, raw: 2 });
    await lane.commit({
      ...neighbours,
      events: [...neighbours.events, ...(more.events ?? [])],
      deadLetters: [sampleLetter(100), ...(more.deadLetters ?? [])],
      raw: [...(more.raw ?? []), ...neighbours.raw],
      entities: more.entities ?? [],
    });
    await sink.close();
    expect(await rowsOf(directory, 'SELECT count(*) FROM events')).toEqual([[5n]]);
    expect(await rowsOf(directory, 'SELECT count(*) FROM raw_records')).toEqual([[2n]]);
    const letters = await rowsOf(
      directory,
      `SELECT uid, reason, event_type, raw_size, raw_sha256, length(raw) FROM dead_letters WHERE uid <> '${sampleLetter(100).uid}'`,
    );
    expect(letters).toHaveLength(1);
    return letters[0];
  }

  const whole = [BigInt(large.length), sha256(large), BigInt(MIB)] as const;

  it('as a dead letter keeps the beginning of raw, with the size and hash of the whole', async () => {
    const letter = { ...sampleLetter(1), raw: large, raw_size: large.length, raw_sha256: sha256(large) };
    expect(await letterAmongNeighbours({ deadLetters: [letter] })).toEqual([
      letter.uid,
      letter.reason,
      letter.event_type,
      ...whole,
    ]);
  });

  it('as an event becomes a dead letter', async () => {
    const { text, ...event } = sampleEvent(50);
    const long = text.replace('"message":"', `"message":"${'x'.repeat(40 * MIB)}`);
    const size = BigInt(long.length);
    expect(await letterAmongNeighbours({ events: [{ ...event, text: long }] })).toEqual([
      event.uid,
      'refused_by_sink',
      event.eventCode,
      size,
      sha256(long),
      BigInt(MIB),
    ]);
  });

  it('as a record kept raw becomes a dead letter', async () => {
    const { classUid, eventCode, time } = sampleEvent(50);
    const record = { uid: 'a'.repeat(32), classUid, eventCode, service: 'sso', time, text: large };
    expect(await letterAmongNeighbours({ raw: [record] })).toEqual([
      record.uid,
      'refused_by_sink',
      eventCode,
      ...whole,
    ]);
  });

  it('as an entity becomes a dead letter', async () => {
    const entity = { type: 'user', key: 'u1', value: large, observedAt: sampleEvent(50).time };
    const uid = sha256(`user|u1|${entity.observedAt}`).slice(0, 32);
    expect(await letterAmongNeighbours({ entities: [entity] })).toEqual([uid, 'refused_by_sink', 'user', ...whole]);
  });
});
