import { isObject } from '../../mappings/json.js';
import { type Cursor, firstCursor } from '../position/cursor.js';
import { WEBHOOK_LANE } from '../position/lane-name.js';
import { SPOOL_START, type SpoolPosition } from './spool.js';

/** What the lane `webhook` keeps with its position, in the cursor's slot of this name. */
const SLOT = 'webhook';
/** Spools of other machines that a position speaks for. */
const MOST_SPOOLS = 16;

/** How far the lane has come. */
export interface WebhookPosition {
  /** By the spool's id, the one that was read last at the end. */
  readonly spools: Readonly<Record<string, SpoolPosition>>;
  /** Epoch milliseconds of the lane's first start: what happened before was never promised. */
  readonly origin: number;
  /** Epoch milliseconds up to which the list of alerts was read. */
  readonly polledTo: number;
  /** The last replay of kept bodies: those taken until then that its mapping knew are delivered. Undefined: there was none. */
  readonly replayed?: { readonly to: number; readonly version: string };
}

/** The cursor of a lane that has never run. @param now epoch milliseconds */
export function firstWebhookCursor(feed: string, baseUrl: string, now: number): Cursor {
  const start = Math.floor(now / 1000);
  const cursor = firstCursor({
    feed,
    lane: WEBHOOK_LANE,
    organization: undefined,
    baseUrl,
    start,
    services: [],
    now,
  });
  return withPosition(cursor, { spools: {}, origin: now, polledTo: now });
}

/** What a cursor of this lane remembers. */
export function positionOf(cursor: Cursor): WebhookPosition {
  const stored = cursor.extensions[SLOT];
  const { spools, origin, polledTo, replayed } = isObject(stored) ? stored : {};
  const places = isObject(spools) ? Object.entries(spools).filter(([, place]) => isPlace(place)) : [];
  return {
    spools: Object.fromEntries(places) as unknown as WebhookPosition['spools'],
    origin: typeof origin === 'number' ? origin : cursor.committedAt,
    polledTo: typeof polledTo === 'number' ? polledTo : cursor.committedAt,
    ...(isReplay(replayed) ? { replayed } : {}),
  };
}

/** The cursor with another position. Its watermark follows the list of alerts, so that it shows how far everything is known. */
export function withPosition(cursor: Cursor, position: WebhookPosition): Cursor {
  return {
    ...cursor,
    extensions: { ...cursor.extensions, [SLOT]: position },
    position: { ...cursor.position, watermark: Math.floor(position.polledTo / 1000) },
  };
}

/** Where a spool is to be read on. A spool that is not known is read from its beginning. */
export function placeIn({ spools }: WebhookPosition, id: string): SpoolPosition {
  return spools[id] ?? SPOOL_START;
}

/** The position after a spool was read further. */
export function readTo(position: WebhookPosition, id: string, place: SpoolPosition): WebhookPosition {
  const { [id]: _before, ...others } = position.spools;
  const kept = Object.entries(others).slice(1 - MOST_SPOOLS);
  return { ...position, spools: { ...Object.fromEntries(kept), [id]: place } };
}

function isReplay(value: unknown): value is NonNullable<WebhookPosition['replayed']> {
  return isObject(value) && typeof value.to === 'number' && typeof value.version === 'string';
}

function isPlace(value: unknown): boolean {
  return isObject(value) && Number.isSafeInteger(value.segment) && Number.isSafeInteger(value.offset);
}
