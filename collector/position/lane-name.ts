import type { Range } from './time-range.js';

/** The lane that polls. */
export const LIVE_LANE = 'live';
/** The lane that delivers dead letters which map by now: one per feed, with a lock and a position of its own. */
export const REPLAY_LANE = 'replay';
/** The lane that delivers what JumpCloud's webhook channel sends and what its list of alerts shows. */
export const WEBHOOK_LANE = 'webhook';

/** The lane that delivers what the directory holds. */
export const INVENTORY_LANE = 'inventory';

/** The lane that delivers the journal of response. */
export const RESPONSE_LANE = 'response';

/** Whether a lane is the one that polls. */
export function isLive(lane: string): boolean {
  return lane === LIVE_LANE;
}

/** Lane names in the order in which they are shown: `live` first, then by name. */
export function sortLanes(lanes: Iterable<string>): string[] {
  return [...lanes].sort((a, b) => Number(b === LIVE_LANE) - Number(a === LIVE_LANE) || (a < b ? -1 : 1));
}

const BACKFILL = /^backfill\/(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)(?:_[a-z]+)*$/;

/**
 * `backfill/20260801T000000Z_20260901T000000Z`: the lane that fills a range.
 * @param types where they are not those of the feed: part of the name, `…_login_admin`
 */
export function backfillLane({ from, to }: Range, types: readonly string[] = []): string {
  return [`backfill/${compact(from)}`, compact(to), ...types].join('_');
}

/** The range of a backfill lane; undefined for any other lane. */
export function backfillRange(lane: string): Range | undefined {
  const found = BACKFILL.exec(lane);
  return found ? { from: expand(found[1]!), to: expand(found[2]!) } : undefined;
}

function compact(second: number): string {
  return new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '');
}

function expand(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
}
