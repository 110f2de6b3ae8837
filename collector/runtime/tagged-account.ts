import type { FeedConfig } from '../config/feed-config.js';

/** The account name that a feed's events and its inventory carry; undefined: none. */
export function taggedAccount({ name, tag }: FeedConfig['account']): string | undefined {
  return tag ? name : undefined;
}
