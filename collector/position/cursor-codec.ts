import {
  floorToMillisecond,
  floorToSecond,
  formatInstant,
  formatSecond,
  parseInstant,
} from '../../mappings/instant.js';
import type { Counts, Cursor, ServicePosition } from './cursor.js';

/** A cursor as sinks store it: JSON, times as RFC 3339 in UTC. Its field names are part of the stored state. */
export interface StoredCursor {
  readonly version: 1;
  readonly feed: string;
  readonly lane: string;
  readonly organization?: string;
  readonly baseUrl: string;
  readonly origin: string;
  readonly origins: Readonly<Record<string, string>>;
  readonly settled: string;
  readonly newest: string;
  readonly services: readonly string[];
  readonly behind: Readonly<Record<string, StoredServicePosition>>;
  readonly counts: Counts;
  readonly memory: Readonly<Record<string, unknown>>;
  readonly committedAt: string;
}

/** The stored form of a `ServicePosition`. */
export interface StoredServicePosition {
  readonly settled: string;
  readonly rememberedFrom: string;
  readonly active: boolean;
  readonly refused?: {
    readonly code: string;
    readonly message: string;
    readonly since: string;
    readonly retryAt: string;
  };
}

/** The stored form of a cursor. */
export function encodeCursor(cursor: Cursor): StoredCursor {
  const { version, feed, lane, organization, baseUrl, counts, extensions, committedAt, position } = cursor;
  return {
    version,
    feed,
    lane,
    ...(organization !== undefined && { organization }),
    baseUrl,
    origin: formatSecond(position.ownedFrom),
    origins: mapValues(position.ownedFromByService, formatSecond),
    settled: formatSecond(position.watermark),
    newest: formatInstant(position.maxEventTime),
    services: position.services,
    behind: mapValues(position.perService, encodeServicePosition),
    counts,
    memory: extensions,
    committedAt: formatMs(committedAt),
  };
}

/** The stored form of one service's position. */
function encodeServicePosition({ watermark, dedupeFrom, active, refused }: ServicePosition): StoredServicePosition {
  return {
    settled: formatSecond(watermark),
    rememberedFrom: formatSecond(dedupeFrom),
    active,
    ...(refused && { refused: { ...refused, since: formatMs(refused.since), retryAt: formatMs(refused.retryAt) } }),
  };
}

/** The cursor of its stored form. @throws RangeError for what `isStoredCursor` does not accept */
export function decodeCursor(stored: StoredCursor): Cursor {
  const { version, feed, lane, organization, baseUrl, counts, memory, committedAt } = stored;
  return {
    version,
    feed,
    lane,
    organization,
    baseUrl,
    counts,
    extensions: memory,
    committedAt: msOf(committedAt),
    position: {
      kind: 'insights',
      ownedFrom: secondOf(stored.origin),
      ownedFromByService: mapValues(stored.origins, secondOf),
      watermark: secondOf(stored.settled),
      maxEventTime: instantOf(stored.newest),
      services: stored.services,
      perService: mapValues(stored.behind, decodeServicePosition),
    },
  };
}

/** Whether a stored value has the form of a cursor; sinks ask before they trust their own state. */
export function isStoredCursor(value: unknown): value is StoredCursor {
  if (typeof value !== 'object' || value === null) return false;
  const cursor = value as Partial<Record<keyof StoredCursor, unknown>>;
  const { behind, counts, memory, origins } = cursor;
  return (
    cursor.version === 1 &&
    typeof cursor.feed === 'string' &&
    typeof cursor.lane === 'string' &&
    typeof cursor.baseUrl === 'string' &&
    [cursor.origin, cursor.settled, cursor.newest, cursor.committedAt].every(isTime) &&
    Array.isArray(cursor.services) &&
    [behind, counts, memory, origins].every((part) => typeof part === 'object' && part !== null) &&
    Object.values(origins as object).every(isTime) &&
    Object.values(behind as object).every(isStoredServicePosition)
  );
}

function isStoredServicePosition(value: unknown): boolean {
  const { settled, rememberedFrom, refused } = (value ?? {}) as Partial<StoredServicePosition>;
  const refusal = (refused ?? {}) as Partial<NonNullable<StoredServicePosition['refused']>>;
  return [settled, rememberedFrom, ...(refused === undefined ? [] : [refusal.since, refusal.retryAt])].every(isTime);
}

function isTime(value: unknown): boolean {
  return parseInstant(value) !== undefined;
}

function decodeServicePosition({ settled, rememberedFrom, active, refused }: StoredServicePosition): ServicePosition {
  return {
    watermark: secondOf(settled),
    dedupeFrom: secondOf(rememberedFrom),
    active,
    ...(refused && {
      refused: { ...refused, since: msOf(refused.since), retryAt: msOf(refused.retryAt) },
    }),
  };
}

function instantOf(text: string): bigint {
  const instant = parseInstant(text);
  if (instant === undefined) throw new RangeError(`not a stored time: ${text}`);
  return instant;
}

function secondOf(text: string): number {
  return floorToSecond(instantOf(text));
}

function msOf(text: string): number {
  return floorToMillisecond(instantOf(text));
}

function formatMs(ms: number): string {
  return new Date(ms).toISOString();
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
