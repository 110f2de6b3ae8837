import type { Client } from '../jumpcloud/client.js';
import { describeBasis, describeLife, nameCredential, WARNING_DAYS } from '../key-expiry/lifetime.js';
import type { KeyExpiryMonitor, KeyStatus } from '../key-expiry/monitor.js';
import type { Finding } from './finding.js';

/** How long the key lives, as the guard knows it. */
export function checkKey(guard: KeyExpiryMonitor, client: Client, feed: string): Finding[] {
  const status = guard.status();
  if (status === undefined) return [];
  const { life, daysLeft } = status;
  const message = `${nameCredential(status)} ${describeLife(life, client.clock.serverNow())}. ${describeBasis(life)}`;
  const soon = daysLeft !== undefined && daysLeft <= WARNING_DAYS[0];
  const finding: Finding = soon
    ? { feed, part: 'key', verdict: 'warning', message, cure: status.rotation }
    : { feed, part: 'key', verdict: 'ok', message };
  return [finding, ...declaredOfAnother(status, feed)];
}

function declaredOfAnother(status: KeyStatus, feed: string): Finding[] {
  if (!status.declaredOfAnother) return [];
  const message =
    'jumpcloud.keyCreated or jumpcloud.keyExpires is that of the key before, and is not used for this one';
  return [{ feed, part: 'key', verdict: 'warning', message, cure: 'Set it to the day of the present key.' }];
}
