import type { CollectorError } from '../errors.js';
import type { InsightsPosition, ServicePosition } from './cursor.js';

/** Services polled together because they share a watermark. */
export interface ServiceGroup {
  readonly services: readonly string[];
  /** Whole second since the epoch: their next search starts here. */
  readonly watermark: number;
  /** True for the services at the lane's common position; false for those that are catching up with it. */
  readonly isPrimary: boolean;
}

/** How long a refused service rests before it is asked again. */
const REFUSED_RETRY_MS = 24 * 3_600_000;

/** Whether any service would still be polled if these were refused. */
export function staysActive(
  { services, perService }: InsightsPosition,
  refused: Pick<ReadonlyMap<string, unknown>, 'has'>,
): boolean {
  const active = Object.entries(perService).flatMap(([service, place]) => (place.active ? [service] : []));
  return [...services, ...active].some((service) => !refused.has(service));
}

/**
 * The services to poll now, grouped by watermark: the primary group first, then those that catch up or are asked again.
 * Where none is active the refused ones are asked at every poll, so that it shows that nothing is collected.
 * @param now epoch milliseconds
 */
export function groupsToPoll(position: InsightsPosition, selected: readonly string[], now: number): ServiceGroup[] {
  const groups = new Map<string, string[]>();
  const isAnyActive = staysActive(position, new Set());
  for (const [service, place] of Object.entries(position.perService)) {
    if (!selected.includes(service)) continue;
    if (isAnyActive && place.refused && rests(place.refused.retryAt, now)) continue;
    const key = `${place.watermark} ${place.refused?.code ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), service]);
  }
  const catchingUp = [...groups.values()].map((services) => groupOf(position, services));
  return position.services.length === 0 ? catchingUp : [groupOf(position, position.services), ...catchingUp];
}

/** Retried by whole seconds, as it was announced; at once where a clock that was ahead has set it. */
function rests(retryAt: number, now: number): boolean {
  return Math.floor(retryAt / 1000) * 1000 > now && retryAt <= now + 2 * REFUSED_RETRY_MS;
}

/** The group of these services at this position. */
export function groupOf(position: InsightsPosition, services: readonly string[]): ServiceGroup {
  const isPrimary = services.every((service) => position.services.includes(service));
  const watermark = isPrimary ? position.watermark : servicePosition(position, services[0] ?? '').watermark;
  return { services: isPrimary ? position.services : services, watermark, isPrimary };
}

/** A service's position; the common one where it has none of its own. */
export function servicePosition({ perService, watermark }: InsightsPosition, service: string): ServicePosition {
  return perService[service] ?? { watermark, dedupeFrom: watermark, active: true };
}

/** The position after a group was read up to `watermark`, but not to its end. */
export function advanceGroup(position: InsightsPosition, group: ServiceGroup, watermark: number): InsightsPosition {
  if (group.isPrimary) return { ...position, watermark };
  const perService: Record<string, ServicePosition> = { ...position.perService };
  for (const service of group.services) {
    const { dedupeFrom } = servicePosition(position, service);
    perService[service] = { watermark, dedupeFrom, active: true };
  }
  return { ...position, perService };
}

/**
 * The services of a group that has caught up join the common position. That stays where it is: what lies before it is no
 * longer in the dedupe set, and the group has read all that lies behind it.
 */
export function mergeGroup(position: InsightsPosition, group: ServiceGroup, watermark: number): InsightsPosition {
  const rest = Object.entries(position.perService).filter(([service]) => !group.services.includes(service));
  return {
    ...position,
    services: [...position.services, ...group.services],
    perService: Object.fromEntries(rest),
    watermark: position.services.length === 0 ? watermark : position.watermark,
  };
}

/**
 * The position after services were refused: they keep their place and are asked again in a day.
 * @param now epoch milliseconds
 */
export function suspend(
  position: InsightsPosition,
  group: ServiceGroup,
  refused: ReadonlyMap<string, CollectorError>,
  now: number,
): InsightsPosition {
  const perService: Record<string, ServicePosition> = { ...position.perService };
  for (const [service, { code, message }] of refused) {
    const place = servicePosition(position, service);
    perService[service] = {
      watermark: group.watermark,
      dedupeFrom: group.isPrimary ? group.watermark : place.dedupeFrom,
      active: false,
      refused: { code, message, since: place.refused?.since ?? now, retryAt: now + REFUSED_RETRY_MS },
    };
  }
  return { ...position, perService, services: position.services.filter((service) => !refused.has(service)) };
}
