import { resolve } from 'node:path';
import { kafkaOf, tablesDirectoryOf } from '../config/destination.js';
import type { FeedConfig } from '../config/feed-config.js';

/** A feed, with the organization that it has met; undefined: none yet. */
export interface FeedOfOrganization {
  readonly config: FeedConfig;
  readonly organization: string | undefined;
}

/**
 * What an operator should know where another feed delivers the same records to the same place; undefined: none does. No
 * error: their position, or their organization, may be about to change.
 */
export function sameRecords(
  feed: FeedOfOrganization,
  all: Iterable<FeedOfOrganization>,
): { readonly message: string; readonly cure: string } | undefined {
  const others = [...all].filter((other) => other.config.name !== feed.config.name && areSame(feed, other));
  if (others.length === 0) return undefined;
  const names = others.map(({ config }) => config.name).join(', ');
  return {
    message: `records of this organization are delivered to the same place by ${names} too: each is there once per feed, with the same metadata.uid`,
    cure: 'Keep one of the feeds, or let them select different jumpcloud.eventTypes, or give each tables.directory or topics of its own.',
  };
}

function areSame(one: FeedOfOrganization, other: FeedOfOrganization): boolean {
  if (one.organization === undefined || one.organization !== other.organization) return false;
  const types = new Set(one.config.jumpcloud.eventTypes);
  const place = placeOf(one.config);
  return (
    place !== undefined &&
    place === placeOf(other.config) &&
    other.config.jumpcloud.eventTypes.some((type) => types.has(type))
  );
}

/** Undefined: a place that no two feeds can share. */
function placeOf(config: FeedConfig): string | undefined {
  const directory = tablesDirectoryOf(config);
  if (directory !== undefined) return resolve(directory);
  const kafka = kafkaOf(config);
  return kafka && JSON.stringify([[...kafka.brokers].sort(), kafka.topicPrefix, [...kafka.topics.names]]);
}
