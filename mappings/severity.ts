import type { RecordReader } from './record-reader.js';

const INFORMATIONAL = 1;

const ids = new Map<string, number>([
  ['info', 1],
  ['informational', 1],
  ['low', 2],
  ['medium', 3],
  ['high', 4],
  ['critical', 5],
  ['fatal', 6],
]);

/** The record's own severity; Informational where it has none. */
export function readSeverity(reader: RecordReader): { id: number; caption: string } {
  const word = reader.peek(reader.record, 'severity');
  if (word === undefined) return { id: INFORMATIONAL, caption: reader.caption('severity', INFORMATIONAL) };
  const id = ids.get(word.toLowerCase()) ?? 99;
  const caption = id === 99 ? word : reader.caption('severity', id);
  if (word.toLowerCase() === caption.toLowerCase()) reader.consume(reader.record, 'severity');
  return { id, caption };
}
