import { randomUUID } from 'node:crypto';
import { CollectorError } from '../../errors.js';
import { decodeCursor } from '../../position/cursor-codec.js';
import { lockInProcess } from '../in-process-lock.js';
import type { Batch, Committed, LaneSink } from '../sink.js';
import { asKafkaFailure } from './client/error-table.js';
import { type LaneContext, transactionalIdOf } from './lane-context.js';
import { openSession } from './open-session.js';
import type { Session } from './session.js';
import type { LaneState } from './state/lane-state.js';

const ATTEMPTS = 3;
const RETRY_MS = 250;

/**
 * One lane of a feed on Kafka. A commit that meets a moving leader, a lost answer or a moving coordinator reopens the
 * lane by itself, determines whether it took effect, and repeats what did not. After a rejection the lane takes
 * nothing more: the caller closes it and opens it again.
 */
export class KafkaLane implements LaneSink {
  readonly #parts: LaneContext;
  readonly #lane: string;
  #session: Session | undefined;
  /** Name of the commit that is stored, as far as this lane knows. */
  #stored: string | undefined;
  #release: (() => void) | undefined;
  /** The call in flight. */
  #busy: Promise<unknown> = Promise.resolve();
  #closing = new AbortController();
  /** Bytes read from the state topic by the last `open`. */
  bytesRead = 0;

  constructor(lane: string, parts: LaneContext) {
    this.#lane = lane;
    this.#parts = parts;
  }

  open(): Promise<Committed | undefined> {
    return this.#track(this.#open());
  }

  async #open(): Promise<Committed | undefined> {
    if (this.#session !== undefined) throw notOpen('opened twice');
    const { settings } = this.#parts;
    const release = lockInProcess(`${this.#transactionalId} at ${[...settings.brokers].sort().join(',')}`, this.#lane);
    this.#closing = new AbortController();
    try {
      const { entry, chunks } = await this.#take(this.#parts);
      this.#release = release;
      return (
        entry && {
          cursor: decodeCursor(entry.cursor),
          dedupe: chunks.map(({ minute, hashes }) => ({ minute, hashes })),
        }
      );
    } catch (error) {
      release();
      throw asKafkaFailure(error, `opening lane ${this.#lane}`);
    }
  }

  get #transactionalId(): string {
    return transactionalIdOf(this.#parts.settings, this.#lane);
  }

  async #take(parts: LaneContext): Promise<LaneState> {
    const opened = await openSession(parts, this.#lane, this.#transactionalId, this.#closing.signal);
    this.#session = opened.session;
    this.#stored = opened.state.entry?.commit;
    this.bytesRead = opened.bytesRead;
    return opened.state;
  }

  commit(batch: Batch): Promise<void> {
    return this.#track(this.#commit(batch, randomUUID()));
  }

  async #commit(batch: Batch, commit: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#require().commit(batch, commit);
        this.#stored = commit;
        return;
      } catch (error) {
        const failure = asKafkaFailure(error, `delivering for lane ${this.#lane}`);
        if (!failure.transient || attempt >= ATTEMPTS || this.#closing.signal.aborted) throw failure;
        const found = await this.#reopened(commit, failure, attempt).catch((reason) => {
          throw asKafkaFailure(reason, `opening lane ${this.#lane} again`);
        });
        if (found === 'committed') return;
      }
    }
  }

  /** Opens the lane again to see what became of a commit. Where that fails the lane takes nothing more. */
  async #reopened(commit: string, failure: CollectorError, attempt: number): Promise<'committed' | 'not committed'> {
    const { clock, log, settings } = this.#parts;
    const before = this.#stored;
    log('warn', `lane ${this.#lane}: ${failure.message} Opening it again to see what was committed.`, {
      code: failure.code,
    });
    await clock.sleep(RETRY_MS * attempt, this.#closing.signal);
    await this.#session?.end();
    const { entry } = await this.#take({
      ...this.#parts,
      settings: { ...settings, lease: { ...settings.lease, wait: false } },
    });
    if (entry?.commit === commit) return 'committed';
    if (entry?.commit === before) return 'not committed';
    await this.#session?.end();
    throw new CollectorError('SINK_IN_DOUBT', `The position of lane ${this.#lane} was moved by somebody else.`, {
      cure: 'Nothing: the lane is opened again and goes on from what is committed.',
      transient: true,
    });
  }

  /** Frees the lane at once after a clean end; a lane in doubt is free when its lease has lapsed, or for this process at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#busy;
    const session = this.#session;
    this.#session = undefined;
    await session?.end();
    this.#release?.();
    this.#release = undefined;
  }

  /** Lets `close` wait for it. */
  #track<T>(call: Promise<T>): Promise<T> {
    this.#busy = call.catch(() => undefined);
    return call;
  }

  #require(): Session {
    if (this.#session === undefined) throw notOpen('used before it was opened');
    return this.#session;
  }
}

function notOpen(what: string): CollectorError {
  return new CollectorError('INTERNAL', `The lane was ${what}.`, {
    cure: 'This is a defect: please report it with the log lines around it.',
  });
}
