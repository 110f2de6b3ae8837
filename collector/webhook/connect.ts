import type { WebhookAuthentication } from './judge-credential.js';

/** What an administrator enters in JumpCloud's portal so that alerts come here. */
export interface ConnectGuide {
  /** The URL of the channel. */
  readonly url: string;
  /** What to do in JumpCloud, step by step. No secret. */
  readonly steps: readonly string[];
}

/** Where the receiver is reached where nobody has said it: to be replaced by the reader. */
const NO_ADDRESS = 'https://<the address under which JumpCloud reaches receiver.port>';

/**
 * What to paste where.
 * @param address `receiver.url`, without a slash at its end
 */
export function connectGuide(
  feed: string,
  address: string | undefined,
  { kind, user, header }: WebhookAuthentication,
): ConnectGuide {
  const url = `${address ?? NO_ADDRESS}/webhook/jumpcloud/${encodeURIComponent(feed)}`;
  const authorization = {
    token: 'Authentication: Token, and the secret as the token, without a blank before or behind it.',
    basic: `Authentication: Basic, user ${user}, and the secret as the password.`,
    header: `Authentication: None; a custom header ${header} with the secret as its value, masked.`,
  }[kind];
  return {
    url,
    steps: [
      'In the JumpCloud Admin Portal open Settings, Notification Channels, and add a channel of the type Webhook.',
      `URL: ${url}`,
      authorization,
      'Leave SSL verification on.',
      'Press Test Webhook: the answer is {"status":"ok","test":true}.',
      'Save the channel, and choose it in each Insights Rule whose alerts are to come here.',
    ],
  };
}
