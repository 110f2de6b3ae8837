import { floorToSecond, parseInstant } from '../../mappings/instant.js';
import { CollectorError } from '../errors.js';
import type { Range } from '../position/time-range.js';

/** The range of `--from` and `--to`. @throws CollectorError USAGE */
export function rangeOf({ from, to }: { from: string; to: string }): Range {
  const range = { from: secondOf('from', from), to: secondOf('to', to) };
  if (range.from >= range.to) {
    throw new CollectorError('USAGE', `--from ${from} is not before --to ${to}.`, {
      cure: 'Swap them, or widen the range.',
    });
  }
  return range;
}

function secondOf(flag: string, text: string): number {
  const instant = parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (instant === undefined) {
    throw new CollectorError('USAGE', `--${flag} ${text} is neither a date nor an RFC 3339 date-time.`, {
      cure: 'Write it like 2026-08-01 (midnight UTC) or 2026-08-01T12:00:00Z.',
    });
  }
  return floorToSecond(instant);
}
