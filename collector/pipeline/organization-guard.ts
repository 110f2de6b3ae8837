import { CollectorError } from '../errors.js';
import type { Cursor } from '../position/cursor.js';

/** Whose state a feed may continue. */
export interface FeedOwner {
  readonly name: string;
  readonly baseUrl: string;
  /** Undefined: the organization of the first record. */
  readonly organization: string | undefined;
}

/** @throws CollectorError ORGANIZATION_CHANGED where a stored position belongs to another organization or base URL */
export function refuseForeignState(stored: Cursor, feed: FeedOwner): void {
  const foreignUrl = stored.baseUrl !== feed.baseUrl;
  const foreignOrganization =
    feed.organization !== undefined && stored.organization !== undefined && stored.organization !== feed.organization;
  if (!foreignUrl && !foreignOrganization) return;
  const owner = foreignUrl ? stored.baseUrl : `organization ${stored.organization}`;
  const asked = foreignUrl ? feed.baseUrl : `organization ${feed.organization}`;
  throw changed(
    `The position stored for feed ${feed.name} belongs to ${owner}, but the configuration names ${asked}. Nothing was delivered.`,
    `Give the other organization a feed name and a place of its own, or set it back to ${owner}.`,
  );
}

/** A record of another organization than the feed's. */
export function foreignRecord(found: string, cursor: Cursor, feed: string): CollectorError {
  return changed(
    `The key now reads organization ${found}, but feed ${feed} belongs to ${cursor.organization ?? 'the organization of its first record'}. Nothing of the new organization was delivered.`,
    'Put a key of the right organization in place (or set jumpcloud.orgId), or give the other organization a feed of its own.',
  );
}

/** A key of another organization than the feed's, found before the feed ran with it. */
export function foreignKey(feed: string, found: string, bound: string): CollectorError {
  return changed(
    `the key reads organization ${found}, but feed ${feed} belongs to ${bound}`,
    'Put a key of the right organization in place, or give the other organization a feed of its own.',
  );
}

function changed(message: string, cure: string): CollectorError {
  return new CollectorError('ORGANIZATION_CHANGED', message, { cure });
}
