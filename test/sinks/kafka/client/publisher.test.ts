import { expect, it } from 'vitest';
import { requireAcknowledged } from '../../../../collector/sinks/kafka/client/acknowledgements.js';
import { asKafkaFailure, kafkaErrorRow, kafkaErrors } from '../../../../collector/sinks/kafka/client/error-table.js';
import {
  type OutgoingMessage,
  outgoing,
  partitionOf,
} from '../../../../collector/sinks/kafka/client/outgoing-message.js';
import { committed } from '../../../../collector/sinks/kafka/client/partition-reader.js';
import { kafkaSettings } from '../../../../collector/sinks/kafka/client/settings.js';
import {
  createCommand,
  ownTopic,
  planTopic,
  topicOfClass,
  topicsOf,
} from '../../../../collector/sinks/kafka/topics/topics.js';

function message(partition: number, bytes = 10, topic = 't'): OutgoingMessage {
  return outgoing({ topic, partition, key: 'k', value: Buffer.alloc(bytes), headers: {} });
}
const answer = (partition: number, topicName = 't') => ({ topicName, partition, errorCode: 0, baseOffset: '5' });

it('a send counts only when each of its partitions was acknowledged exactly once', () => {
  const sent = [message(0), message(1), message(1)];
  expect([...requireAcknowledged(sent, [answer(0), answer(1)])]).toEqual([
    ['t/0', 5n],
    ['t/1', 5n],
  ]);
  expect(() => requireAcknowledged(sent, [answer(0)])).toThrow('t/1 was not acknowledged');
  expect(() => requireAcknowledged(sent, [])).toThrow('was not acknowledged');
  expect(() => requireAcknowledged(sent, [answer(0), answer(1), answer(0)])).toThrow('t/0 was acknowledged twice');
  expect(() => requireAcknowledged(sent, [answer(0), answer(1), answer(2)])).toThrow('t/2 was acknowledged but not');
  expect(() => requireAcknowledged(sent, [answer(0), answer(1), answer(0, 'u')])).toThrow('u/0');
});

it("partitions are those of Kafka's own murmur2", () => {
  // Keys and hashes of Kafka's own test of its hash (UtilsTest, testMurmur2).
  for (const [key, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const) {
    expect(partitionOf('t', key, 6)).toBe((hash & 0x7fffffff) % 6);
  }
});

it('aborted transactions are left out even where they lie inside one another', () => {
  const record = (offset: number, producerId: string, isControlRecord = false) => ({
    offset: String(offset),
    timestamp: '0',
    key: Buffer.from(isControlRecord ? [0, 0, 0, 0] : [0, 0, 0, 0, 9]),
    value: null,
    headers: {},
    isControlRecord,
    batchContext: { firstOffset: String(offset), lastOffsetDelta: 0, producerId, inTransaction: true },
  });
  // Producer 1 from 10 to 50 around producer 2 from 20 to 30: brokers list the one that ended first.
  const messages = [
    record(10, '1'),
    record(20, '2'),
    record(25, '3'),
    record(30, '2', true),
    record(40, '1'),
    record(45, '2'),
    record(50, '1', true),
    record(60, '1'),
  ];
  const abortedTransactions = [
    { producerId: '2', firstOffset: '20' },
    { producerId: '1', firstOffset: '10' },
  ];
  expect(committed({ messages, abortedTransactions }).map(({ offset }) => offset)).toEqual(['25', '45', '60']);
  expect(committed({ messages: [record(1, '1')], abortedTransactions: null })).toHaveLength(1);
});

it('errors are found by code, by name and inside their wrappers; each row says what to do', () => {
  const kafka = (more: object) => Object.assign(new Error('text'), { name: 'KafkaJSProtocolError' }, more);
  expect(kafkaErrorRow(kafka({ type: 'INVALID_PRODUCER_EPOCH', code: 47 })).code).toBe('FENCED');
  expect(
    kafkaErrorRow(kafka({ type: 'KAFKAJS_UNKNOWN_ERROR_CODE', code: -99, message: 'Unknown error code 90' })).code,
  ).toBe('FENCED');
  const wrapped = Object.assign(new Error('wrapped'), {
    cause: kafka({ code: 29, type: 'TOPIC_AUTHORIZATION_FAILED' }),
  });
  expect(asKafkaFailure(wrapped, 'sending')).toMatchObject({ code: 'SINK_REFUSED', detail: '29', transient: true });
  const several = Object.assign(new Error('several'), { errors: [kafka({ code: 44, type: 'POLICY_VIOLATION' })] });
  expect(kafkaErrorRow(several).meaning).toContain('refuses to create a topic');
  expect(kafkaErrorRow(new Error('who knows'))).toMatchObject({ code: 'SINK_IN_DOUBT', transient: true });
  expect(kafkaErrorRow('not even an error').code).toBe('SINK_IN_DOUBT');
  expect(kafkaErrorRow(kafka({ code: 32, type: 'INVALID_TIMESTAMP' })).cure).toContain(
    'message.timestamp.before.max.ms',
  );
  for (const { meaning, cure } of kafkaErrors) {
    expect(meaning).not.toBe('');
    expect(cure).toMatch(/\.$/);
  }
  const codes = kafkaErrors.flatMap((row) => row.codes ?? []);
  expect(codes).toHaveLength(new Set(codes).size);
});

it('topics are named by class, by prefix and by the names that are given', () => {
  const settings = kafkaSettings({
    feed: 'acme',
    brokers: ['127.0.0.1:9092'],
    topicPrefix: 'sec.',
    classes: [3002, 3001],
    topics: { names: { authentication: 'logins', dead_letters: 'dlq' } },
  });
  expect(topicOfClass(settings, 3002)).toBe('logins');
  expect(topicOfClass(settings, 3001)).toBe('sec.account_change');
  expect(topicOfClass(settings, 0)).toBe('sec.base_event');
  expect(ownTopic(settings, 'state')).toBe('sec.state.acme');
  expect(topicsOf(settings)).toEqual([
    { name: 'logins', use: 'events' },
    { name: 'sec.account_change', use: 'events' },
    { name: 'dlq', use: 'dead_letters' },
    { name: 'sec.raw', use: 'raw' },
    { name: 'sec.state.acme', use: 'state' },
  ]);
  const wrong = (names: Record<string, string>) => () =>
    topicsOf({ ...settings, topics: { ...settings.topics, names } });
  expect(wrong({ authentication: 'with space' })).toThrow('is no name of a topic');
  expect(wrong({ raw: 'one', dead_letters: 'one' })).toThrow('has two uses');
});

it('a topic is planned with three replicas where there are three brokers, and its command says so', () => {
  const settings = kafkaSettings({ feed: 'acme', brokers: ['a:1', 'b:1'] });
  const events = planTopic(settings, { name: 'ocsf.authentication', use: 'events' }, 5);
  expect(events).toMatchObject({ partitions: 6, replication: 3, configs: { 'min.insync.replicas': '2' } });
  expect(planTopic(settings, { name: 's', use: 'state' }, 1)).toMatchObject({ partitions: 1, replication: 1 });
  expect(createCommand(events, settings.brokers)).toBe(
    'kafka-topics.sh --bootstrap-server a:1,b:1 --create --topic ocsf.authentication --partitions 6 ' +
      '--replication-factor 3 --config min.insync.replicas=2 --config cleanup.policy=delete',
  );
});

it('the topic of entities is compacted and keeps tombstones for a week', () => {
  const settings = kafkaSettings({ feed: 'acme', brokers: ['a:1'] });
  const plan = planTopic(settings, { name: 'ocsf.entities', use: 'entities' }, 1);
  expect(createCommand(plan, settings.brokers)).toBe(
    'kafka-topics.sh --bootstrap-server a:1 --create --topic ocsf.entities --partitions 6 --replication-factor 1 ' +
      '--config cleanup.policy=compact --config delete.retention.ms=604800000',
  );
});
