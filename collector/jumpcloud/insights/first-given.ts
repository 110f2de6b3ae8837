import { SECONDS_PER_DAY } from '../../../mappings/time-units.js';
import type { CollectorError } from '../../errors.js';
import { refusalOf } from './probe.js';
import type { Source } from './source.js';

/**
 * The first second of a range, by whole days, at which JumpCloud does not refuse a search as too old.
 * @param range whole seconds since the epoch, `to` exclusive
 * @returns undefined where it refuses nothing
 * @throws CollectorError the refusal where even the range's last day is refused; any other failure
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
  let refused = Math.floor(from / SECONDS_PER_DAY);
  let given = Math.floor((to - 1) / SECONDS_PER_DAY);
  if (given <= refused || (await refusalAt(given * SECONDS_PER_DAY)) !== undefined) throw refusal;
  while (given - refused > 1) {
    const middle = Math.floor((refused + given) / 2);
    if ((await refusalAt(middle * SECONDS_PER_DAY)) === undefined) given = middle;
    else refused = middle;
  }
  return given * SECONDS_PER_DAY;
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
