import * as zlib from 'node:zlib';
import kafkajs, { CompressionTypes } from 'kafkajs';
import { CollectorError } from '../../errors.js';
import type { KafkaSettings } from './settings.js';

/** node:zlib's zstd, which Node has from 22.15 and 23.8 on. */
interface Zstd {
  readonly zstdCompressSync?: (buffer: Buffer) => Buffer;
  readonly zstdDecompressSync?: (buffer: Buffer) => Buffer;
}

const zstd = zlib as Zstd;

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

/** Bytes of a text after compression: what a topic's `max.message.bytes` is compared with. */
export function compressedSize(text: Buffer, compression: KafkaSettings['compression']): number {
  if (compression === 'gzip') return zlib.gzipSync(text).length;
  if (compression === 'zstd' && zstd.zstdCompressSync !== undefined) return zstd.zstdCompressSync(text).length;
  return text.length;
}
