import type { DeadLetter, DeadLetterReason } from '../dead-letter.js';
import { withShortMembers } from '../dead-letter.js';
import type { JsonValue } from '../json.js';
import { sha256 } from '../record.js';
import { redactText } from '../redact.js';

/** In place of a service, for bodies that a webhook brought: `dead-letters list` shows it. */
export const WEBHOOK_SERVICE = 'webhook';

/** A body that could not become a finding. */
export interface UnmappedBody {
  readonly reason: Extract<DeadLetterReason, 'unknown_shape' | 'wrong_organization'>;
  readonly message: string;
  readonly details: readonly string[];
  readonly text: string;
  /** Undefined where the text is no JSON that can be read. */
  readonly value: JsonValue | undefined;
  readonly organization: string | undefined;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

/**
 * The name of a body in which no alert is known: of its canonical JSON, so that a repeat of it is one even where the sender
 * orders members otherwise.
 */
export function bodyUid(organization: string, text: string, value: JsonValue | undefined): string {
  const canonical = value === undefined ? text : JSON.stringify(sorted(value));
  return sha256(`webhook|${organization}|${canonical}`).slice(0, 32);
}

/** A body kept raw but for its secrets, until a newer mapping knows it. */
export function keptBody(uid: string, body: UnmappedBody): DeadLetter {
  const text = body.text.toWellFormed();
  const raw = redactText({ text, value: body.value ?? text, depth: 0 }).text;
  const type = typeof body.value === 'object' && body.value !== null && 'type' in body.value ? body.value.type : '';
  return withShortMembers({
    uid,
    reason: body.reason,
    message: body.message,
    details: body.details,
    service: WEBHOOK_SERVICE,
    event_type: typeof type === 'string' ? type.toWellFormed() : '',
    ...(body.organization === undefined ? {} : { organization: body.organization.toWellFormed() }),
    fetched_at: body.receivedAt,
    raw,
    raw_size: Buffer.byteLength(raw),
    raw_sha256: sha256(raw),
  });
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]));
}
