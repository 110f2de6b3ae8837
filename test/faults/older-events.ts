import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { readFixtureRecords } from '../../fixtures/records.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonObject } from '../../mappings/json.js';
import { serialise } from '../../mappings/serialise.js';
import { sampleCursor } from '../contract/sample-batch.js';
import { finishedEvent } from '../mappings/mapping.js';

const fetchedAt = Date.UTC(2030, 0, 1);

/** What an older catalogue, which knew none of the types, made of the fixtures: Base Events with their records in raw_data. */
export function olderEvents(): NormalisedEvent[] {
  return readFixtureRecords().map(({ value }) => {
    const today = JSON.parse(finishedEvent(value, { rawData: true, fetchedAt }).text) as JsonObject;
    const older = finishedEvent({ ...value, event_type: 'unheard_of' }, { rawData: true, fetchedAt });
    const { raw_data, raw_data_size, raw_data_hash } = today;
    const event = { ...(JSON.parse(older.text) as JsonObject), raw_data, raw_data_size, raw_data_hash };
    return { ...older, text: serialise(event as never) };
  });
}

/** Stores them as two lanes did, in several commits. */
export async function storeOlder(directory: string, events: readonly NormalisedEvent[]): Promise<void> {
  const sink = createTablesSink({ directory, feed: 'acme' });
  const backfill = 'backfill/20260901T000000Z_20261001T000000Z';
  for (const [name, part] of [
    ['live', events.slice(0, Math.ceil(events.length / 2))],
    [backfill, events.slice(Math.ceil(events.length / 2))],
  ] as const) {
    const lane = sink.lane(name);
    await lane.open();
    for (let at = 0; at < part.length; at += 100)
      await lane.commit({
        events: part.slice(at, at + 100),
        deadLetters: [],
        raw: [],
        cursor: sampleCursor(name, at),
        entities: [],
        dedupeAdditions: [],
        evictBefore: 0,
      });
  }
  await sink.close();
}
