import * as fc from 'fast-check';
import kafkajsRecord from 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
import kafkajsBatch from 'kafkajs/src/protocol/recordBatch/v0/index.js';
import { expect, it } from 'vitest';
import {
  cutIntoRounds,
  encodeBatches,
  type PartitionBatch,
} from '../../../../collector/sinks/kafka/client/batching.js';
import { compressionType } from '../../../../collector/sinks/kafka/client/compression.js';
import { type OutgoingMessage, outgoing } from '../../../../collector/sinks/kafka/client/outgoing-message.js';
import { encodeBatch, encodeRecords } from '../../../../collector/sinks/kafka/client/record-batch.js';

const producer = { producerId: '9007199254740993', producerEpoch: 77 };

const messages = fc.array(
  fc
    .record({
      topic: fc.constant('t'),
      partition: fc.constant(0),
      key: fc.string({ unit: 'grapheme' }),
      value: fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.uint8Array().map(Buffer.from),
        fc.constant(null),
      ),
      headers: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
    })
    .map(outgoing),
  { minLength: 1, maxLength: 150 },
);

it.each(['none', 'gzip'] as const)(
  'a batch (%s) has the bytes that kafkajs gives it, whatever the records hold',
  async (compression) => {
    await fc.assert(
      fc.asyncProperty(messages, fc.nat(2 ** 31 - 1), fc.nat(2 ** 45), async (of, firstSequence, timestamp) => {
        const theirs = await kafkajsBatch.RecordBatch({
          compression: compressionType[compression],
          firstTimestamp: timestamp,
          maxTimestamp: timestamp,
          lastOffsetDelta: of.length - 1,
          transactional: true,
          ...producer,
          firstSequence,
          records: of.map((message, offsetDelta) => kafkajsRecord({ ...message, offsetDelta, timestampDelta: 0 })),
        });
        const records = await encodeRecords(of, compression);
        const ours = encodeBatch(records, { timestamp, compression, inTransaction: { producer, firstSequence } });
        // But for the epoch of the leader, which nobody knows yet: kafkajs says 0, Kafka's own client -1, and so do we.
        expect(ours.readInt32BE(12)).toBe(-1);
        ours.writeInt32BE(0, 12);
        expect(ours.equals(theirs.buffer)).toBe(true);
      }),
      { numRuns: 60 },
    );
  },
);

it('outside a transaction a batch is nobody’s', async () => {
  const records = await encodeRecords([message(0, 'x')], 'none');
  const batch = encodeBatch(records, { timestamp: 5, compression: 'none', inTransaction: undefined });
  expect([batch.readInt16BE(21), batch.readBigInt64BE(43), batch.readInt16BE(51), batch.readInt32BE(53)]).toEqual([
    0,
    -1n,
    -1,
    -1,
  ]);
});

function message(partition: number, value: string, topic = 't'): OutgoingMessage {
  return outgoing({ topic, partition, key: 'k', value, headers: {} });
}
const sizesOf = (batches: readonly PartitionBatch[]) => batches.map(({ records }) => records.count);
/** Text that no compression makes smaller than by a quarter. */
const noise = (length: number, seed = 1) => {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'[state >>> 26];
  }).join('');
};

it('uncompressed, a partition’s batches keep under the limit of its topic, in the order of its messages', async () => {
  const wide = Array.from({ length: 40 }, (_, n) => message(n % 2, `${n} `.padEnd(300_000, '-')));
  const batches = await encodeBatches(wide, () => 1_048_588, 'none');
  for (const { records } of batches) expect(records.bytes.length).toBeLessThanOrEqual(900_000);
  for (const partition of [0, 1]) {
    const own = batches.filter((batch) => batch.partition === partition);
    const order = own.flatMap(({ records }) =>
      [...String(records.bytes).matchAll(/(\d+) -/g)].map(([, n]) => Number(n)),
    );
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => 2 * n + partition));
  }
  const small = Array.from({ length: 10 }, () => message(0, 'x'.repeat(400)));
  expect(sizesOf(await encodeBatches(small, () => 1_200, 'none'))).toEqual([2, 2, 2, 2, 2]);
  expect(
    sizesOf(await encodeBatches([message(0, 'x'.repeat(5_000_000)), message(0, '')], () => 1_000, 'none')),
  ).toEqual([1, 1]);
  expect(await encodeBatches([], () => 1, 'none')).toEqual([]);
});

it('compressed, what counts is what is left: few batches where it is little, halves where it is much', async () => {
  const alike = Array.from({ length: 1_000 }, () => message(0, 'x'.repeat(3_000)));
  expect(sizesOf(await encodeBatches(alike, () => 1_048_588, 'gzip'))).toEqual([1_000]);
  const unlike = Array.from({ length: 40 }, (_, n) => message(0, noise(50_000, n + 1)));
  const batches = await encodeBatches(unlike, () => 200_000, 'gzip');
  expect(batches.length).toBeGreaterThanOrEqual(8);
  expect(sizesOf(batches).reduce((sum, count) => sum + count, 0)).toBe(40);
  for (const { records } of batches) expect(records.bytes.length).toBeLessThanOrEqual(200_000 - 128);
  // One that is over the limit by itself is for the broker to refuse.
  expect(sizesOf(await encodeBatches([message(0, noise(400_000)), message(0, '')], () => 100_000, 'gzip'))).toEqual([
    1, 1,
  ]);
});

it('a round has a partition once and no more bytes than a request may have; batches of a partition stay in order', () => {
  const batch = (partition: number, count: number, bytes: number): PartitionBatch => ({
    topic: 't',
    partition,
    records: { count, bytes: Buffer.alloc(bytes) },
  });
  const three = [batch(0, 1, 10), batch(0, 2, 10), batch(0, 3, 10), batch(1, 4, 10)];
  expect(cutIntoRounds(three).map(sizesOf)).toEqual([[1, 4], [2], [3]]);
  const wide = Array.from({ length: 40 }, (_, n) => batch(n % 20, n, 800_000));
  const rounds = cutIntoRounds(wide);
  for (const round of rounds) {
    expect(round.reduce((sum, { records }) => sum + records.bytes.length, 0)).toBeLessThanOrEqual(8_000_000);
    expect(new Set(round.map(({ partition }) => partition)).size).toBe(round.length);
  }
  for (let partition = 0; partition < 20; partition++) {
    expect(sizesOf(rounds.flat().filter((of) => of.partition === partition))).toEqual([partition, partition + 20]);
  }
  expect(cutIntoRounds([batch(0, 1, 9_000_000), batch(1, 2, 10)]).map(sizesOf)).toEqual([[1], [2]]);
  expect(cutIntoRounds([])).toEqual([]);
});
