import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';

/** The feed that a verb about one feed is about. @throws CollectorError USAGE where it is not named and there are several */
export function chosen(feeds: readonly FeedConfig[], name: string | undefined): FeedConfig {
  const [only] = feeds;
  const found = name === undefined ? (feeds.length === 1 ? only : undefined) : feeds.find((feed) => feed.name === name);
  if (found !== undefined) return found;
  const names = feeds.map((feed) => feed.name).join(', ');
  const message = name === undefined ? 'There are several feeds.' : `There is no feed ${name}.`;
  throw new CollectorError('USAGE', message, { cure: `Name one with --feed: ${names}.` });
}
