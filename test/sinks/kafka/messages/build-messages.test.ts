import { describe, expect, it } from 'vitest';
import { kafkaSettings } from '../../../../collector/sinks/kafka/client/settings.js';
import { buildMessages } from '../../../../collector/sinks/kafka/messages/build-messages.js';
import type { Entity } from '../../../../collector/sinks/sink.js';
import { type MappingResult, normalise } from '../../../../mappings/normalise.js';
import { readHeader, sha256 } from '../../../../mappings/record.js';
import { context, receive, record } from '../../../mappings/mapping.js';

const settings = kafkaSettings({ feed: 'acme', brokers: ['127.0.0.1:9092'], compression: 'none' });

function messagesOf(entities: readonly Entity[]) {
  const warnings: string[] = [];
  const messages = buildMessages(
    { events: [], deadLetters: [], raw: [], entities },
    { settings, partitions: () => 6, limitOf: () => 4096, log: (_level, message) => warnings.push(message) },
  );
  return { messages, warnings };
}

describe('messages of entities', () => {
  const observedAt = Date.UTC(2026, 10, 1);
  const user = (key: string, value: string | undefined): Entity => ({ type: 'user', key, value, observedAt });

  it('are keyed by feed, type and key, and a tombstone has no value', () => {
    const { messages } = messagesOf([user('u1', '{"name":"Zoë"}'), user('u1', undefined)]);
    expect(messages.map(({ topic, key, value }) => ({ topic, key, value }))).toEqual([
      { topic: 'ocsf.entities', key: 'acme|user|u1', value: '{"name":"Zoë"}' },
      { topic: 'ocsf.entities', key: 'acme|user|u1', value: null },
    ]);
    expect(new Set(messages.map(({ partition }) => partition)).size).toBe(1);
    expect(messages[0]?.headers).toEqual({
      'content-type': 'application/json',
      entity_type: 'user',
      observed_at: '2026-11-01T00:00:00.000Z',
      feed: 'acme',
    });
  });

  it('that no record can hold become dead letters, and leave their neighbours as they are', () => {
    const { messages, warnings } = messagesOf([user('u1', JSON.stringify('x'.repeat(5000))), user('u2', '{}')]);
    expect(messages.filter(({ topic }) => topic === 'ocsf.entities').map(({ key }) => key)).toEqual(['acme|user|u2']);
    const letters = messages.filter(({ topic }) => topic === 'ocsf.dead_letters');
    expect(letters.length).toBeGreaterThan(1);
    expect(JSON.parse(String(letters[0]?.value))).toMatchObject({
      reason: 'refused_by_sink',
      record_id: 'u1',
      raw_size: 5002,
    });
    expect(warnings).toHaveLength(1);
  });
});

const MIB = 1024 * 1024;
/** The limit of a topic as Kafka makes it. */
const TOPIC_LIMIT = 1_048_588;

/** The messages of what one record becomes, and their bytes. */
function messagesOfRecord(changed: Record<string, string>) {
  const received = receive({ ...record('directory', 'user_login_attempt', { success: true }), ...changed });
  const outcome: MappingResult = normalise(received, readHeader(received), { ...context, rawData: true });
  const messages = buildMessages(
    {
      events: outcome.kind === 'event' ? [outcome.event] : [],
      deadLetters: outcome.kind === 'dead_letter' ? [outcome.deadLetter] : [],
      raw: [],
      entities: [],
    },
    { settings, partitions: () => 6, limitOf: () => TOPIC_LIMIT, log: () => {} },
  );
  return { messages, bytes: messages.reduce((total, { size }) => total + size, 0) };
}

describe('a record with one long member', () => {
  const members = ['event_type', 'id', 'service', 'timestamp', 'organization'];
  const sizes = [0.5, 0.9, 1.1, 2];
  it.each(members.flatMap((member) => sizes.map((size) => [member, size] as const)))(
    '%s of %s MiB becomes few messages, each within the limit of its topic and together little larger than the record',
    (member, size) => {
      const { messages, bytes } = messagesOfRecord({ [member]: 'x'.repeat(size * MIB) });
      expect(messages.length).toBeGreaterThan(0);
      expect(messages.length).toBeLessThanOrEqual(4);
      for (const message of messages) expect(message.size).toBeLessThan(TOPIC_LIMIT);
      expect(bytes).toBeLessThan(2.2 * size * MIB + 100_000);
    },
  );

  it('shows in headers and in the dead letter as a short text, marked, without control characters', () => {
    const { messages } = messagesOfRecord({ event_type: `user\n${'é'.repeat(MIB)}`, timestamp: 'yesterday' });
    const [first] = messages;
    const letter = JSON.parse(String(first?.value));
    for (const text of [first?.headers.event_type, letter.event_type]) {
      expect(text).toMatch(/^user\\u000aé+… \[cut, 2097157 bytes\]$/);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
    }
    const raw = messages.map(({ value }) => JSON.parse(String(value)).raw).join('');
    expect(sha256(raw)).toBe(letter.raw_sha256);
  });
});
