import type { RecordReader } from './record-reader.js';

/** The session that a record names; most name none. */
export function readSession(reader: RecordReader): { uid: string } | undefined {
  const { record } = reader;
  const uid = reader.text(record, 'session_id') ?? reader.text(reader.object(record, 'session'), 'id');
  return uid === undefined ? undefined : { uid };
}
