import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import kafkajs, { CompressionTypes } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import type { KafkaSettings } from './settings.js';

/** node:zlib's zstd, which Node has from 22.15 and 23.8 on. */
interface Zstd {
  readonly zstdCompress?: (buffer: Buffer, done: (error: Error | null, result: Buffer) => void) => void;
  readonly zstdCompressSync?: (buffer: Buffer) => Buffer;
  readonly zstdDecompressSync?: (buffer: Buffer) => Buffer;
}

const zstd = zlib as Zstd;

/** Kafka's numbers of codecs, as a batch's attributes hold them. */
export const compressionType: Readonly<Record<KafkaSettings['compression'], CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
};

/**
 * Makes kafkajs write and read zstd.
 * @throws CollectorError CONFIG_INVALID where this Node has no zstd
 */
export function useZstd(): void {
  const { zstdCompressSync, zstdDecompressSync } = zstd;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) {
    throw new CollectorError('CONFIG_INVALID', `kafka.compression is zstd, which Node ${process.version} has not.`, {
      cure: 'Set kafka.compression to gzip, or run Node 22.15 or newer.',
    });
  }
  // Node does not find this one among the names of kafkajs, which is CommonJS: it is taken from the whole.
  kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
    decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
  });
}

const gzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip);
/** Node's 16 kB would mean a way to its threads and back for each of them. */
const CHUNK_BYTES = 262_144;

/** Runs on Node's threads: several at a time use several cores. */
export async function compress(bytes: Buffer, compression: KafkaSettings['compression']): Promise<Buffer> {
  if (compression === 'gzip') return gzip(bytes, { chunkSize: Math.min(CHUNK_BYTES, bytes.length + 1024) });
  if (compression === 'zstd' && zstd.zstdCompress !== undefined) return promisify(zstd.zstdCompress)(bytes);
  return bytes;
}

/** Bytes of a text after compression: what a topic's `max.message.bytes` is compared with. */
export function compressedSize(text: string | Buffer, compression: KafkaSettings['compression']): number {
  if (compression === 'gzip') return zlib.gzipSync(text).length;
  if (compression === 'zstd' && zstd.zstdCompressSync !== undefined)
    return zstd.zstdCompressSync(Buffer.from(text)).length;
  return Buffer.byteLength(text);
}
