import { WEBHOOK_SERVICE } from '../../mappings/alerts/kept-body.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { Clock } from '../clock.js';
import { WEBHOOK_LANE } from '../position/lane-name.js';
import type { Sink } from '../sinks/sink.js';
import { CommittedLane } from '../webhook/committed-lane.js';
import { type DeliverySettings, deliver, type IncomingBody } from '../webhook/deliver.js';
import { heldBy } from '../webhook/held-findings.js';
import { positionOf } from '../webhook/lane-memory.js';
import { readBody } from '../webhook/read-body.js';

/** What replaying kept bodies came to. */
export interface BodyReplayReport {
  readonly delivered: number;
  /** Findings that were delivered before: by the list of alerts, or an earlier replay. */
  readonly already: number;
  /** Still no finding. */
  readonly unknown: number;
}

/** What replaying needs of its feed. */
export interface BodyReplaySettings extends DeliverySettings {
  readonly feed: string;
  readonly baseUrl: string;
  readonly organization: () => Promise<string | undefined>;
  /** True: only count. */
  readonly dryRun: boolean;
}

const AT_ONCE = 200;

/**
 * Maps bodies that were kept as dead letters again, and delivers those that are findings by now in the lane `webhook`,
 * which knows what it delivered: a finding that the list of alerts has brought since is not delivered twice.
 * @throws CollectorError LANE_IN_USE while a collector takes webhooks of the feed
 */
export async function replayKeptBodies(
  letters: () => AsyncIterable<DeadLetter>,
  sink: Sink,
  clock: Clock,
  settings: BodyReplaySettings,
): Promise<BodyReplayReport> {
  const report = { delivered: 0, already: 0, unknown: 0 };
  const startedAt = clock.now();
  const lane = await CommittedLane.open({ ...settings, sink, clock, observer: () => undefined });
  const replay = async (bodies: readonly IncomingBody[]): Promise<void> => {
    const organization = await lane.organization();
    if (organization === undefined) {
      report.unknown += bodies.length;
      return;
    }
    // What stays a dead letter is known under its own name: only mapping distinguishes it from a delivered finding.
    const { deadLetters } = deliver(bodies, organization, () => false, settings);
    const held = await heldBy(sink, deliver(bodies, organization, lane.isKnown, settings));
    const fresh = deliver(bodies, organization, (hash) => lane.isKnown(hash) || held.has(hash), settings);
    const mapped = fresh.events.length + fresh.raw.length;
    report.delivered += mapped;
    report.unknown += deadLetters.length;
    report.already += bodies.length - mapped - deadLetters.length;
    if (settings.dryRun || mapped === 0) return;
    await lane.commit(
      { ...fresh, deadLetters: [], counts: { ...fresh.counts, records: mapped, deadLetters: 0, duplicates: 0 } },
      lane.position,
    );
  };
  try {
    let bodies: IncomingBody[] = [];
    for await (const { raw, fetched_at, raw_size } of letters()) {
      // Of a part of a body no finding can be made.
      if (Buffer.byteLength(raw) !== raw_size) {
        report.unknown += 1;
        continue;
      }
      bodies.push(bodyOf(raw, fetched_at ?? clock.now()));
      if (bodies.length < AT_ONCE) continue;
      await replay(bodies);
      bodies = [];
    }
    if (bodies.length > 0) await replay(bodies);
    const organization = await lane.organization();
    if (!settings.dryRun && organization !== undefined) {
      const replayed = { to: startedAt, version: settings.mapping.mapper.version };
      await lane.commit(deliver([], organization, lane.isKnown, settings), { ...lane.position, replayed });
    }
    return report;
  } finally {
    await lane.close();
  }
}

/**
 * Whether a kept body was delivered by a replay. Of one that a newer mapping may know, that is said only after the next
 * replay.
 */
export async function replayedBodies(
  sink: Pick<Sink, 'peek'>,
  mapping: DeliverySettings['mapping'],
): Promise<(letter: DeadLetter) => boolean> {
  const cursor = await sink.peek(WEBHOOK_LANE);
  const replayed = cursor && positionOf(cursor).replayed;
  const organization = cursor?.organization;
  if (replayed === undefined || organization === undefined || replayed.version !== mapping.mapper.version)
    return () => false;
  return ({ service, fetched_at: at, raw, raw_size: size }) => {
    if (service !== WEBHOOK_SERVICE || at === undefined || at > replayed.to || Buffer.byteLength(raw) !== size)
      return false;
    const { deadLetters } = deliver([bodyOf(raw, at)], organization, () => false, { mapping, classes: undefined });
    return deadLetters.length === 0;
  };
}

function bodyOf(raw: string, receivedAt: number): IncomingBody {
  return { ...readBody(Buffer.from(raw)), source: 'webhook', receivedAt, headers: {} };
}
