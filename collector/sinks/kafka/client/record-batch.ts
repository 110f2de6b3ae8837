import { compress, compressionType } from './compression.js';
import type { ProducerIdentity } from './kafkajs.js';
import { crc32c } from './kafkajs.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { KafkaSettings } from './settings.js';

// Kafka's message format 2 (Kafka documentation, "Message Format"). kafkajs encodes it through several buffers a record and
// one partition after the other: with events of some kilobytes that took more time than all else of a commit.

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

/** Bytes of a batch besides its records. */
export const BATCH_HEADER_BYTES = 61;

const FORMAT = 2;
const IN_TRANSACTION = 0x10;
const NONE = -1;
/** Where the part that the checksum covers begins. */
const CHECKED_FROM = 21;
/** Up to where the length does not count. */
const MEASURED_FROM = 12;

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
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - MEASURED_FROM, 8);
  batch.writeInt32BE(NONE, 12);
  batch.writeInt8(FORMAT, 16);
  batch.writeInt16BE(compressionType[header.compression] | (inTransaction === undefined ? 0 : IN_TRANSACTION), 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(timestamp), 27);
  batch.writeBigInt64BE(BigInt(timestamp), 35);
  batch.writeBigInt64BE(BigInt(inTransaction?.producer.producerId ?? NONE), 43);
  batch.writeInt16BE(inTransaction?.producer.producerEpoch ?? NONE, 51);
  batch.writeInt32BE(inTransaction?.firstSequence ?? NONE, 53);
  batch.writeInt32BE(count, 57);
  bytes.copy(batch, BATCH_HEADER_BYTES);
  batch.writeUInt32BE(crc32c(batch.subarray(CHECKED_FROM)), 17);
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
