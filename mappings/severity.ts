import { captions } from '../schemas/ocsf.js';
import type { Reading } from './record-reader.js';

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

/** How grave the record itself calls it; ordinary activity is Informational. */
export function readSeverity(reading: Reading): { id: number; caption: string } {
  const word = reading.peek(reading.record, 'severity');
  if (word === undefined) return { id: INFORMATIONAL, caption: captions.severity[INFORMATIONAL]! };
  const id = ids.get(word.toLowerCase()) ?? 99;
  const caption = id === 99 ? word : captions.severity[id]!;
  if (word.toLowerCase() === caption.toLowerCase()) reading.take(reading.record, 'severity');
  return { id, caption };
}
