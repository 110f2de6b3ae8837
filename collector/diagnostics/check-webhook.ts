import type { FeedConfig } from '../config/feed-config.js';
import type { Client } from '../jumpcloud/client.js';
import { readAlerts, readChannels, readRules } from '../jumpcloud/directory/alerts.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { channelProblem, channelsOf } from '../webhook/channel-problem.js';
import { type Finding, findingOf } from './finding.js';

const HOUR_MS = 3_600_000;

/** What JumpCloud says of the webhook channel, of the rules behind it, and of the list of alerts. */
export async function checkWebhook(
  { name: feed, webhook }: FeedConfig,
  { directory, clock }: Pick<Client, 'directory' | 'clock'>,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (!webhook.enabled) return [];
  if (directory === undefined) {
    const message = 'no console belongs to this base URL: nobody tells which webhooks were lost';
    return [
      { feed, part: 'webhook', verdict: 'warning', message, cure: 'Set jumpcloud.region or jumpcloud.consoleUrl.' },
    ];
  }
  return [
    ...(await checkChannels(feed, directory, signal)),
    ...(await asWarning(feed, 'healthmonitoring.alerts.readonly', async () => {
      await readAlerts(directory, clock.serverNow() - HOUR_MS, signal);
      return [{ feed, part: 'alerts', verdict: 'ok', message: 'the list of alerts can be read' }];
    })),
  ];
}

function checkChannels(feed: string, directory: AskDirectory, signal: AbortSignal): Promise<Finding[]> {
  return asWarning(feed, 'notifications.channels.readonly and healthmonitoring.rules.readonly', async () => {
    const own = channelsOf(feed, await readChannels(directory, signal));
    if (own.length === 0) {
      const message = 'JumpCloud has no webhook channel whose URL ends with that of this feed';
      const cure =
        'Run `jumpcloud-ocsf webhook token` for what to enter where; a URL that JumpCloud masks is not told.';
      return [{ feed, part: 'webhook', verdict: 'warning', message, cure }];
    }
    const rules = (await readRules(directory, signal)).filter(isEnabled).map((rule) => JSON.stringify(rule));
    return own.flatMap((channel): Finding[] => {
      const problem = channelProblem(channel);
      const isUsed = rules.some((rule) => rule.includes(`"${channel.id}"`));
      const share =
        channel.successPercentage === undefined
          ? ''
          : `, ${Math.round(channel.successPercentage)} % of ${channel.totalRequests ?? 'its'} requests succeeded`;
      return [
        problem === undefined
          ? { feed, part: 'webhook', verdict: 'ok', message: `JumpCloud has the channel ${channel.name}${share}` }
          : { feed, part: 'webhook', verdict: 'warning', message: problem, cure: cureOf(channel.lastStatus) },
        ...(isUsed
          ? []
          : [
              {
                ...{ feed, part: 'webhook', verdict: 'warning' as const },
                message: `the channel ${channel.name} is attached to no enabled rule`,
                cure: 'Choose it in the Insights Rules whose alerts are to come here.',
              },
            ]),
      ];
    });
  });
}

function isEnabled({ enabled, status }: Readonly<Record<string, unknown>>): boolean {
  return enabled !== false && !(typeof status === 'string' && /DISABLED|INACTIVE/i.test(status));
}

function cureOf(status: number | undefined): string {
  return status === 401
    ? 'Enter the secret of `jumpcloud-ocsf webhook token` in the channel (--rotate makes another), and press Test Webhook.'
    : 'See the log of the receiver at that time, and what stands between JumpCloud and it.';
}

/** Nothing of this keeps a feed from collecting: what JumpCloud refuses is a warning. */
async function asWarning(feed: string, scope: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    const { code: _code, ...found } = findingOf(error, feed, 'webhook');
    if (found.detail !== '403') return [{ ...found, verdict: 'warning' }];
    const cure = `Give the administrator or service account a role with ${scope}; without it a webhook that is lost is not found.`;
    return [{ ...found, verdict: 'warning', cure }];
  }
}
