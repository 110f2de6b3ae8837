import type { Cursor } from '../../collector/position/cursor.js';
import { decodeCursor, encodeCursor, type StoredCursor } from '../../collector/position/cursor-codec.js';

/** A cursor of a feed `acme`, in the words of its stored form. */
export function storedCursor(more: Partial<StoredCursor> & Pick<StoredCursor, 'settled'>): Cursor {
  return decodeCursor({
    version: 1,
    feed: 'acme',
    lane: 'live',
    organization: 'org-1',
    baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
    origin: '2026-11-01T00:00:00Z',
    origins: {},
    newest: more.settled,
    services: ['directory'],
    behind: {},
    counts: { records: 0, events: 0, deadLetters: 0, duplicates: 0, notSelected: 0, raw: 0, late: 0 },
    memory: {},
    committedAt: more.settled,
    ...more,
  });
}

/** A cursor with parts of its stored form changed. */
export function changeStored(cursor: Cursor, changes: Partial<StoredCursor>): Cursor {
  return decodeCursor({ ...encodeCursor(cursor), ...changes });
}
