import { describeErrors, eventValidators } from '../schemas/validators.js';
import type { NormalisedEvent } from './event.js';
import { ocsfVersion } from './ocsf.js';
import { sha256 } from './record.js';

/** What a warning says of a key. Instants are epoch milliseconds. */
export interface KeyWarning {
  readonly feed: string;
  readonly organization: string | undefined;
  readonly fingerprint: string;
  readonly lastFour: string;
  /** Days left at which this warning is due; 0: the key has expired. */
  readonly threshold: number;
  /** True where the key was not warned of before. */
  readonly first: boolean;
  readonly expiresAt: number | undefined;
  /** One clause: `expires in 13 days, on 2026-12-04`. */
  readonly description: string;
  /** How the day is known, and what to do: sentences for people. */
  readonly basis: string;
  readonly cure: string;
  readonly now: number;
  readonly mapper: { readonly name: string; readonly version: string };
}

const SEVERITIES = { 2: 'Low', 3: 'Medium', 4: 'High', 5: 'Critical' } as const;

/**
 * The collector's own event for a key that ends soon, so that the SIEM that reads the stream can raise the alarm.
 *
 * It is a Detection Finding (2004): OCSF's class for what a product found out and wants somebody to act on, with a
 * lifetime of its own (Create, then Update) under one `finding_info.uid` a key. Account Change is no choice: no account
 * has changed yet, and an analyst who counts changes would count a warning.
 */
export function keyWarningEvent(warning: KeyWarning): NormalisedEvent {
  const { feed, fingerprint, lastFour, threshold, now, mapper } = warning;
  const uid = sha256(`key warning\n${fingerprint}\n${threshold}`).slice(0, 32);
  const activity = warning.first ? ({ id: 1, name: 'Create' } as const) : ({ id: 2, name: 'Update' } as const);
  const severity = severityOf(threshold);
  const subject = `The JumpCloud API key …${lastFour} of feed ${feed}`;
  const message = `${subject} ${warning.description}.`;
  const event = {
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2004,
    class_name: 'Detection Finding',
    type_uid: 200400 + activity.id,
    type_name: `Detection Finding: ${activity.name}`,
    severity_id: severity,
    severity: SEVERITIES[severity],
    status_id: warning.first ? 1 : 2,
    status: warning.first ? 'New' : 'In Progress',
    is_alert: true,
    time: now,
    timezone_offset: 0,
    message,
    finding_info: {
      uid: sha256(`key\n${fingerprint}`).slice(0, 32),
      title: `JumpCloud API key …${lastFour} ${threshold === 0 ? 'has expired' : 'expires soon'}`,
      desc: `${message} ${warning.basis} ${warning.cure}`,
      types: ['Credential expiry'],
    },
    metadata: {
      uid,
      version: ocsfVersion,
      event_code: threshold === 0 ? 'api_key_expired' : 'api_key_expiring',
      log_name: 'key_life',
      log_source: mapper.name,
      log_provider: mapper.name,
      product: { name: mapper.name, vendor_name: mapper.name, version: mapper.version },
      original_time: new Date(now).toISOString(),
      ...(warning.organization === undefined ? {} : { tenant_uid: warning.organization }),
    },
    unmapped: {
      feed,
      key_fingerprint: fingerprint,
      key_last_four: lastFour,
      days: threshold,
      ...(warning.expiresAt === undefined ? {} : { expires_at: new Date(warning.expiresAt).toISOString() }),
    },
  };
  if (!eventValidators[2004](event)) {
    throw new Error(`the key warning is no valid event: ${describeErrors(eventValidators[2004]).join('; ')}`);
  }
  return {
    uid,
    classUid: 2004,
    typeUid: event.type_uid,
    time: now,
    eventCode: event.metadata.event_code,
    partitionKey: warning.organization ?? feed,
    text: JSON.stringify(event),
  };
}

function severityOf(threshold: number): keyof typeof SEVERITIES {
  if (threshold === 0) return 5;
  if (threshold <= 3) return 4;
  return threshold <= 14 ? 3 : 2;
}
