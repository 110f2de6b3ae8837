import { asCollectorError, type CollectorError } from '../errors.js';
import { WEBHOOK_LANE } from '../position/lane-name.js';
import { CommittedLane, type CommittedLaneParts } from './committed-lane.js';
import { type DeliverySettings, deliver, type IncomingBody } from './deliver.js';
import { heldBy } from './held-findings.js';
import { placeIn, readTo } from './lane-memory.js';
import type { AlertList, ListedNotice } from './list-alerts.js';
import { readBody } from './read-body.js';
import { isBefore, type Spool, type SpoolPosition } from './spool.js';

/** What the lane works with. */
export interface WebhookLaneParts extends CommittedLaneParts, DeliverySettings {
  readonly spool: Spool;
  /** Epoch milliseconds that have passed by this machine's clock and by JumpCloud's. */
  readonly passed: () => number;
  /** Milliseconds between two readings of the list of alerts. */
  readonly alertsInterval: number;
  /** Undefined: no console belongs to the base URL, so that missed alerts stay unknown. */
  readonly alerts: AlertList | undefined;
  /** Notices that the list of alerts showed and no webhook had brought. */
  readonly onMissed: (notices: number) => void;
  /** What channel statistics say is wrong with JumpCloud's own requests; absent: they cannot be read. */
  readonly channelProblem?: (signal: AbortSignal) => Promise<string | undefined>;
  readonly onChannel: (problem: string | undefined) => void;
  /** The list was read, or why it could not be. */
  readonly onListed: (failure: CollectorError | undefined) => void;
}

/** The list of alerts is read again from so long before its last reading. */
const OVERLAP_MS = 60 * 60_000;
/** A webhook may be on its way for so long before its notice counts as missed. */
const UNDERWAY_MS = 2 * 60_000;
const MOST_BODIES = 500;
const LONGEST_RETRY_MS = 5 * 60_000;
/** Portions of the spool that are delivered after the order to stop. */
const LAST_PORTIONS = 20;

/**
 * The lane `webhook`: delivers what the receiver spooled and what the list of alerts shows, each notice once. How far the
 * spool and the list were read is committed with what came of them.
 */
export class WebhookLane {
  #lane: CommittedLane | undefined;
  #organization: string | undefined;
  #listDueAt = Number.NEGATIVE_INFINITY;
  /** The end of the spool when the list was found due, and when that was. */
  #listAfter: { readonly end: SpoolPosition; readonly at: number } | undefined;

  constructor(private readonly parts: WebhookLaneParts) {}

  /** The organization that notices are compared with; undefined until one is known. */
  get organization(): string | undefined {
    return this.#organization;
  }

  /**
   * Works until the signal aborts. While another instance holds the lane, the spool takes bodies and the lane is tried again.
   * @throws CollectorError where no waiting helps: its state is corrupt
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, observer } = this.parts;
    let failures = 0;
    try {
      while (!signal.aborted) {
        try {
          this.#lane ??= await CommittedLane.open(this.parts);
          await this.#work(this.#lane, signal);
          failures = 0;
        } catch (error) {
          const failure = asCollectorError(error);
          if (signal.aborted && failure.code === 'ABORTED') break;
          const retryMs =
            failure.is('fatal') && failure.code !== 'LANE_IN_USE'
              ? undefined
              : Math.min(LONGEST_RETRY_MS, 1_000 * 2 ** Math.min(failures, 20));
          observer({ type: 'failed', lane: WEBHOOK_LANE, part: 'sink', error: failure, retryMs });
          await this.#close();
          if (retryMs === undefined) throw failure;
          failures += 1;
          await clock.sleep(retryMs, signal);
        }
      }
      await this.#finish();
    } finally {
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    const lane = this.#lane;
    this.#lane = undefined;
    // What came meanwhile is delivered first as well.
    this.#listAfter = undefined;
    await lane?.close();
  }

  async #work(lane: CommittedLane, signal: AbortSignal): Promise<void> {
    const { spool, clock, alertsInterval } = this.parts;
    this.#organization = await lane.organization();
    if (this.#organization === undefined) return clock.sleep(1_000, signal);
    const { appended } = spool;
    const isListDue = clock.monotonic() >= this.#listDueAt;
    if (isListDue) this.#listAfter ??= { end: spool.end, at: clock.now() };
    const after = this.#listAfter;
    // What came before is delivered first, so that it does not count as missed; what comes meanwhile holds up no list.
    const isListFirst = after !== undefined && !isBefore(placeIn(lane.position, spool.id), after.end);
    if (!isListFirst && (await this.#deliverPortion(lane, this.#organization))) return;
    if (after !== undefined) {
      this.#listAfter = undefined;
      this.#listDueAt = clock.monotonic() + alertsInterval;
      return this.#deliverListed(lane, this.#organization, after.at, signal);
    }
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    await Promise.race([spool.arrival(appended, either), clock.sleep(this.#listDueAt - clock.monotonic(), either)]);
    ended.abort();
  }

  /** What arrived before the order to stop is delivered now, not at the next start. A failure leaves it to that. */
  async #finish(): Promise<void> {
    const lane = this.#lane;
    if (lane === undefined || this.#organization === undefined) return;
    try {
      for (let portions = 0; portions < LAST_PORTIONS; portions += 1)
        if (!(await this.#deliverPortion(lane, this.#organization))) return;
    } catch (error) {
      const failure = asCollectorError(error);
      this.parts.observer({ type: 'failed', lane: WEBHOOK_LANE, part: 'sink', error: failure, retryMs: undefined });
    }
  }

  /** False where the spool holds nothing new. */
  async #deliverPortion(lane: CommittedLane, organization: string): Promise<boolean> {
    const { spool, observer } = this.parts;
    const from = placeIn(lane.position, spool.id);
    const portion = await spool.read(from, MOST_BODIES);
    const isFurther = portion.position.segment !== from.segment || portion.position.offset !== from.offset;
    if (!isFurther) return false;
    if (portion.cut > 0)
      observer({
        type: 'noted',
        lane: WEBHOOK_LANE,
        message: `${portion.cut} bytes of the spool hold no whole body: a write that was cut, and not acknowledged`,
      });
    const bodies = portion.bodies.map(
      ({ body, receivedAt, headers }): IncomingBody => ({ ...readBody(body), source: 'webhook', receivedAt, headers }),
    );
    const held = await this.#heldOf(lane, bodies, organization);
    const made = deliver(bodies, organization, (hash) => lane.isKnown(hash) || held.has(hash), this.parts);
    await lane.commit(made, readTo(lane.position, spool.id, portion.position));
    await spool.forget(portion.position);
    return true;
  }

  /** Of bodies that waited for longer than names are remembered the sink is asked: another instance may have delivered them. */
  async #heldOf(
    lane: CommittedLane,
    bodies: readonly IncomingBody[],
    organization: string,
  ): Promise<ReadonlySet<bigint>> {
    const old = bodies.filter(({ receivedAt }) => receivedAt < lane.remembersFrom);
    try {
      return await heldBy(this.parts.sink, deliver(old, organization, lane.isKnown, this.parts));
    } catch (error) {
      const failure = asCollectorError(error);
      if (failure.code !== 'SINK_REFUSED') throw failure;
      // One that comes twice is better than one that is lost.
      const message = `webhooks that waited for days may be there twice: ${failure.message}`;
      this.parts.observer({ type: 'noted', lane: WEBHOOK_LANE, message });
      return new Set();
    }
  }

  /**
   * Reads the list of alerts, and delivers what no webhook brought. What JumpCloud refuses is said, and leaves the lane at work.
   * @param deliveredUntil what the spool held at this moment is delivered
   */
  async #deliverListed(
    lane: CommittedLane,
    organization: string,
    deliveredUntil: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { alerts, clock, passed, onListed, onMissed } = this.parts;
    if (alerts === undefined) return;
    const { position, isKnown } = lane;
    const startedAt = clock.now();
    // A clock that was ahead may have been read to a moment that is yet to come.
    const since = Math.min(position.polledTo, passed()) - OVERLAP_MS;
    let notices: readonly ListedNotice[];
    try {
      notices = await alerts({ since, organization, isKnown }, signal);
    } catch (error) {
      const failure = asCollectorError(error);
      if (failure.code === 'ABORTED' || failure.code === 'INTERNAL') throw failure;
      return onListed(failure);
    }
    onListed(undefined);
    await this.#lookAtChannel(signal);
    const bodies = notices.map(({ value }): IncomingBody => {
      const text = JSON.stringify(value);
      return { text, value, problem: undefined, source: 'alerts', receivedAt: startedAt, headers: {} };
    });
    const made = deliver(bodies, organization, isKnown, this.parts);
    const missed = notices.filter(
      ({ at }, index) => made.fresh[index] !== undefined && at >= position.origin && at < deliveredUntil - UNDERWAY_MS,
    ).length;
    // What the overlap shows again is no record of its own.
    const { duplicates, records } = made.counts;
    const counts = { ...made.counts, records: records - duplicates, duplicates: 0 };
    await lane.commit({ ...made, counts }, { ...position, polledTo: Math.min(startedAt, passed()) });
    if (missed > 0) onMissed(missed);
  }

  /** A role that may not read the statistics leaves them out. */
  async #lookAtChannel(signal: AbortSignal): Promise<void> {
    const { channelProblem, onChannel } = this.parts;
    if (channelProblem === undefined) return;
    try {
      onChannel(await channelProblem(signal));
    } catch (error) {
      const failure = asCollectorError(error);
      if (failure.code === 'ABORTED' || failure.code === 'INTERNAL') throw failure;
    }
  }
}
