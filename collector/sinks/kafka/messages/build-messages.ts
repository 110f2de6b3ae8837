import type { DeadLetter } from '../../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../../mappings/event.js';
import type { KeptRecord } from '../../../../mappings/normalise.js';
import { refusedEntity } from '../../refused.js';
import type { Batch, Entity } from '../../sink.js';
import { batchRoom } from '../client/batching.js';
import { compressedSize } from '../client/compression.js';
import type { KafkaLog } from '../client/connection.js';
import { type OutgoingMessage, outgoing, partitionOf } from '../client/outgoing-message.js';
import type { KafkaSettings } from '../client/settings.js';
import { ownTopic, topicOfClass } from '../topics/topics.js';
import { deadLetterHeaders, entityHeaders, eventHeaders, rawHeaders } from './headers.js';
import { cutText, deadLetterTexts, refusedEvent, withoutRawData } from './oversized.js';

/** What composing needs to know of the topics. */
export interface Placement {
  readonly settings: KafkaSettings;
  /** Partitions of a topic. @throws CollectorError where the topic is not known */
  readonly partitions: (topic: string) => number;
  /** The most bytes that a batch of the topic may have. */
  readonly limitOf: (topic: string) => number;
  readonly log: KafkaLog;
}

/** The messages of a batch's events, dead letters, raw records and entities, each within its topic's limit. */
export function buildMessages(
  batch: Pick<Batch, 'events' | 'deadLetters' | 'raw' | 'entities'>,
  placement: Placement,
): OutgoingMessage[] {
  return [
    ...batch.events.flatMap((event) => composeEvent(event, placement)),
    ...batch.deadLetters.flatMap((letter) => composeDeadLetter(letter, placement)),
    ...batch.raw.flatMap((record) => composeRaw(record, placement)),
    ...batch.entities.flatMap((entity) => composeEntity(entity, placement)),
  ];
}

/** An event that is too large goes without `raw_data`; if that does not help, a dead letter goes in its place. */
function composeEvent(event: NormalisedEvent, placement: Placement): OutgoingMessage[] {
  const topic = topicOfClass(placement.settings, event.classUid);
  const headers = eventHeaders(event, placement.settings);
  const message = place(topic, event.partitionKey, event.text, headers, placement);
  if (fits(message, placement)) return [message];
  const size = Buffer.byteLength(event.text);
  const slim = withoutRawData(event.text);
  if (slim !== undefined) {
    const smaller = place(topic, event.partitionKey, slim, headers, placement);
    if (fits(smaller, placement)) {
      placement.log('warn', `event ${event.uid} is too large for ${topic}: delivered without raw_data`, { size });
      return [smaller];
    }
  }
  const bytes = Buffer.byteLength(slim ?? event.text);
  placement.log('warn', `event ${event.uid} is too large for ${topic}: kept as a dead letter`, { size: bytes });
  return composeDeadLetter(refusedEvent(event, topic, bytes, placement.limitOf(topic)), placement);
}

function composeDeadLetter(letter: DeadLetter, placement: Placement): OutgoingMessage[] {
  const topic = ownTopic(placement.settings, 'dead_letters');
  const headers = deadLetterHeaders(letter, placement.settings.feed);
  const texts = deadLetterTexts(letter, roomBeside(topic, letter.uid, headers, placement));
  return inParts(topic, letter.uid, texts, headers, placement);
}

function composeRaw(record: KeptRecord, placement: Placement): OutgoingMessage[] {
  const topic = ownTopic(placement.settings, 'raw');
  const headers = rawHeaders(record, placement.settings.feed);
  const texts = cutText(record.text, roomBeside(topic, record.uid, headers, placement));
  return inParts(topic, record.uid, texts, headers, placement);
}

/**
 * One record per entity, since compaction keeps the last one of a key: a tombstone is a null value. One that is too large
 * goes as a dead letter; the topic keeps the state before it.
 */
function composeEntity(entity: Entity, placement: Placement): OutgoingMessage[] {
  const { feed } = placement.settings;
  const topic = ownTopic(placement.settings, 'entities');
  const message = place(
    topic,
    `${feed}|${entity.type}|${entity.key}`,
    entity.value ?? null,
    entityHeaders(entity, feed),
    placement,
  );
  if (fits(message, placement)) return [message];
  const limit = placement.limitOf(topic);
  const letter = refusedEntity(entity, {
    message: `The entity has ${Buffer.byteLength(entity.value ?? '')} bytes; topic ${topic} takes ${limit}.`,
    details: [`max.message.bytes of ${topic}: ${limit}`],
  });
  placement.log('warn', `entity ${letter.uid} is too large for ${topic}: kept as a dead letter`, {
    size: letter.raw_size,
  });
  return composeDeadLetter(letter, placement);
}

/** All parts have one key, so they lie in one partition, in order. */
function inParts(
  topic: string,
  key: string,
  texts: readonly string[],
  headers: Record<string, string>,
  placement: Placement,
): OutgoingMessage[] {
  const parts = String(texts.length);
  return texts.map((text, index) =>
    place(topic, key, text, texts.length === 1 ? headers : { ...headers, part: String(index + 1), parts }, placement),
  );
}

function place(
  topic: string,
  key: string,
  text: string | null,
  headers: Record<string, string>,
  placement: Placement,
): OutgoingMessage {
  const partition = partitionOf(topic, key, placement.partitions(topic));
  return outgoing({ topic, partition, key, value: text, headers });
}

/** The broker compares the batch as it arrives, compressed. */
function fits(message: OutgoingMessage, { limitOf, settings }: Placement): boolean {
  const room = batchRoom(limitOf(message.topic));
  const { size, value } = message;
  if (size <= room || value === null) return size <= room;
  return size - Buffer.byteLength(value) + compressedSize(value, settings.compression) <= room;
}

function roomBeside(topic: string, key: string, headers: Record<string, string>, { limitOf }: Placement): number {
  const numbered = { ...headers, part: '9999999', parts: '9999999' };
  const frame = outgoing({ topic, partition: 0, key, value: null, headers: numbered });
  return Math.max(64, batchRoom(limitOf(topic)) - frame.size);
}
