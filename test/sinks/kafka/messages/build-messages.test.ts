import { describe, expect, it } from 'vitest';
import { kafkaSettings } from '../../../../collector/sinks/kafka/client/settings.js';
import { buildMessages } from '../../../../collector/sinks/kafka/messages/build-messages.js';
import type { Entity } from '../../../../collector/sinks/sink.js';

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
