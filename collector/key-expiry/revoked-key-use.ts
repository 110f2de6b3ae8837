import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { OldKeyTrigger } from '../../mappings/key-warning.js';
import { mapper } from '../version.js';

/** JumpCloud's event type for the use of a key that a newer one has replaced (jumpcloud/README.md 2.4). */
const OLD_KEY_ATTEMPT = 'admin_old_api_key_attempt';

/**
 * Uses of a revoked key by a program with this collector's user agent among what a commit delivers: one trigger for
 * those dated before the key in use was first used here (this feed's own, during the rotation, as a rule), one for those
 * after it (a collector that was forgotten).
 * @param since epoch milliseconds of the present key's first use
 */
export function readOldKeyAttempts(events: readonly NormalisedEvent[], since: number): OldKeyTrigger[] {
  const ours = events.filter(({ eventCode, text }) => eventCode === OLD_KEY_ATTEMPT && namesUs(JSON.parse(text)));
  return (['before', 'after'] as const).flatMap((when) => {
    const attempts = ours.filter(({ time }) => time <= since === (when === 'before'));
    const latest = attempts.reduce<NormalisedEvent | undefined>(
      (newest, attempt) => (newest === undefined || attempt.time >= newest.time ? attempt : newest),
      undefined,
    );
    if (latest === undefined) return [];
    const { src_endpoint: source } = JSON.parse(latest.text) as { src_endpoint?: { ip?: string } };
    return [{ kind: 'old_key', when, latest: latest.time, ip: source?.ip }];
  });
}

/** JumpCloud sends the user agent as text or taken apart: either holds the program's name. */
function namesUs(event: JsonValue): boolean {
  if (!isObject(event)) return false;
  const unmapped = isObject(event.unmapped) ? event.unmapped : {};
  return JSON.stringify([event.http_request, unmapped.useragent, unmapped.user_agent])
    .toLowerCase()
    .includes(mapper.name);
}
