import { sendNotices } from '../../fixtures/tenant/alerts/sender.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { CollectorError } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';

/** Where the simulated channel sends, and how often. */
export interface WebhookTarget {
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token: string | undefined;
  /** Alerts per minute. */
  readonly perMinute: number;
}

/**
 * Raises alerts and sends them to a receiver as JumpCloud's channel does, until the signal aborts: with retries, repeats
 * and notices out of order. The list of alerts shows the same.
 * @param write is called with one line per alert
 */
export async function fireWebhooks(
  { alerts }: Tenant,
  { url, token, perMinute }: WebhookTarget,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || !(perMinute > 0))
    throw new CollectorError('USAGE', '--webhook needs an http address, and --per-minute a number above 0.', {
      cure: 'Write --webhook http://127.0.0.1:9466/webhook/jumpcloud/FEED.',
    });
  const [channel] = alerts.channels;
  channel!.url = url;
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (let round = 0; !signal.aborted; round += 1) {
    const from = alerts.notices.length;
    alerts.raise();
    const raised = alerts.alerts.at(-1)!;
    if (round % 3 === 1) alerts.occur(raised);
    if (round % 4 === 2) alerts.setStatus(raised, 'ALERT_STATUS_ACKNOWLEDGED');
    if (round % 5 === 3) alerts.setStatus(raised, 'ALERT_STATUS_RESOLVED');
    const sent = await sendNotices(alerts.notices.slice(from), {
      ...{ url, headers, seed: round, duplicates: 0.1, reorder: 2, ...(channel === undefined ? {} : { channel }) },
    });
    for (const { notice, statuses } of sent)
      write(`${notice.alert.objectId} ${notice.status} ${notice.occurrence}: ${statuses.join(' ')}`);
    await systemTiming.sleep(60_000 / perMinute, signal);
  }
}
