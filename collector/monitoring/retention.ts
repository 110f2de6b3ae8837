import { MS_PER_DAY } from '../../mappings/time-units.js';
import type { Retention } from './status/supervision.js';

/** JumpCloud keeps records for so long (15 days on the lowest plan, which its answers do not show). */
const KEPT_DAYS = 90;
/** Days left at which a feed that does not poll by itself is warned of. */
const WARN_AT_DAYS = [14, 7, 3, 1, 0] as const;

/** When JumpCloud forgets what follows this moment. Epoch milliseconds. */
export function retentionOf(readUpTo: number, now: number): Retention {
  const deadline = readUpTo + KEPT_DAYS * MS_PER_DAY;
  return {
    readUpTo: new Date(readUpTo).toISOString(),
    deadline: new Date(deadline).toISOString(),
    daysLeft: Math.floor((deadline - now) / MS_PER_DAY),
  };
}

/** The threshold, in days, that is reached and was not warned of; undefined: none. */
export function retentionWarning({ daysLeft }: Retention, warned: number | undefined): number | undefined {
  const reached = WARN_AT_DAYS.filter((days) => daysLeft <= days).at(-1);
  return reached !== undefined && (warned === undefined || reached < warned) ? reached : undefined;
}
