import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { KeptRecord, MappingSettings } from '../../mappings/normalise.js';
import type { Clock } from '../clock.js';
import { type Cursor, firstCursor } from '../position/cursor.js';
import { type DedupeChunk, hashOf } from '../position/dedupe-set.js';
import { REPLAY_LANE } from '../position/lane-name.js';
import type { LaneSink, Sink } from '../sinks/sink.js';
import { mapStored, rawOf } from './stored-record.js';

/** What replaying came to. */
export interface ReplayReport {
  /** Letters by what became of them. */
  readonly delivered: number;
  /** Of a class that the feed does not deliver: kept raw. */
  readonly raw: number;
  /** Replayed before. */
  readonly already: number;
  /** Still not valid, by today's reason. */
  readonly failing: Readonly<Record<string, number>>;
  /** Dead letters that hold an event, not a record: the sink refused them. */
  readonly events: number;
}

/** What replaying needs of its feed. */
export interface ReplaySettings {
  readonly feed: string;
  readonly baseUrl: string;
  readonly classes: ReadonlySet<number> | undefined;
  readonly mapping: MappingSettings;
  /** True: only count. */
  readonly dryRun: boolean;
}

const MINUTE_MS = 60_000;

/**
 * Maps dead letters again and delivers those that map by now, under the uid they have, in a lane of their own that
 * remembers which it delivered: replaying again, or after a crash, delivers nothing twice.
 * @throws CollectorError LANE_IN_USE while another replay runs
 */
export async function replayLetters(
  letters: () => AsyncIterable<DeadLetter>,
  sink: Sink,
  clock: Pick<Clock, 'now'>,
  settings: ReplaySettings,
): Promise<ReplayReport> {
  const lane = sink.lane(REPLAY_LANE);
  try {
    const committed = await lane.open();
    const seen = new Set((committed?.dedupe ?? []).flatMap(({ hashes }) => [...hashes]));
    const replay = new Replay(lane, committed?.cursor, seen, clock, settings);
    for await (const letter of letters()) {
      replay.take(letter);
      if (replay.size >= sink.batchSize) await replay.commit();
    }
    await replay.commit();
    return replay.report;
  } finally {
    await lane.close();
  }
}

class Replay {
  readonly report = { delivered: 0, raw: 0, already: 0, failing: {} as Record<string, number>, events: 0 };
  #events: NormalisedEvent[] = [];
  #raw: KeptRecord[] = [];
  #chunks: DedupeChunk[] = [];
  #cursor: Cursor;

  constructor(
    private readonly lane: LaneSink,
    stored: Cursor | undefined,
    private readonly seen: Set<bigint>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly settings: ReplaySettings,
  ) {
    const now = clock.now();
    const { feed, baseUrl } = settings;
    const start = Math.floor(now / 1000);
    const first = { feed, lane: REPLAY_LANE, organization: undefined, baseUrl, start, services: [], now };
    this.#cursor = stored ?? firstCursor(first);
  }

  get size(): number {
    return this.#events.length + this.#raw.length;
  }

  take(letter: DeadLetter): void {
    const hash = hashOf(letter.uid);
    if (this.seen.has(hash)) {
      this.report.already += 1;
      return;
    }
    if (letter.reason === 'refused_by_sink') {
      this.report.events += 1;
      return;
    }
    // A webhook's body is no record: `webhook replay` is for these.
    if (letter.reason === 'unknown_shape' || letter.reason === 'wrong_organization') {
      this.report.failing[letter.reason] = (this.report.failing[letter.reason] ?? 0) + 1;
      return;
    }
    // Of a part of a record no event can be made.
    if (Buffer.byteLength(letter.raw) !== letter.raw_size) {
      this.report.failing[letter.reason] = (this.report.failing[letter.reason] ?? 0) + 1;
      return;
    }
    const stored = { uid: letter.uid, text: letter.raw, fetchedAt: letter.fetched_at };
    const remapped = mapStored(stored, this.settings.mapping);
    if (remapped?.outcome.kind !== 'event') {
      const reason = remapped?.outcome.deadLetter.reason ?? letter.reason;
      this.report.failing[reason] = (this.report.failing[reason] ?? 0) + 1;
      return;
    }
    const { event } = remapped.outcome;
    const isDelivered = this.settings.classes?.has(event.classUid) ?? true;
    if (isDelivered) this.#events.push(event);
    else this.#raw.push(rawOf(remapped));
    this.report[isDelivered ? 'delivered' : 'raw'] += 1;
    this.seen.add(hash);
    this.#chunks.push({ minute: Math.floor(event.time / MINUTE_MS), hashes: BigUint64Array.of(hash) });
  }

  async commit(): Promise<void> {
    if (this.size > 0 && !this.settings.dryRun) {
      const { counts } = this.#cursor;
      this.#cursor = {
        ...this.#cursor,
        counts: {
          ...counts,
          records: counts.records + this.size,
          events: counts.events + this.#events.length,
          raw: counts.raw + this.#raw.length,
        },
        committedAt: this.clock.now(),
      };
      await this.lane.commit({
        events: this.#events,
        deadLetters: [],
        raw: this.#raw,
        entities: [],
        cursor: this.#cursor,
        dedupeAdditions: this.#chunks,
        // What was replayed is never forgotten: a dead letter stays where it is.
        evictBefore: Number.MIN_SAFE_INTEGER,
      });
    }
    this.#events = [];
    this.#raw = [];
    this.#chunks = [];
  }
}
