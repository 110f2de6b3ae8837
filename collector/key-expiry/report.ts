import { serverTime } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import type { Client } from '../jumpcloud/client.js';
import { firstPage } from '../jumpcloud/insights/probe.js';
import type { Cursor } from '../position/cursor.js';
import { type CredentialKind, nameCredential } from './lifetime.js';
import { type KeyExpiryMonitor, type KeyView, viewKey } from './monitor.js';

/** One feed's key as `key` reports it. */
export interface KeyReport extends KeyView {
  readonly feed: string;
  readonly kind: CredentialKind;
  /** The variable or the file it was read from. */
  readonly where: string;
  readonly header: { readonly configured: string; readonly used: string | null };
  readonly firstSeenAt: string | null;
  /** Whether JumpCloud takes it now; null: it could not be asked. */
  readonly accepted: boolean | null;
  /** What JumpCloud, or the way to it, answered otherwise. */
  readonly failure: { readonly code: string; readonly message: string; readonly cure: string } | null;
  readonly organization: string | null;
  /** The day that the configuration declares is that of another key. */
  readonly declaredOfAnother: boolean;
}

/** Asks JumpCloud whether it takes the key and how long it lives, and puts it together with what is remembered. */
export async function reportKey(
  config: FeedConfig,
  services: readonly string[],
  client: Client,
  guard: KeyExpiryMonitor,
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<{ report: KeyReport; failure: CollectorError | undefined }> {
  client.credential.restore(cursor?.extensions.authorization);
  guard.restore(cursor?.extensions.keys);
  const failure = await tryKey(client, services, signal);
  if (failure?.code === 'CREDENTIAL_MISSING') throw failure;
  const life = await client.keyLife(signal);
  if (life.kind === 'known') guard.setReportedLifetime(life);
  const status = guard.status();
  if (status === undefined) throw failure ?? new Error('the key was asked with but is not known');
  const { configured, used, where } = client.credential.state;
  const view = viewKey(status, client.clock.serverNow());
  const firstSeen = guard.firstSeen();
  const report: KeyReport = {
    feed: config.name,
    kind: status.kind,
    ...view,
    description: `${nameCredential(status)} ${view.description}`,
    where,
    header: { configured, used: used ?? null },
    firstSeenAt: firstSeen === undefined ? null : new Date(firstSeen).toISOString(),
    accepted: failure === undefined ? true : failure.code === 'CREDENTIAL_REFUSED' ? false : null,
    failure: failure === undefined ? null : { code: failure.code, message: failure.message, cure: failure.cure },
    organization: cursor?.organization ?? null,
    declaredOfAnother: status.declaredOfAnother,
  };
  return { report, failure };
}

async function tryKey(
  client: Client,
  services: readonly string[],
  signal: AbortSignal,
): Promise<CollectorError | undefined> {
  try {
    await firstPage(client, services, { start: Math.floor(serverTime(client.clock.reading()) / 1000) - 3600 }, signal);
    return undefined;
  } catch (error) {
    return asCollectorError(error);
  }
}

/** The report for people. */
export function describeKey(report: KeyReport): string {
  const { header } = report;
  const answer =
    report.failure === null
      ? `JumpCloud takes it as ${header.used}${header.used === header.configured ? '' : ` (configured: ${header.configured})`}`
      : report.failure.message;
  const day = (at: string | null) => at?.slice(0, 10) ?? 'unknown';
  const lines = [
    `feed         ${report.feed}${report.organization === null ? '' : ` (organization ${report.organization})`}`,
    `${report.kind === 'key' ? 'key   ' : 'secret'}       …${report.lastFour}, from ${report.where}`,
    `in use       ${answer}`,
    `created      ${day(report.createdAt)}`,
    `first used   ${report.firstSeenAt === null ? 'not yet' : day(report.firstSeenAt)}`,
    `expires      ${report.expiresAt === null ? 'never' : `${day(report.expiresAt)}${report.certain ? '' : ' at the latest; it may be sooner'}`}`,
    `days left    ${report.daysLeft ?? 'no end'}`,
    `known how    ${report.basis}`,
    ...(report.declaredOfAnother
      ? ['             jumpcloud.keyCreated or keyExpires is that of the key before: set it to the day of this one.']
      : []),
    `to replace   ${report.rotation}`,
  ];
  return `${lines.join('\n')}\n`;
}
