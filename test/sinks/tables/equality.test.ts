import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTables } from '../../../collector/query/open-tables.js';
import type { LaneSink, Sink } from '../../../collector/sinks/sink.js';
import type { PlainValue } from '../../../collector/sinks/tables/duckdb-value.js';
import { classTables } from '../../../collector/sinks/tables/table-catalog.js';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { readFixtureRecords } from '../../../fixtures/records.js';
import type { NormalisedEvent } from '../../../mappings/event.js';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { readHeader, sha256 } from '../../../mappings/record.js';
import { unrecordedClasses } from '../../../schemas/ocsf-target.js';
import { sampleBatch, sampleEvent } from '../../contract/sample-batch.js';
import { map, receive } from '../../mappings/mapping.js';
import { readEvents } from './read-events.js';

/** A JSON text in which order of attributes and white space do not count, but 38 and 38.0 differ. */
function canonical(text: string): string {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+\.0(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : JSON.stringify(`float ${token}`),
  );
  return JSON.stringify(sorted(JSON.parse(marked)));
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

describe('an event read back from the tables is the event that was written', () => {
  let directory: string;
  let sink: Sink;
  let lane: LaneSink;
  let batches = 0;
  let made = 0;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-equality-'));
    sink = createTablesSink({ directory, feed: 'acme' });
    lane = sink.lane('live');
    await lane.open();
  });
  afterAll(async () => {
    await sink.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Commits events and reads all back, by uid. */
  async function roundTrip(events: readonly NormalisedEvent[]): Promise<Map<string, string>> {
    await lane.commit({ ...sampleBatch('live', batches++, { events: 0, letters: 0, raw: 0 }), events });
    return readEvents(directory);
  }

  /** An event with something in its free-form part and its message. */
  function eventWith(unmapped: JsonValue, message = 'a message'): NormalisedEvent {
    const number = 1_000_000 + made++;
    const event = sampleEvent(number, Date.UTC(2026, 10, 1));
    const uid = sha256(JSON.stringify([unmapped, message, number])).slice(0, 32);
    const value = JSON.parse(event.text);
    const text = JSON.stringify({ ...value, metadata: { ...value.metadata, uid }, unmapped, message });
    return { ...event, uid, text };
  }

  async function expectEqual(events: readonly NormalisedEvent[]): Promise<void> {
    const read = await roundTrip(events);
    for (const { uid, text } of events) expect(canonical(read.get(uid) ?? '{}')).toBe(canonical(text));
  }

  it('for every documented event type', async () => {
    const events: NormalisedEvent[] = [];
    for (const { value } of readFixtureRecords()) {
      const outcome = map(value, { rawData: true });
      if (outcome.kind === 'event') events.push(outcome.event);
    }
    expect(events.length).toBeGreaterThan(100);
    expect(new Set(events.map(({ classUid }) => classUid)).size).toBe(classTables.size - unrecordedClasses.length);
    await expectEqual(events);
  });

  it('with whole-numbered and fractional floats that stay distinct from integers', async () => {
    const event = eventWith({ whole: 1 });
    const text = event.text
      .replace(/"lat":[\d.]+/, '"lat":38.0')
      .replace(/"long":[\d.]+/, '"long":-97.822')
      .replace('{"whole":1}', '{"whole":1,"float":1.0,"small":1e-7,"large":1.5e300}');
    await expectEqual([{ ...event, text }]);
    const tiny = text.replace('"lat":38.0', '"lat":1e-7').replace(event.uid, sha256('tiny').slice(0, 32));
    await expectEqual([{ ...event, uid: sha256('tiny').slice(0, 32), text: tiny }]);
  });

  it.each<[string, JsonValue]>([
    [
      'text of every plane',
      { é: 'ü', 漢字: '𝄞', '': 'empty name', rtl: '\u202eabc', zero: '\u0000', line: '\u2028\n\r\t' },
    ],
    ['empty values', { object: {}, list: [], text: '', nothing: null, nested: [[], [{}], null] }],
    ['names that look like others', { a: 1, A: 2, ' a': 3, 'a.b': 4, '"': 5, __proto__x: 6 }],
    ['deep nesting', JSON.parse(`${'{"a":['.repeat(40)}1${']}'.repeat(40)}`)],
    ['numbers at their limits', { max: Number.MAX_SAFE_INTEGER, min: -Number.MAX_VALUE, small: Number.MIN_VALUE }],
    ['long text', { text: 'x'.repeat(300_000) }],
  ])('with %s in its free-form part', async (_name, unmapped) => {
    await expectEqual([eventWith(unmapped, '\ufeffGrüße \u0000 𝄞 "quoted" \\ back')]);
  });

  it('as large as a record may be, several at once', async () => {
    await expectEqual([1, 2, 3, 4].map((n) => eventWith({ n, text: 'é"'.repeat(800_000) })));
  });

  it('with anything in its free-form part', async () => {
    const events = fc
      .sample(
        fc.tuple(
          fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 })),
          fc.string({ unit: 'grapheme' }),
        ),
        {
          numRuns: 300,
          seed: 20261101,
        },
      )
      .map(([unmapped, message]) => eventWith(unmapped as JsonValue, `m${message}`));
    await expectEqual(events);
  });

  it('but for lone surrogates, which become U+FFFD and harm no neighbour', async () => {
    const lone = eventWith({ high: '\ud83d', low: '\ude00x', pair: '😀', escaped: '\\ud83d' });
    const neighbour = eventWith({ fine: true });
    const read = await roundTrip([lone, neighbour]);
    expect(JSON.parse(read.get(lone.uid) ?? '{}').unmapped).toEqual({
      high: '\ufffd',
      low: '\ufffdx',
      pair: '😀',
      escaped: '\\ud83d',
    });
    expect(canonical(read.get(neighbour.uid) ?? '')).toBe(canonical(neighbour.text));
  });

  it('one that DuckDB cannot hold becomes a dead letter and leaves its neighbours unharmed', async () => {
    const good = [eventWith({ n: 1 }), eventWith({ n: 2 }), eventWith({ n: 3 })];
    const event = eventWith({ n: 4 });
    const bad = { ...event, text: event.text.replace('"severity_id":1', '"severity_id":1e30') };
    const read = await roundTrip([good[0]!, bad, good[1]!, good[2]!]);
    for (const { uid, text } of good) expect(canonical(read.get(uid) ?? '{}')).toBe(canonical(text));
    expect(read.has(bad.uid)).toBe(false);
    const tables = await openTables(directory);
    const letters: PlainValue[][] = [];
    const answer = await tables.query('SELECT uid, reason, raw FROM dead_letters');
    for await (const row of answer.rows) letters.push([...row]);
    await tables.close();
    expect(letters).toEqual([[bad.uid, 'refused_by_sink', bad.text]]);
  });

  it('knows a record by the identity that its header has', async () => {
    const [first] = readFixtureRecords();
    const header = readHeader(receive(first!.value));
    expect(header.uid).toMatch(/^[0-9a-f]{32}$/);
    expect(await sink.find!([header.uid], 0n, 4_000_000_000n * 1_000_000_000n)).toEqual(new Set([header.uid]));
  });
});
