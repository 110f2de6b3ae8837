import { CollectorError } from '../../../errors.js';
import type { Place } from '../client/outgoing-message.js';
import type { LaneContext } from '../lane-context.js';
import { prepareTopics, type TopicFacts } from './topic-setup.js';
import { type Topic, topicsOf } from './topics.js';

const MAX_AGE_MS = 5 * 60_000;
const SMALLEST_LIMIT = 16_384;

/** What a lane knows of its topics: that they are there, how many partitions they have and how large a batch may be. */
export class TopicTable {
  readonly #parts: Pick<LaneContext, 'kafka' | 'settings' | 'log' | 'clock' | 'learnedLimits'>;
  readonly #facts = new Map<string, TopicFacts>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(parts: Pick<LaneContext, 'kafka' | 'settings' | 'log' | 'clock' | 'learnedLimits'>) {
    this.#parts = parts;
  }

  /**
   * Makes sure that the feed's topics exist, and these: an event of a class that was not selected (the collector's own) has a
   * topic too, and so have entities. Looks again after some minutes, since partitions may be added.
   * @throws CollectorError SINK_REFUSED
   */
  async refresh(more: readonly Topic[] = []): Promise<void> {
    const { clock, settings } = this.#parts;
    const stale = clock.monotonic() - this.#readAt > MAX_AGE_MS;
    const unknown = more.filter(({ name }) => !this.#facts.has(name));
    if (!stale && unknown.length === 0) return;
    await this.#read([...(stale ? topicsOf(settings) : []), ...unknown]);
    if (stale) this.#readAt = clock.monotonic();
  }

  async #read(topics: readonly Topic[]): Promise<void> {
    const { kafka, settings, log } = this.#parts;
    const admin = kafka.admin();
    try {
      await admin.connect();
      for (const [name, facts] of await prepareTopics(admin, settings, topics, log)) this.#facts.set(name, facts);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  partitions(topic: string): number {
    const facts = this.#facts.get(topic);
    if (facts !== undefined) return facts.partitions;
    throw new CollectorError('INTERNAL', `Topic ${topic} was not looked at.`, { cure: 'Please report this defect.' });
  }

  /** The most bytes that a batch of the topic may have. */
  limitOf(topic: string): number {
    const known = this.#facts.get(topic)?.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    return Math.min(known, this.#parts.learnedLimits.get(topic) ?? Number.POSITIVE_INFINITY);
  }

  /** Where a limit cannot be read, a refusal halves the guess; the lane opened again tries with that. */
  learn(error: unknown, messages: readonly Place[]): void {
    if (!(error instanceof CollectorError) || !['10', '18'].includes(error.detail ?? '')) return;
    for (const topic of new Set(messages.map((message) => message.topic))) {
      if (this.#facts.get(topic)?.limitKnown) continue;
      this.#parts.learnedLimits.set(topic, Math.max(SMALLEST_LIMIT, Math.floor(this.limitOf(topic) / 2)));
    }
  }
}
