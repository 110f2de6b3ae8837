import type { Kafka } from 'kafkajs';
import type { Instant } from '../../../mappings/instant.js';
import type { Clock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import type { Batch, Committed, LaneSink } from '../sink.js';
import { cutIntoSends } from './chunks.js';
import { claimInProcess } from './claims.js';
import { compose } from './compose.js';
import type { Connection, KafkaLog } from './connection.js';
import { asKafkaFailure } from './error-table.js';
import type { Holder } from './holder.js';
import { findKnown } from './known.js';
import { isFree, laneInUse, newLease } from './lease.js';
import type { OutgoingMessage } from './messages.js';
import { PartitionReader } from './partition-reader.js';
import { PieceLog, type StateRecord } from './piece-log.js';
import { createPublisher, type Publisher } from './publisher.js';
import type { KafkaSettings } from './settings.js';
import {
  type CursorEntry,
  foldState,
  type LaneKeys,
  type LaneState,
  laneKeys,
  noLaneState,
  requireComplete,
} from './state.js';
import { glanceAtLease, readLane, type StoredLane } from './state-topic.js';
import { prepareTopics, type TopicFacts } from './topic-setup.js';
import { ownTopic, topicsOf } from './topics.js';
import { withReader } from './with-reader.js';

/** What all lanes of a sink share. */
export interface LaneParts {
  readonly kafka: Kafka;
  readonly connection: Connection;
  readonly settings: KafkaSettings;
  readonly clock: Clock;
  readonly log: KafkaLog;
  /** Names this run of the program in leases. */
  readonly instance: string;
  readonly holder: Holder;
  /** Bytes a batch of each topic was found to be limited to, where the topic's configuration may not be read. */
  readonly learnedLimits: Map<string, number>;
  /** True: a damaged state is no reason to refuse; the lane opens with what can be read. Only for setting it anew. */
  readonly repair?: boolean;
}

const STATE_PARTITION = 0;
const WATCH_MS = 1_000;
/** How much longer than a transaction may last to wait for one of another lane. */
const PATIENCE_MARGIN_MS = 15_000;
const PARTITIONS_MAX_AGE_MS = 5 * 60_000;
const SMALLEST_LIMIT = 16_384;

/** The transactional id of a lane: the same in every run, never shared. */
export function transactionalIdOf(settings: KafkaSettings, lane: string): string {
  return `${settings.topicPrefix}${settings.feed}/${lane}`;
}

/**
 * One lane of a feed on Kafka. After the first rejection it takes nothing more: what is committed is found out by closing
 * it and opening it anew.
 */
export class KafkaLane implements LaneSink {
  readonly #parts: LaneParts;
  readonly #lane: string;
  readonly #keys: LaneKeys;
  readonly #stateTopic: string;
  #publisher: Publisher | undefined;
  #reader: PartitionReader | undefined;
  #topics: ReadonlyMap<string, TopicFacts> = new Map();
  #topicsReadAt = 0;
  #pieces: PieceLog | undefined;
  #leaseRenewedAt = Number.NEGATIVE_INFINITY;
  #renewal: NodeJS.Timeout | undefined;
  /** The work in hand: commits and renewals share one producer and take turns. */
  #turn: Promise<void> = Promise.resolve();
  #failure: CollectorError | undefined;
  #release: (() => void) | undefined;
  #opening: Promise<void> | undefined;
  /** Ends the wait for a lane in use. */
  #closing = new AbortController();
  #state: 'open' | 'closed' = 'closed';
  /** Bytes read from the state topic by `open`. */
  bytesRead = 0;

  constructor(lane: string, parts: LaneParts) {
    this.#lane = lane;
    this.#parts = parts;
    this.#keys = laneKeys(parts.settings.feed, lane);
    this.#stateTopic = ownTopic(parts.settings, 'state');
  }

  /**
   * Connect, look at the lease, fence, read. In this order: before the fencing the predecessor could still commit, and
   * without the look at the lease two instances would fence each other for ever.
   */
  open(): Promise<Committed | undefined> {
    const opening = this.#open();
    this.#opening = opening.then(
      () => undefined,
      () => undefined,
    );
    return opening;
  }

  async #open(): Promise<Committed | undefined> {
    if (this.#state === 'open') throw misuse('opened twice');
    this.#failure = undefined;
    this.#leaseRenewedAt = Number.NEGATIVE_INFINITY;
    this.#closing = new AbortController();
    const { settings, kafka, connection } = this.#parts;
    const transactionalId = transactionalIdOf(settings, this.#lane);
    this.#release = claimInProcess(`${transactionalId} at ${[...settings.brokers].sort().join(',')}`);
    try {
      await this.#readTopics();
      this.#reader = new PartitionReader(kafka, connection);
      await this.#reader.connect();
      await this.#waitUntilFree(this.#reader);
      this.#publisher = createPublisher(kafka, connection, settings, transactionalId);
      await this.#publisher.start();
      const stored = await this.#readState(this.#reader);
      this.#pieces = new PieceLog(this.#keys, stored.state, stored.end, this.bytesRead);
      await this.#renew();
      this.#state = 'open';
      this.#startRenewing();
      const { entry, pieces } = stored.state;
      return entry && { cursor: entry.cursor, seen: pieces.map(({ minute, hashes }) => ({ minute, hashes })) };
    } catch (error) {
      const failure = asKafkaFailure(error, `opening lane ${this.#lane}`);
      await this.#abandon(failure);
      throw failure;
    }
  }

  async commit(batch: Batch): Promise<void> {
    await this.#inTurn('commit', () => this.#commit(batch));
  }

  async known(uids: readonly string[], from: Instant, to: Instant): Promise<ReadonlySet<string>> {
    if (uids.length === 0) return new Set();
    const topics = topicsOf(this.#parts.settings);
    const search = { uids, from, to, now: this.#parts.clock.now(), patienceMs: this.#patienceMs };
    return withReader(this.#parts, [], new Set<string>(), (reader) => findKnown(reader, topics, search));
  }

  /** Frees the lane at once after a clean end; a lane in doubt is free when its lease has lapsed, or for this process at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening;
    if (this.#state === 'closed') return;
    clearInterval(this.#renewal);
    await this.#turn.catch(() => undefined);
    if (this.#failure === undefined) {
      await this.#renew({ released: true }).catch((error) => {
        const failure = asKafkaFailure(error, 'releasing the lane');
        this.#parts.log('warn', `lane ${this.#lane} was not released: ${failure.message}`);
      });
    }
    await this.#abandon(misuse('closed'));
    this.#state = 'closed';
  }

  /** Drops the position and all that is remembered: the next `open` finds nothing. */
  async forget(): Promise<void> {
    await this.#inTurn('forget', async () => {
      const keys = [...(this.#pieces?.keys() ?? []), this.#keys.cursor];
      await this.#writeState(keys.map((key) => ({ key, value: null })));
      await this.#publisher?.commit();
    });
  }

  // ---- opening

  async #readTopics(): Promise<void> {
    const { kafka, settings, log, clock } = this.#parts;
    const admin = kafka.admin();
    try {
      await admin.connect();
      this.#topics = await prepareTopics(admin, settings, log);
      this.#topicsReadAt = clock.monotonic();
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  async #waitUntilFree(reader: PartitionReader): Promise<void> {
    const { settings, clock, instance, holder, log } = this.#parts;
    const { signal } = this.#closing;
    let watched: { offset: bigint | undefined; since: number } | undefined;
    for (;;) {
      const state = await glanceAtLease(reader, this.#stateTopic, this.#keys);
      const first = watched === undefined;
      if (watched?.offset !== state.leaseOffset || watched === undefined) {
        watched = { offset: state.leaseOffset, since: clock.monotonic() };
      }
      const unrenewedMs = clock.monotonic() - watched.since;
      if (state.lease === undefined || isFree(state, instance, holder, clock.now(), unrenewedMs)) return;
      if (!settings.lease.wait) throw laneInUse(this.#lane, state.lease);
      if (first) log('info', `waiting for it: ${laneInUse(this.#lane, state.lease).message}`);
      await clock.sleep(WATCH_MS, signal);
      if (signal.aborted) throw aborted(this.#lane);
    }
  }

  async #readState(reader: PartitionReader): Promise<StoredLane> {
    const before = reader.bytesRead;
    const stored = await this.#readDamaged(
      () => readLane(reader, this.#stateTopic, this.#keys, this.#patienceMs),
      reader,
    );
    this.bytesRead = reader.bytesRead - before;
    const { settings, clock, instance, holder } = this.#parts;
    // Another newcomer may have taken the lane between the look and the fencing. It is fenced now; it will see its own
    // lease when it comes back, and this one waits.
    if (stored.state.lease && !isFree(stored.state, instance, holder, clock.now(), 0)) {
      throw laneInUse(this.#lane, stored.state.lease);
    }
    // Without transactions a crash can leave more pieces than the position counts; they are of records that were sent.
    if (settings.delivery === 'exactly_once' && !this.#parts.repair) requireComplete(stored.state, stored.start);
    return stored;
  }

  async #readDamaged(read: () => Promise<StoredLane>, reader: PartitionReader): Promise<StoredLane> {
    try {
      return await read();
    } catch (error) {
      if (!this.#parts.repair || !(error instanceof CollectorError) || error.code !== 'STATE_CORRUPT') throw error;
      const { start, end } = await reader.bounds(this.#stateTopic, STATE_PARTITION);
      return { state: noLaneState, start, end };
    }
  }

  get #patienceMs(): number {
    return this.#parts.settings.transactionTimeout + PATIENCE_MARGIN_MS;
  }

  // ---- committing

  async #commit(batch: Batch): Promise<void> {
    const { clock, settings, log } = this.#parts;
    if (clock.monotonic() - this.#topicsReadAt > PARTITIONS_MAX_AGE_MS) await this.#readTopics();
    await this.#requireUnfenced();
    const messages = compose(batch, {
      settings,
      log,
      partitions: (topic) => this.#factsOf(topic).partitions,
      limitOf: (topic) => this.#limitOf(topic),
    });
    await this.#publisher?.begin([...messages, { topic: this.#stateTopic, partition: STATE_PARTITION }]);
    for (const send of cutIntoSends(messages, (topic) => this.#limitOf(topic))) await this.#send(send);
    await this.#writePosition(batch);
  }

  /** The state goes last: without transactions it must not be ahead, with them its partition is held up the shortest. */
  async #writePosition(batch: Batch): Promise<void> {
    const { instance } = this.#parts;
    const pieces = this.#requirePieces();
    const plan = pieces.plan(batch);
    const entry: CursorEntry = {
      version: 1,
      cursor: batch.cursor,
      instance,
      sequence: plan.sequence,
      readFrom: String(plan.readFrom),
      pieces: plan.pieces,
      hashes: plan.hashes,
    };
    const lease = this.#leaseIsDue() ? [this.#leaseRecord(false)] : [];
    const cursor = { key: this.#keys.cursor, value: Buffer.from(JSON.stringify(entry)) };
    const first = await this.#writeState([...plan.records, ...lease, cursor]);
    await this.#publisher?.commit();
    plan.done(first);
    this.#noteLast(first + BigInt(plan.records.length + lease.length));
    if (lease.length > 0) this.#leaseRenewedAt = this.#parts.clock.monotonic();
  }

  /** @returns the offset of the first record */
  async #writeState(records: readonly StateRecord[]): Promise<bigint> {
    const messages: OutgoingMessage[] = records.map(({ key, value }) => ({
      topic: this.#stateTopic,
      partition: STATE_PARTITION,
      key,
      value,
      headers: {},
    }));
    let first: bigint | undefined;
    for (const send of cutIntoSends(messages, (topic) => this.#limitOf(topic))) {
      const offset = await this.#send(send);
      first ??= offset;
    }
    return first ?? 0n;
  }

  /** @returns the offset of the first record in the state topic, where there is one */
  async #send(messages: readonly OutgoingMessage[]): Promise<bigint | undefined> {
    if (this.#publisher === undefined) throw misuse('used before it was opened');
    try {
      const offsets = await this.#publisher.send(messages, this.#parts.clock.now());
      return offsets.get(`${this.#stateTopic}/${STATE_PARTITION}`);
    } catch (error) {
      this.#learnLimits(error, messages);
      throw error;
    }
  }

  #factsOf(topic: string): TopicFacts {
    const facts = this.#topics.get(topic);
    if (facts !== undefined) return facts;
    throw new CollectorError('INTERNAL', `Topic ${topic} is not among the feed's.`, {
      cure: 'Add its class to `classes`, or report this as a defect.',
    });
  }

  #limitOf(topic: string): number {
    return Math.min(
      this.#topics.get(topic)?.maxMessageBytes ?? Number.POSITIVE_INFINITY,
      this.#parts.learnedLimits.get(topic) ?? Number.POSITIVE_INFINITY,
    );
  }

  /** Where a limit cannot be read, a refusal halves the guess, and the lane opened anew tries with that. */
  #learnLimits(error: unknown, messages: readonly OutgoingMessage[]): void {
    if (!(error instanceof CollectorError) || !['10', '18'].includes(error.detail ?? '')) return;
    for (const topic of new Set(messages.map((message) => message.topic))) {
      if (this.#topics.get(topic)?.limitKnown) continue;
      this.#parts.learnedLimits.set(topic, Math.max(SMALLEST_LIMIT, Math.floor(this.#limitOf(topic) / 2)));
    }
  }

  // ---- lease

  #leaseRecord(released: boolean): StateRecord {
    const { instance, holder, settings, clock } = this.#parts;
    const lease = { ...newLease(instance, holder, settings.lease.seconds, clock.now()), released };
    return { key: this.#keys.lease, value: Buffer.from(JSON.stringify(lease)) };
  }

  #leaseIsDue(): boolean {
    const { settings, clock } = this.#parts;
    return clock.monotonic() - this.#leaseRenewedAt > (settings.lease.seconds * 1000) / 6;
  }

  async #renew({ released = false } = {}): Promise<void> {
    if (!released) await this.#requireUnfenced();
    const first = await this.#writeState([this.#leaseRecord(released)]);
    await this.#publisher?.commit();
    this.#noteLast(first);
    this.#leaseRenewedAt = this.#parts.clock.monotonic();
  }

  #startRenewing(): void {
    const every = (this.#parts.settings.lease.seconds * 1000) / 3;
    this.#renewal = setInterval(() => {
      if (!this.#leaseIsDue()) return;
      this.#inTurn('renew', () => this.#renew()).catch((error) => {
        const failure = asKafkaFailure(error, 'renewing the lease');
        this.#parts.log('warn', `lane ${this.#lane}: ${failure.message}`);
      });
    }, every);
    this.#renewal.unref();
  }

  /** Without transactions nothing fences: whoever sees another's lease stops. */
  async #requireUnfenced(): Promise<void> {
    const { settings } = this.#parts;
    if (settings.delivery === 'exactly_once' || this.#reader === undefined || this.#pieces === undefined) return;
    const { end } = await this.#reader.bounds(this.#stateTopic, STATE_PARTITION);
    const lease = await this.#leaseSince(this.#pieces.next, end);
    if (end > this.#pieces.next) this.#pieces.wrote(end - 1n);
    if (lease !== undefined) throw fenced(this.#lane, lease);
  }

  /** Another instance's lease among the records of a stretch. */
  async #leaseSince(from: bigint, to: bigint): Promise<NonNullable<LaneState['lease']> | undefined> {
    if (this.#reader === undefined || from >= to) return undefined;
    const records = [];
    for await (const record of this.#reader.read(this.#stateTopic, STATE_PARTITION, from, to, this.#patienceMs)) {
      records.push(record);
    }
    const { lease } = foldState(
      records.filter(({ key }) => key === this.#keys.lease),
      this.#keys,
    );
    return lease === undefined || lease.released || lease.instance === this.#parts.instance ? undefined : lease;
  }

  /** The epoch that another producer raises is also raised when a transaction runs out of time: the lease tells which. */
  async #explainFencing(failure: CollectorError): Promise<CollectorError> {
    if (failure.code !== 'FENCED' || this.#reader === undefined || failure.detail === 'LEASE') return failure;
    // Where the lease cannot be read the broker's word stands.
    const state = await glanceAtLease(this.#reader, this.#stateTopic, this.#keys).catch(() => undefined);
    if (state === undefined) return failure;
    if (state.lease && state.lease.instance !== this.#parts.instance) return fenced(this.#lane, state.lease);
    return new CollectorError(
      'SINK_IN_DOUBT',
      `Kafka ended the transaction of lane ${this.#lane}: it ran out of time.`,
      {
        cure: 'Nothing: the lane is opened anew and goes on from what is committed.',
        transient: true,
        ...(failure.detail === undefined ? {} : { detail: failure.detail }),
        cause: failure,
      },
    );
  }

  // ---- one at a time, and never again after a failure

  async #inTurn(doing: string, work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.catch(() => undefined).then(() => this.#guarded(doing, work));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #guarded(doing: string, work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state !== 'open') throw misuse(`${doing} on a lane that is not open`);
    try {
      await this.#withDeadline(work());
    } catch (error) {
      const failure = await this.#explainFencing(asKafkaFailure(error, `delivering for lane ${this.#lane}`));
      await this.#abandon(failure);
      throw failure;
    }
  }

  /** Longer than a transaction may last there is nothing to wait for; kafkajs' nested retries would go on. */
  async #withDeadline(work: Promise<void>): Promise<void> {
    const { clock, settings } = this.#parts;
    const done = new AbortController();
    const late = clock.sleep(settings.transactionTimeout, done.signal).then(() => {
      if (!done.signal.aborted) throw outOfTime(settings.transactionTimeout);
    });
    try {
      await Promise.race([work, late]);
    } finally {
      done.abort();
      // Whichever lost the race has nobody else to hear of its rejection.
      late.catch(() => undefined);
      work.catch(() => undefined);
    }
  }

  #requirePieces(): PieceLog {
    if (this.#pieces === undefined) throw misuse('used before it was opened');
    return this.#pieces;
  }

  #noteLast(offset: bigint): void {
    this.#pieces?.wrote(offset);
  }

  async #abandon(failure: CollectorError): Promise<void> {
    this.#failure ??= failure;
    clearInterval(this.#renewal);
    await Promise.all([this.#publisher?.discard(), this.#reader?.disconnect().catch(() => undefined)]);
    this.#publisher = undefined;
    this.#reader = undefined;
    this.#release?.();
    this.#release = undefined;
  }
}

function misuse(what: string): CollectorError {
  return new CollectorError('INTERNAL', `The lane was ${what}.`, {
    cure: 'This is a defect: please report it with the log lines around it.',
  });
}

function aborted(lane: string): CollectorError {
  return new CollectorError('ABORTED', `Stopped while waiting for lane ${lane}.`, { cure: 'Nothing.' });
}

function fenced(lane: string, lease: NonNullable<LaneState['lease']>): CollectorError {
  const { holder } = lease;
  return new CollectorError('FENCED', `Process ${holder.pid} on ${holder.host} has taken over lane ${lane}.`, {
    cure: 'Run one instance a lane.',
    detail: 'LEASE',
  });
}

function outOfTime(ms: number): CollectorError {
  return new CollectorError('SINK_IN_DOUBT', `Kafka did not take a batch within ${ms / 1000} s.`, {
    cure: 'See that the brokers are reachable and every partition has a leader; delivery then goes on by itself.',
    transient: true,
    detail: 'DEADLINE',
  });
}
