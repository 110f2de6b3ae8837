import {
  type KeptRecord,
  type MappingResult,
  type MappingSettings,
  normalise,
  toRawRecord,
} from '../../mappings/normalise.js';
import { type ReceivedRecord, type RecordHeader, readHeader } from '../../mappings/record.js';
import { REDACTED } from '../../mappings/redact.js';
import { CollectorError } from '../errors.js';
import { splitArray } from '../jumpcloud/insights/split-array.js';

/** A record as a sink kept it: redacted, with the identity it was delivered under. */
export interface StoredRecord {
  readonly uid: string;
  readonly text: string;
  /** Epoch milliseconds at which it was fetched, where that is known. */
  readonly fetchedAt: number | undefined;
  /** Undefined: to be told from the text. */
  readonly redacted?: boolean;
}

/** What today's mapping makes of a stored record; undefined where its text is no JSON any more. */
export interface Remapped {
  readonly outcome: MappingResult;
  readonly header: RecordHeader;
  readonly received: ReceivedRecord;
}

/** Maps a stored record again. It keeps its uid, whatever redaction took of its text, and the time it was fetched. */
export function mapStored(
  { uid, text, fetchedAt, redacted }: StoredRecord,
  context: MappingSettings,
): Remapped | undefined {
  const received = receive(text);
  if (received === undefined) return undefined;
  const header = { ...readHeader(received), uid };
  const outcome = normalise(received, header, {
    ...context,
    redactedBefore: redacted ?? text.includes(REDACTED),
    ...(fetchedAt === undefined ? {} : { fetchedAt }),
  });
  return { outcome, header, received };
}

/** The record behind an event of a class that the feed does not deliver. */
export function rawOf({ outcome, header, received }: Remapped): KeptRecord {
  if (outcome.kind !== 'event') throw new TypeError('a dead letter is of no class');
  return toRawRecord(received, header, outcome.event);
}

function receive(text: string): ReceivedRecord | undefined {
  try {
    const received = splitArray(`[${text}]`);
    return received.length === 1 ? received[0] : undefined;
  } catch (error) {
    if (error instanceof CollectorError) return undefined;
    throw error;
  }
}
