import { expect, it } from 'vitest';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { createLog } from '../../collector/log/logger.js';
import { noCounts } from '../../collector/position/cursor.js';
import { unresolvedLetters } from '../../collector/reprocess/dead-letters.js';
import { replayKeptBodies } from '../../collector/reprocess/replay-webhooks.js';
import { openSink } from '../../collector/runtime/open-sink.js';
import { mapper } from '../../collector/version.js';
import { CommittedLane } from '../../collector/webhook/committed-lane.js';
import { envelopeOf } from '../../fixtures/tenant/alerts/envelope.js';
import { AlertState } from '../../fixtures/tenant/alerts/state.js';
import { bodyUid, keptBody } from '../../mappings/alerts/kept-body.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { JsonObject } from '../../mappings/json.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { findingsOf, openRoad, organization, rowsOf } from './open-road.js';
import { uidOf } from './running-collector.js';

/** A body as a mapping of before kept it, which did not know its shape. */
function letterOf(value: JsonObject): DeadLetter {
  const text = JSON.stringify(value);
  const about = { reason: 'unknown_shape' as const, message: 'No alert is named in the body.', details: [] };
  return keptBody(bodyUid(organization, text, value), { ...about, text, value, organization, receivedAt: Date.now() });
}

it('W11: kept bodies that are findings by now are delivered once, under the uid of the finding', async () => {
  const alerts = new AlertState(21, organization, Date.now);
  const [known, unknown] = [alerts.raise(), alerts.raise()];
  const road = await openRoad();
  // The list of alerts, or another webhook, has brought the first one since.
  await road.post(JSON.stringify(envelopeOf(known)));
  await road.stop();
  const letters = [letterOf(envelopeOf(known)), letterOf(envelopeOf(unknown)), letterOf({ still: 'unknown' })];
  let later = 0;
  const clock = { ...systemTiming, now: () => Date.now() + later };
  const replay = async (dryRun: boolean) => {
    const log = createLog({ level: 'error', format: 'text' });
    const sink = await openSink(road.config, log, systemTiming);
    const settings = {
      ...{ feed: 'acme', baseUrl: road.config.jumpcloud.endpoints.baseUrl, classes: undefined, dryRun },
      ...{ organization: async () => organization, mapping: { rawData: true, mapper, target: ocsfTarget } },
    };
    try {
      return await replayKeptBodies(
        async function* () {
          yield* letters;
        },
        sink,
        clock,
        settings,
      );
    } finally {
      await sink.close();
    }
  };
  expect(await replay(true)).toEqual({ delivered: 1, already: 1, unknown: 1 });
  expect(await replay(false)).toEqual({ delivered: 1, already: 1, unknown: 1 });
  expect(await replay(false)).toEqual({ delivered: 0, already: 2, unknown: 1 });
  // The lane remembers them no more after the first of these.
  later = 100 * 86_400_000;
  expect(await replay(false)).toEqual({ delivered: 0, already: 2, unknown: 1 });
  expect(await replay(false)).toEqual({ delivered: 0, already: 2, unknown: 1 });
  const uids = (await findingsOf(road.directory)).map(([uid]) => uid);
  expect([...uids].sort()).toEqual([known, unknown].map(uidOf).sort());
  expect(await rowsOf(road.directory, 'SELECT * FROM dead_letters')).toEqual([]);
});

it('a kept body is the finding that was delivered months ago, though only one of the two counts its occurrence', async () => {
  const alerts = new AlertState(23, organization, Date.now);
  const [first, second, third] = [alerts.raise(), alerts.raise(), alerts.raise()];
  const uncounted = (value: JsonObject) => {
    const { occurrences_count: _, ...data } = value.data as JsonObject;
    return { ...value, data };
  };
  const road = await openRoad();
  await road.post(JSON.stringify(envelopeOf(first)));
  await road.post(JSON.stringify(uncounted(envelopeOf(second))));
  await road.stop();
  const sink = await openSink(road.config, createLog({ level: 'error', format: 'text' }), systemTiming);
  const settings = {
    ...{ feed: 'acme', baseUrl: road.config.jumpcloud.endpoints.baseUrl, classes: undefined, dryRun: false },
    ...{ organization: async () => organization, mapping: { rawData: true, mapper, target: ocsfTarget } },
  };
  const clock = { ...systemTiming, now: () => Date.now() + 100 * 86_400_000 };
  const replay = (...bodies: JsonObject[]) =>
    replayKeptBodies(
      async function* () {
        yield* bodies.map(letterOf);
      },
      sink,
      clock,
      settings,
    );
  try {
    // With it the lane forgets what was delivered before.
    expect(await replay(envelopeOf(third))).toMatchObject({ delivered: 1 });
    const later = {
      ...envelopeOf(first),
      data: { ...(envelopeOf(first).data as JsonObject), occurred_at: '2026-11-28T09:00:00Z' },
    };
    expect(await replay(uncounted(envelopeOf(first)), envelopeOf(second), uncounted(later))).toEqual({
      delivered: 1,
      already: 2,
      unknown: 0,
    });
  } finally {
    await sink.close();
  }
});

it('a name is remembered over a step of the clock, as long as the list of alerts may show it again', async () => {
  const DAY = 86_400_000;
  let now = Date.UTC(2026, 10, 3);
  const lane = await CommittedLane.open({
    ...{ feed: 'acme', baseUrl: 'https://api.jumpcloud.com', sink: new MemorySink(), observer: () => undefined },
    ...{ clock: { ...systemTiming, now: () => now }, organization: async () => organization },
  });
  const commit = (remember: bigint[], polledTo: number) =>
    lane.commit(
      { events: [], deadLetters: [], raw: [], remember, counts: noCounts, fresh: [] },
      { ...lane.position, polledTo },
    );
  await commit([7n], now);
  now += 10 * DAY;
  await commit([], now - 10 * DAY);
  expect(lane.isKnown(7n)).toBe(true);
  await commit([], now);
  expect(lane.isKnown(7n)).toBe(false);
  // A list that cannot be read does not make the memory grow without end.
  await commit([8n], now);
  now += 100 * DAY;
  await commit([], now - 100 * DAY);
  expect(lane.isKnown(8n)).toBe(false);
  await lane.close();
});

it('W11: dead letters that a replay delivered are listed no more, and those of an unknown shape still are', async () => {
  const alerts = new AlertState(22, organization, Date.now);
  const road = await openRoad();
  await road.stop();
  const letters = [letterOf(envelopeOf(alerts.raise())), letterOf({ still: 'unknown' })];
  const sink = await openSink(road.config, createLog({ level: 'error', format: 'text' }), systemTiming);
  const settings = {
    ...{ feed: 'acme', baseUrl: road.config.jumpcloud.endpoints.baseUrl, classes: undefined, dryRun: false },
    ...{ organization: async () => organization, mapping: { rawData: true, mapper, target: ocsfTarget } },
  };
  const listed = async () => {
    const found: string[] = [];
    for await (const { uid } of unresolvedLetters('acme', sink, { reason: undefined, range: undefined }))
      found.push(uid);
    return found.sort();
  };
  try {
    // As an earlier mapping kept them.
    const lane = await CommittedLane.open({ ...settings, sink, clock: systemTiming, observer: () => undefined });
    await lane.organization();
    const counts = { ...noCounts, records: 2, deadLetters: 2 };
    await lane.commit({ events: [], deadLetters: letters, raw: [], remember: [], counts, fresh: [] }, lane.position);
    await lane.close();
    expect(await listed()).toEqual(letters.map(({ uid }) => uid).sort());
    const all = () => unresolvedLetters('acme', sink, { reason: undefined, range: undefined });
    expect(await replayKeptBodies(all, sink, systemTiming, settings)).toMatchObject({ delivered: 1, unknown: 1 });
    expect(await listed()).toEqual([letters[1]!.uid]);
  } finally {
    await sink.close();
  }
});
