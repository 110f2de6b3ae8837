import type { WebhookChannel } from '../jumpcloud/directory/alerts.js';

/** The channels that send to a feed: by the end of their URL, of which JumpCloud may mask parts. */
export function channelsOf(feed: string, channels: readonly WebhookChannel[]): readonly WebhookChannel[] {
  return channels.filter(({ url }) => url.endsWith(`/webhook/jumpcloud/${encodeURIComponent(feed)}`));
}

/** What the last answer that JumpCloud got says is wrong; undefined: nothing. */
export function channelProblem({ name, lastStatus, lastAt }: WebhookChannel): string | undefined {
  if (lastStatus === undefined || lastStatus === 0 || (lastStatus >= 200 && lastStatus < 300)) return undefined;
  const when = lastAt === undefined ? '' : ` at ${lastAt}`;
  if (lastStatus === 401)
    return `the last answer JumpCloud got through channel ${name} was 401${when}: its secret is wrong`;
  return `the last answer JumpCloud got through channel ${name} was ${lastStatus}${when}`;
}
