import type { Reading } from './record-reader.js';

/** The session that a record names; most name none. */
export function readSession(reading: Reading): { uid: string } | undefined {
  const { record } = reading;
  const uid = reading.text(record, 'session_id') ?? reading.text(reading.object(record, 'session'), 'id');
  return uid === undefined ? undefined : { uid };
}
