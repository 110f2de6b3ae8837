import type { OcsfTarget } from '../schemas/ocsf-target.js';
import { classification } from './classification.js';
import type { NormalisedEvent } from './event.js';
import { accountTags } from './metadata.js';
import { ownEvent, ownMetadata } from './own-event.js';
import { sha256 } from './record.js';

/** A program with the collector's user agent used a key that a newer one has replaced. */
export interface OldKeyTrigger {
  readonly kind: 'old_key';
  /** Dated before the key in use was first used by this feed, or after. */
  readonly when: 'before' | 'after';
  /** Epoch milliseconds of the latest use. */
  readonly latest: number;
  readonly ip: string | undefined;
}

/** Why a warning is given. */
export type KeyTrigger =
  /** So many days are left, or (0) none. */
  | { readonly kind: 'expires'; readonly threshold: number }
  /** JumpCloud answers 401. RFC 3339. */
  | { readonly kind: 'refused'; readonly since: string }
  | OldKeyTrigger;

/** What a warning says of a key. Instants are epoch milliseconds. */
export interface KeyWarning {
  readonly feed: string;
  readonly organization: string | undefined;
  readonly fingerprint: string;
  readonly lastFour: string;
  /** `API key …abcd` */
  readonly credential: string;
  readonly trigger: KeyTrigger;
  /** True where the key was not warned of before. */
  readonly first: boolean;
  readonly expiresAt: number | undefined;
  /** One clause: `expires in 13 days, on 2026-12-04`. */
  readonly description: string;
  /** How the day is known, and what to do: sentences for people. */
  readonly basis: string;
  readonly cure: string;
  /** What follows where JumpCloud refuses the key: `Nothing is collected`. */
  readonly consequence: string;
  readonly now: number;
  readonly mapper: { readonly name: string; readonly version: string };
  /** As in the feed's other events. */
  readonly accountName?: string | undefined;
}

const CREATE = 1;
const UPDATE = 2;
const NEW = 1;
const IN_PROGRESS = 2;

/**
 * The collector's own event for a key that ends soon, has ended or is used where it should not be, so that the SIEM that
 * reads the stream can raise the alarm.
 *
 * It is a Detection Finding (2004): OCSF's class for what a product found out and wants somebody to act on, with a
 * lifetime of its own (Create, then Update) under one `finding_info.uid` per feed and key. Account Change is no choice: no
 * account has changed yet, and an analyst who counts changes would count a warning.
 */
export function keyWarningEvent(warning: KeyWarning, target: OcsfTarget): NormalisedEvent {
  const { feed, fingerprint, lastFour, trigger, now, mapper } = warning;
  const definition = target.classes.detection_finding;
  const activity = warning.first ? CREATE : UPDATE;
  const status = warning.first ? NEW : IN_PROGRESS;
  const severity = severityOf(trigger);
  const words = describe(warning);
  const event = {
    ...classification(definition, activity),
    severity_id: severity,
    severity: target.captions.severity[severity],
    status_id: status,
    status: definition.statuses[status],
    is_alert: true,
    time: now,
    timezone_offset: 0,
    message: words.message,
    finding_info: {
      uid: sha256(`key\n${feed}\n${fingerprint}`).slice(0, 32),
      title: words.title,
      desc: `${words.message} ${words.more}`,
      types: [trigger.kind === 'old_key' ? 'Use of a revoked credential' : 'Credential expiry'],
    },
    metadata: {
      ...ownMetadata(mapper, target, 'key_life'),
      uid: sha256(`key warning\n${feed}\n${fingerprint}\n${nameOf(warning)}`).slice(0, 32),
      event_code: words.code,
      original_time: new Date(now).toISOString(),
      ...(warning.organization === undefined ? {} : { tenant_uid: warning.organization }),
      ...(warning.accountName === undefined ? {} : { tags: accountTags(warning.accountName) }),
    },
    unmapped: {
      feed,
      key_fingerprint: fingerprint,
      key_last_four: lastFour,
      ...(trigger.kind === 'expires' ? { days: trigger.threshold } : {}),
      ...(trigger.kind === 'old_key' && trigger.ip !== undefined ? { client_ip: trigger.ip } : {}),
      ...(warning.expiresAt === undefined ? {} : { expires_at: new Date(warning.expiresAt).toISOString() }),
    },
  };
  return ownEvent('detection_finding', event, warning.organization ?? feed, target);
}

/** The warning in words, and its code. */
function describe(warning: KeyWarning): { code: string; title: string; message: string; more: string } {
  const { feed, credential, trigger, description, basis, cure } = warning;
  switch (trigger.kind) {
    case 'expires':
      return {
        code: trigger.threshold === 0 ? 'api_key_expired' : 'api_key_expiring',
        title: `JumpCloud ${credential} ${trigger.threshold === 0 ? 'has expired' : 'expires soon'}`,
        message: `The JumpCloud ${credential} of feed ${feed} ${description}.`,
        more: `${basis} ${cure}`,
      };
    case 'refused':
      return {
        code: 'api_key_refused',
        title: `JumpCloud refuses ${credential}`,
        message: `JumpCloud refuses the ${credential} of feed ${feed}: it was revoked or has expired. ${warning.consequence} until it is replaced.`,
        more: `By what is known it ${description}. ${cure}`,
      };
    case 'old_key':
      return {
        code: 'api_old_key_used',
        title: 'A revoked JumpCloud API key is used by a collector',
        message: describeOldKey(trigger),
        more: `Feed ${feed} itself uses the ${credential}, which ${description}.`,
      };
  }
}

/** One sentence for log and stream. */
export function describeOldKey({ when, latest, ip }: OldKeyTrigger): string {
  const at = `${new Date(latest).toISOString()}${ip === undefined ? '' : ` from ${ip}`}`;
  return when === 'before'
    ? `JumpCloud recorded the use of a revoked API key by a collector of this kind at ${at}, before this feed used its present key: probably its own requests during the rotation.`
    : `JumpCloud recorded the use of a revoked API key by a collector of this kind at ${at}, after this feed took up its present key: another collector still has the old one.`;
}

/** What makes a warning's uid: a repetition of the commit gives the same. */
function nameOf({ trigger, expiresAt, now }: KeyWarning): string {
  switch (trigger.kind) {
    case 'expires':
      // By a clock that was ahead it may have been given before.
      return `${trigger.threshold} ${dayOf(expiresAt ?? 0)} ${dayOf(now)}`;
    case 'refused':
      return `refused ${trigger.since.slice(0, 10)}`;
    case 'old_key':
      return `old key ${trigger.when}`;
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** OCSF's `severity_id`: 2 Low to 5 Critical. */
function severityOf(trigger: KeyTrigger): number {
  if (trigger.kind === 'refused') return 5;
  if (trigger.kind === 'old_key') return trigger.when === 'before' ? 2 : 4;
  if (trigger.threshold === 0) return 5;
  if (trigger.threshold <= 3) return 4;
  return trigger.threshold <= 14 ? 3 : 2;
}
