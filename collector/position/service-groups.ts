import { formatSecond } from '../../mappings/instant.js';
import type { CollectorError } from '../errors.js';
import { type Behind, type Cursor, secondOf } from './cursor.js';

/** Services that are searched together because they share a position. */
export interface Group {
  readonly services: readonly string[];
  readonly settled: number;
  /** False for services that are catching up with the lane. */
  readonly main: boolean;
}

/** How long a refused service rests before it is asked again. */
const REFUSED_RETRY_MS = 24 * 3_600_000;

/** The services to poll now, grouped by position: the common group first, then those that catch up or are asked again. */
export function groupsToPoll(cursor: Cursor, selected: readonly string[], now: number): Group[] {
  const groups = new Map<string, string[]>();
  for (const [service, place] of Object.entries(cursor.behind)) {
    if (!selected.includes(service)) continue;
    if (place.refused && secondOf(place.refused.retryAt) * 1000 > now) continue;
    const key = `${place.settled} ${place.refused ? service : ''}`;
    groups.set(key, [...(groups.get(key) ?? []), service]);
  }
  const catchingUp = [...groups.values()].map((services) => groupOf(cursor, services));
  return cursor.services.length === 0 ? catchingUp : [groupOf(cursor, cursor.services), ...catchingUp];
}

/** A group's position as of this cursor. */
export function groupOf(cursor: Cursor, services: readonly string[]): Group {
  const main = services.every((service) => cursor.services.includes(service));
  const settled = main ? cursor.settled : placeOf(cursor, services[0] ?? '').settled;
  return { services: main ? cursor.services : services, settled: secondOf(settled), main };
}

/** A service's place; the common position where it has none of its own. */
export function placeOf(cursor: Cursor, service: string): Behind {
  return cursor.behind[service] ?? { settled: cursor.settled, rememberedFrom: cursor.settled, active: true };
}

/** The position after a group was read up to `settled`, but not to its end. */
export function moved(cursor: Cursor, group: Group, settled: number): Pick<Cursor, 'settled' | 'behind'> {
  if (group.main) return { settled: formatSecond(settled), behind: cursor.behind };
  const behind: Record<string, Behind> = { ...cursor.behind };
  for (const service of group.services) {
    const { rememberedFrom } = placeOf(cursor, service);
    behind[service] = { settled: formatSecond(settled), rememberedFrom, active: true };
  }
  return { settled: cursor.settled, behind };
}

/** The services of a group that has caught up join the common position. */
export function joined(cursor: Cursor, group: Group, settled: number): Pick<Cursor, 'services' | 'behind' | 'settled'> {
  const rest = Object.entries(cursor.behind).filter(([service]) => !group.services.includes(service));
  const common = cursor.services.length === 0 ? settled : Math.min(secondOf(cursor.settled), settled);
  return {
    services: [...cursor.services, ...group.services],
    behind: Object.fromEntries(rest),
    settled: formatSecond(common),
  };
}

/** The position after services were refused: they keep their place and are asked again in a day. */
export function setAside(
  cursor: Cursor,
  group: Group,
  refused: ReadonlyMap<string, CollectorError>,
  now: number,
): Pick<Cursor, 'services' | 'behind'> {
  const behind: Record<string, Behind> = { ...cursor.behind };
  for (const [service, reason] of refused) {
    const place = placeOf(cursor, service);
    behind[service] = {
      settled: formatSecond(group.settled),
      rememberedFrom: group.main ? formatSecond(group.settled) : place.rememberedFrom,
      active: false,
      refused: {
        code: reason.code,
        message: reason.message,
        since: place.refused?.since ?? new Date(now).toISOString(),
        retryAt: new Date(now + REFUSED_RETRY_MS).toISOString(),
      },
    };
  }
  return { behind, services: cursor.services.filter((service) => !refused.has(service)) };
}
