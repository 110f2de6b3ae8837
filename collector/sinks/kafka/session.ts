import { CollectorError } from '../../errors.js';
import { encodeCursor } from '../../position/cursor-codec.js';
import { STATE_VERSION } from '../../position/state-version.js';
import type { Batch } from '../sink.js';
import { asKafkaFailure } from './client/error-table.js';
import { type OutgoingMessage, outgoing } from './client/outgoing-message.js';
import type { PartitionReader } from './client/partition-reader.js';
import type { Publisher } from './client/publisher.js';
import type { LaneContext } from './lane-context.js';
import { buildMessages } from './messages/build-messages.js';
import { type DedupeLog, type StateRecord, sizeOfState } from './state/dedupe-log.js';
import { type CursorEntry, foldState, type LaneKeys, type Lease, STATE_PARTITION } from './state/lane-state.js';
import { fenced, newLease } from './state/lease.js';
import { peekLease } from './state/state-topic.js';
import type { TopicTable } from './topics/topic-table.js';
import { entityTopic, type Topic, topicOfClass } from './topics/topics.js';

/** What a lane holds from its opening to its end. */
export interface SessionParts {
  readonly lane: string;
  readonly keys: LaneKeys;
  readonly stateTopic: string;
  readonly shared: LaneContext;
  readonly topics: TopicTable;
  readonly reader: PartitionReader;
  readonly publisher: Publisher;
  readonly chunks: DedupeLog;
  readonly timeoutMs: number;
}

/**
 * A lane while it is held: commits, and renewals of its lease in between, one at a time. A session ends at the first
 * failure; the next session determines whether the commit took effect.
 */
export class Session {
  readonly #parts: SessionParts;
  #leaseRenewedAt = Number.NEGATIVE_INFINITY;
  #renewal: NodeJS.Timeout | undefined;
  /** The work in flight: all of it goes through one publisher. */
  #turn: Promise<void> = Promise.resolve();
  #failure: CollectorError | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Takes the lease and keeps it renewed. */
  async start(): Promise<void> {
    await this.#inTurn('taking the lease', () => this.#renew(false));
    const { settings, log } = this.#parts.shared;
    this.#renewal = setInterval(
      () => {
        if (!this.#leaseIsDue()) return;
        this.#inTurn('renewing the lease', () => this.#renew(false)).catch((error) => {
          log('warn', `lane ${this.#parts.lane}: ${asKafkaFailure(error, 'renewing the lease').message}`);
        });
      },
      (settings.lease.seconds * 1000) / 3,
    );
    this.#renewal.unref();
  }

  /** @param commit names it in the stored position */
  commit(batch: Batch, commit: string): Promise<void> {
    return this.#inTurn('delivering', () => this.#commit(batch, commit));
  }

  /** Waits for the work in flight; frees the lane unless something failed. Never throws. */
  async end(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#turn;
    if (this.#failure === undefined) {
      await this.#inTurn('releasing the lane', () => this.#renew(true)).catch((error: CollectorError) =>
        this.#parts.shared.log('warn', `lane ${this.#parts.lane} was not released: ${error.message}`),
      );
    }
    await this.#abandon(over());
  }

  // ---- committing

  async #commit(batch: Batch, commit: string): Promise<void> {
    const { shared, topics, chunks, keys, publisher } = this.#parts;
    await topics.refresh(batchTopics(batch, shared.settings));
    await this.#requireUnfenced();
    const messages = buildMessages(batch, {
      settings: shared.settings,
      log: shared.log,
      partitions: (topic) => topics.partitions(topic),
      limitOf: (topic) => topics.limitOf(topic),
    });
    const plan = chunks.plan(batch);
    const entry: CursorEntry = {
      version: STATE_VERSION,
      cursor: encodeCursor(batch.cursor),
      commit,
      sequence: plan.sequence,
      readFrom: String(plan.readFrom),
      pieces: plan.chunks,
      hashes: plan.hashes,
    };
    const lease = this.#leaseIsDue() ? [this.#leaseRecord(false)] : [];
    const cursor = { key: keys.cursor, value: Buffer.from(JSON.stringify(entry)) };
    const first = await this.#send(messages, [...plan.records, ...lease, cursor]);
    await publisher.commit();
    plan.done(first);
    chunks.wrote(first + BigInt(plan.records.length + lease.length), sizeOfState([...lease, cursor]));
    if (lease.length > 0) this.#leaseRenewedAt = shared.clock.monotonic();
  }

  /**
   * Sends messages and state: in a transaction with one another, without one the state when the messages have arrived, since
   * it must not be ahead of them.
   * @returns the offset of the first state record
   */
  async #send(messages: readonly OutgoingMessage[], state: readonly StateRecord[]): Promise<bigint> {
    const { stateTopic, shared } = this.#parts;
    const place = { topic: stateTopic, partition: STATE_PARTITION };
    const records = state.map((record) => outgoing({ ...place, ...record, headers: {} }));
    if (shared.settings.delivery === 'at_least_once') await this.#publish(messages);
    const together = shared.settings.delivery === 'at_least_once' ? records : [...messages, ...records];
    const offsets = await this.#publish(together);
    return offsets.get(`${stateTopic}/${STATE_PARTITION}`) ?? 0n;
  }

  /** @returns the offset of the first record by `topic/partition` */
  async #publish(messages: readonly OutgoingMessage[]): Promise<ReadonlyMap<string, bigint>> {
    const { publisher, topics, shared } = this.#parts;
    try {
      return await publisher.send(messages, shared.clock.now(), (topic) => topics.limitOf(topic));
    } catch (error) {
      topics.learn(error, messages);
      throw error;
    }
  }

  // ---- lease

  #leaseRecord(released: boolean): StateRecord {
    const { instance, holder, settings, clock } = this.#parts.shared;
    const lease = { ...newLease(instance, holder, settings.lease.seconds, clock.now()), released };
    return { key: this.#parts.keys.lease, value: Buffer.from(JSON.stringify(lease)) };
  }

  #leaseIsDue(): boolean {
    const { settings, clock } = this.#parts.shared;
    return clock.monotonic() - this.#leaseRenewedAt > (settings.lease.seconds * 1000) / 6;
  }

  async #renew(released: boolean): Promise<void> {
    const { chunks, publisher, shared } = this.#parts;
    await this.#requireUnfenced();
    const lease = this.#leaseRecord(released);
    const first = await this.#send([], [lease]);
    await publisher.commit();
    chunks.wrote(first, sizeOfState([lease]));
    this.#leaseRenewedAt = shared.clock.monotonic();
  }

  /** Without transactions nothing fences: whoever sees another's lease stops. */
  async #requireUnfenced(): Promise<void> {
    const { shared, reader, chunks, stateTopic, lane } = this.#parts;
    if (shared.settings.delivery === 'exactly_once') return;
    const { end } = await reader.bounds(stateTopic, STATE_PARTITION);
    const lease = await this.#foreignLease(chunks.next, end);
    if (end > chunks.next) chunks.wrote(end - 1n, 0);
    if (lease !== undefined) throw fenced(lane, lease);
  }

  /** Another instance's lease among the records of a range. */
  async #foreignLease(from: bigint, to: bigint): Promise<Lease | undefined> {
    const { reader, stateTopic, keys, timeoutMs, shared } = this.#parts;
    const records = [];
    for await (const record of reader.read(stateTopic, STATE_PARTITION, from, to, timeoutMs)) {
      if (record.key === keys.lease) records.push(record);
    }
    const { lease } = foldState(records, keys);
    return lease === undefined || lease.released || lease.instance === shared.instance ? undefined : lease;
  }

  /** The epoch that another publisher raises is also raised when a transaction runs out of time: the lease tells which. */
  async #explainFencing(failure: CollectorError): Promise<CollectorError> {
    const { reader, stateTopic, keys, lane, shared } = this.#parts;
    if (failure.code !== 'FENCED' || failure.detail === 'LEASE') return failure;
    // Where the lease cannot be read the broker's word stands.
    const state = await peekLease(reader, stateTopic, keys).catch(() => undefined);
    if (state === undefined) return failure;
    if (state.lease && state.lease.instance !== shared.instance) return fenced(lane, state.lease);
    return new CollectorError('SINK_IN_DOUBT', `Kafka ended the transaction of lane ${lane}: it ran out of time.`, {
      cure: 'Nothing: the lane is opened again and goes on from what is committed.',
      transient: true,
      ...(failure.detail === undefined ? {} : { detail: failure.detail }),
      cause: failure,
    });
  }

  // ---- one at a time, and never again after a failure

  #inTurn(doing: string, work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(() => this.#guarded(doing, work));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #guarded(doing: string, work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#withDeadline(work());
    } catch (error) {
      const failure = await this.#explainFencing(asKafkaFailure(error, `${doing}, lane ${this.#parts.lane}`));
      await this.#abandon(failure);
      throw failure;
    }
  }

  /** Beyond the transaction timeout there is nothing to wait for. The publisher is discarded, which stops what is left. */
  async #withDeadline(work: Promise<void>): Promise<void> {
    const { clock, settings } = this.#parts.shared;
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

  async #abandon(failure: CollectorError): Promise<void> {
    const { publisher, reader } = this.#parts;
    this.#failure ??= failure;
    clearInterval(this.#renewal);
    await Promise.all([publisher.discard(), reader.disconnect().catch(() => undefined)]);
  }
}

function batchTopics({ events, entities }: Batch, settings: LaneContext['settings']): Topic[] {
  const classes = new Set(events.map(({ classUid }) => classUid));
  const topics = [...classes].map((classUid): Topic => ({ name: topicOfClass(settings, classUid), use: 'events' }));
  return entities.length === 0 ? topics : [...topics, entityTopic(settings)];
}

function over(): CollectorError {
  return new CollectorError('INTERNAL', 'The lane was closed.', { cure: 'This is a defect: please report it.' });
}

function outOfTime(ms: number): CollectorError {
  return new CollectorError('SINK_IN_DOUBT', `Kafka did not take a batch within ${ms / 1000} s.`, {
    cure: 'See that the brokers are reachable and every partition has a leader; delivery then goes on by itself.',
    transient: true,
    detail: 'DEADLINE',
  });
}
