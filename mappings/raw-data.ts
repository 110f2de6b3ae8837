import { hash } from 'node:crypto';
import type { Captions } from '../schemas/ocsf-target.js';

/** The record's text as it is kept: as received, or redacted. */
export interface RawData {
  readonly text: string;
}

const SHA_256 = 3;

/** OCSF's `raw_data` with its size in bytes and its SHA-256. */
export function rawDataAttributes({ text }: RawData, captions: Captions) {
  return {
    raw_data: text,
    raw_data_size: Buffer.byteLength(text),
    raw_data_hash: {
      algorithm_id: SHA_256,
      algorithm: captions.hashAlgorithm[SHA_256]!,
      value: hash('sha256', text, 'hex'),
    },
  };
}
