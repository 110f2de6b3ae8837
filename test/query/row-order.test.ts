import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenTables, openTables } from '../../collector/query/open-tables.js';
import { parameterValues } from '../../collector/query/question.js';
import { readQuestions } from '../../collector/query/read-questions.js';
import { render } from '../../collector/query/render.js';
import type { Batch } from '../../collector/sinks/sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonObject } from '../../mappings/json.js';
import { sha256 } from '../../mappings/record.js';
import { noSizes, sampleBatch } from '../contract/sample-batch.js';
import { directoryReading, storyLists as lists, storyEnd, storyItems, storyParameters } from './story-tables.js';

const COPIES = ['a', 'b'];
/** Activities that undo each other. */
const OPPOSITE: Readonly<Record<number, number>> = { 1: 2, 2: 1, 5: 2 };

const directories: string[] = [];
const opened: OpenTables[] = [];

beforeAll(async () => {
  const { events, deadLetters, entities } = storyItems();
  const items = {
    events: events.flatMap((event) => [event, ...COPIES.map((letter, index) => twinOf(event, letter, index))]),
    deadLetters: deadLetters.flatMap((one) => [one, { ...one, uid: `${one.uid}-a`, message: `A ${one.message}` }]),
    entities,
  };
  await write([items, { entities: directoryReading(0) }, { entities: directoryReading(1) }]);
  // The last first, in many files.
  const events2 = items.events.toReversed();
  const slices = Array.from({ length: 3 }, (_, index) => ({ events: events2.filter((_, at) => at % 3 === index) }));
  await write([
    { entities: directoryReading(1).toReversed() },
    { deadLetters: items.deadLetters.toReversed() },
    ...slices,
    { entities: entities.toReversed() },
    { entities: directoryReading(0).toReversed() },
  ]);
});
afterAll(async () => {
  for (const tables of opened) await tables.close();
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

async function write(batches: readonly Partial<Pick<Batch, 'events' | 'deadLetters' | 'entities'>>[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'row-order-'));
  directories.push(directory);
  const sink = createTablesSink({ directory, feed: 'acme' });
  const lane = sink.lane('live');
  await lane.open();
  for (const [index, batch] of batches.entries())
    await lane.commit({ ...sampleBatch('live', index, noSizes), ...batch });
  await sink.close();
  opened.push(await openTables(directory));
}

/** Another event of the same person at the same instant, which differs in most of what a question does not group by. */
function twinOf(event: NormalisedEvent, letter: string, index: number): NormalisedEvent {
  const uid = sha256(`${event.uid} ${letter}`).slice(0, 32);
  const twin = JSON.parse(event.text);
  twin.metadata.uid = uid;
  twin.message = `${letter} ${twin.message}`;
  if (twin.status_detail !== undefined) twin.status_detail = `${letter} ${twin.status_detail}`;
  if (twin.actor?.app_name !== undefined) twin.actor.app_name += ` ${letter}`;
  if (twin.service?.name !== undefined) twin.service.name += ` ${letter}`;
  if (twin.dst_endpoint?.hostname !== undefined) twin.dst_endpoint.hostname += `-${letter}`;
  const { src_endpoint: from } = twin as { src_endpoint?: JsonObject };
  // One of them is at the same place.
  if (index > 0 && from?.ip !== undefined) from.ip = '192.0.2.1';
  if (index > 0 && from?.location !== undefined) from.location = { country: 'JP', lat: 10.5, long: 10.5 };
  const opposite = index === 1 && event.classUid !== 3002 ? OPPOSITE[twin.activity_id] : undefined;
  if (opposite !== undefined) Object.assign(twin, { activity_id: opposite, activity_name: `opposite ${opposite}` });
  return { ...event, uid, text: JSON.stringify(twin) };
}

it.each(readQuestions().map((question) => [question.name, question] as const))(
  '%s has one answer, in whatever order its rows lie in files',
  async (name, question) => {
    const parameters = new Map(Object.entries(storyParameters[name] ?? {}));
    const values = parameterValues(question, { parameters, lists }, storyEnd);
    const answers = [];
    for (const tables of opened) {
      let text = '';
      for await (const piece of render(await tables.query(question.sql, values), 'ndjson', { width: 0 })) text += piece;
      answers.push(text.trim().split('\n'));
    }
    expect(answers[0], 'no row: plant its story in fixtures/stories.ts').not.toEqual(['']);
    expect(answers[1]).toEqual(answers[0]);
  },
);
