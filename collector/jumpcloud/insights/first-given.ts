import { SECONDS_PER_MINUTE } from '../../../mappings/time-units.js';
import type { CollectorError } from '../../errors.js';
import { refusalOf } from './probe.js';
import type { Source } from './source.js';

/** What JumpCloud gives ends a fixed time ago: by when the search begins it has moved on. */
const SLACK_MINUTES = 1;

/**
 * The first whole minute of a range from which on JumpCloud gives records: the first at which it does not refuse a search
 * as too old, and a little more.
 * @param range whole seconds since the epoch, `to` exclusive
 * @returns undefined where it refuses nothing
 * @throws CollectorError the refusal where even the range's last minute is refused; any other failure
 */
export async function firstGiven(
  source: Pick<Source, 'pages'>,
  services: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<number | undefined> {
  const refusalAt = (start: number) => tooOld(source, services, { start, end: Math.min(start + 60, to) }, signal);
  const refusal = await refusalAt(from);
  if (refusal === undefined) return undefined;
  let refused = Math.floor(from / SECONDS_PER_MINUTE);
  let given = Math.floor((to - 1) / SECONDS_PER_MINUTE);
  if (given <= refused || (await refusalAt(given * SECONDS_PER_MINUTE)) !== undefined) throw refusal;
  while (given - refused > 1) {
    const middle = Math.floor((refused + given) / 2);
    if ((await refusalAt(middle * SECONDS_PER_MINUTE)) === undefined) given = middle;
    else refused = middle;
  }
  return Math.min((given + SLACK_MINUTES) * SECONDS_PER_MINUTE, to);
}

/** JumpCloud's refusal of a window that may be one of its age; undefined where it answers. @throws CollectorError any other failure */
async function tooOld(
  source: Pick<Source, 'pages'>,
  services: readonly string[],
  window: { readonly start: number; readonly end?: number },
  signal: AbortSignal,
): Promise<CollectorError | undefined> {
  const refusal = await refusalOf(source, services, window, signal);
  if (refusal !== undefined && !refusal.is('maybeTooOld')) throw refusal;
  return refusal;
}
