import { compress, compressionType } from './compression.js';
import type { ProducerIdentity } from './kafkajs.js';
import { crc32c } from './kafkajs.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { KafkaSettings } from './settings.js';

// kafkajs encodes batches through several buffers per record and one partition after the other: with events of some
// kilobytes that took more time than the rest of a commit together.

/** Records of one partition in the form in which a batch holds them, compressed; the batch's header is still to come. */
export interface EncodedRecords {
  readonly count: number;
  readonly bytes: Buffer;
}

/** What a batch says of all its records. */
export interface BatchHeader {
  /** Epoch milliseconds, of every record. */
  readonly timestamp: number;
  readonly compression: KafkaSettings['compression'];
  /** In whose transaction the batch is, and the number of its first record among that producer's to the partition. */
  readonly inTransaction: { readonly producer: ProducerIdentity; readonly firstSequence: number } | undefined;
}

// Kafka documentation, "Record Batch"; every number big-endian:
//
//   RecordBatch => baseOffset            INT64    0  0: the broker assigns offsets
//                  batchLength           INT32    8  bytes from partitionLeaderEpoch on
//                  partitionLeaderEpoch  INT32   12  -1: the broker's
//                  magic                 INT8    16  2
//                  crc                   UINT32  17  CRC-32C of all from attributes on
//                  attributes            INT16   21  bits 0-2 compression, bit 4 in a transaction
//                  lastOffsetDelta       INT32   23
//                  baseTimestamp         INT64   27
//                  maxTimestamp          INT64   35
//                  producerId            INT64   43  -1: no idempotent producer
//                  producerEpoch         INT16   51
//                  baseSequence          INT32   53
//                  recordCount           INT32   57
//                  records               Record… 61  compressed together
//
//   Record => length VARINT, attributes INT8, timestampDelta VARINT, offsetDelta VARINT,
//             key BYTES, value BYTES, headerCount VARINT, (name BYTES, value BYTES)…
//   BYTES  => length VARINT (-1: null), the bytes

const OFFSET = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** Bytes of a batch besides its records. */
export const BATCH_HEADER_BYTES = OFFSET.records;

const MAGIC = 2;
const IN_TRANSACTION = 0x10;
const NONE = -1;

/** @throws whatever the codec throws */
export async function encodeRecords(
  messages: readonly OutgoingMessage[],
  compression: KafkaSettings['compression'],
): Promise<EncodedRecords> {
  return { count: messages.length, bytes: await compress(writeRecords(messages), compression) };
}

/** A whole batch. */
export function encodeBatch({ count, bytes }: EncodedRecords, header: BatchHeader): Buffer {
  const { timestamp, inTransaction } = header;
  const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + bytes.length);
  const attributes = compressionType[header.compression] | (inTransaction === undefined ? 0 : IN_TRANSACTION);
  batch.writeBigInt64BE(0n, OFFSET.baseOffset);
  batch.writeInt32BE(batch.length - OFFSET.partitionLeaderEpoch, OFFSET.batchLength);
  batch.writeInt32BE(NONE, OFFSET.partitionLeaderEpoch);
  batch.writeInt8(MAGIC, OFFSET.magic);
  batch.writeInt16BE(attributes, OFFSET.attributes);
  batch.writeInt32BE(count - 1, OFFSET.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(timestamp), OFFSET.baseTimestamp);
  batch.writeBigInt64BE(BigInt(timestamp), OFFSET.maxTimestamp);
  batch.writeBigInt64BE(BigInt(inTransaction?.producer.producerId ?? NONE), OFFSET.producerId);
  batch.writeInt16BE(inTransaction?.producer.producerEpoch ?? NONE, OFFSET.producerEpoch);
  batch.writeInt32BE(inTransaction?.firstSequence ?? NONE, OFFSET.baseSequence);
  batch.writeInt32BE(count, OFFSET.recordCount);
  bytes.copy(batch, OFFSET.records);
  batch.writeUInt32BE(crc32c(batch.subarray(OFFSET.attributes)), OFFSET.crc);
  return batch;
}

function writeRecords(messages: readonly OutgoingMessage[]): Buffer {
  const buffer = Buffer.allocUnsafe(messages.reduce((sum, { size }) => sum + size, 0));
  let at = 0;
  messages.forEach((message, index) => {
    at = writeRecord(buffer, at, message, index);
  });
  return buffer.subarray(0, at);
}

/** @returns where the next record begins */
function writeRecord(buffer: Buffer, start: number, message: OutgoingMessage, offsetDelta: number): number {
  const headers = Object.entries(message.headers);
  let length = 2 + sizeOfNumber(offsetDelta) + sizeOfBytes(message.key) + sizeOfBytes(message.value);
  length += sizeOfNumber(headers.length);
  for (const [name, value] of headers) length += sizeOfBytes(name) + sizeOfBytes(value);
  let at = writeNumber(buffer, start, length);
  // No attributes; its time is the batch's.
  buffer[at++] = 0;
  buffer[at++] = 0;
  at = writeNumber(buffer, at, offsetDelta);
  at = writeBytes(buffer, at, message.key);
  at = writeBytes(buffer, at, message.value);
  at = writeNumber(buffer, at, headers.length);
  for (const [name, value] of headers) at = writeBytes(buffer, writeBytes(buffer, at, name), value);
  return at;
}

function sizeOfBytes(value: string | Buffer | null): number {
  if (value === null) return sizeOfNumber(NONE);
  const length = Buffer.byteLength(value);
  return sizeOfNumber(length) + length;
}

function writeBytes(buffer: Buffer, start: number, value: string | Buffer | null): number {
  if (value === null) return writeNumber(buffer, start, NONE);
  const at = writeNumber(buffer, start, Buffer.byteLength(value));
  return at + (typeof value === 'string' ? buffer.write(value, at) : value.copy(buffer, at));
}

// Numbers have as many bytes as they need, seven bits in each, the sign in the lowest (protocol guide, "VARINT").

function sizeOfNumber(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let size = 1;
  while (rest > 0x7f) {
    rest >>>= 7;
    size += 1;
  }
  return size;
}

function writeNumber(buffer: Buffer, start: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = start;
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}
