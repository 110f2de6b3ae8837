import { floorToSecond, formatSecond, instantOfSecond } from '../../mappings/instant.js';
import { type ClockReading, earlierOf, laterOf } from '../clock.js';
import type { Cursor, InsightsPosition, ServicePosition } from './cursor.js';

/** How far a position may lie beyond a clock: what clocks that are in order differ by. */
const TOLERANCE_SECONDS = 5 * 60;
/** Its slot in the cursor's extensions. */
const KEY = 'steppedBack';

/** A stored position that lay beyond everything delivered and both clocks: kept until what it passed over was compared. */
export interface SteppedBack {
  /** RFC 3339: the position that was found. */
  readonly from: string;
  /** RFC 3339: where the lane reads again from. */
  readonly to: string;
  /** RFC 3339, by the local clock. */
  readonly since: string;
}

/** What a lane's position may be by now. Whole seconds. */
interface Limits {
  /** Beyond this no position that was made in order can lie. */
  readonly ceiling: number;
  /** The newest record delivered; where a confirmed clock shows even that to lie ahead, the clock's second. */
  readonly newest: number;
  /** Where a first run would start now. */
  readonly start: number;
}

/**
 * Whether a position may be damaged: JumpCloud's time is then worth asking for.
 * @param now whole second that the local clock has passed, or at which a first run would start
 */
export function isSuspicious(position: InsightsPosition, now: number): boolean {
  return secondsIn(position).some((second) => second > now + TOLERANCE_SECONDS);
}

/**
 * The position of a lane whose stored one is damaged: one beyond the newest record delivered and beyond the earlier of
 * both clocks, such as a wrong clock leaves behind. It goes back to the newest record less the overlap; the sink is asked
 * what it holds from there on. While JumpCloud's time is known and not confirmed nothing is judged: the local clock alone
 * might be the wrong one, and lead to before what the sink can still find.
 * @param start whole second at which a first run at this whole second would start
 * @param overlap seconds
 * @returns undefined while all is in order
 */
export function stepBack(
  position: InsightsPosition,
  clocks: ClockReading,
  start: (now: number) => number,
  overlap: number,
): { readonly position: InsightsPosition; readonly steppedBack: SteppedBack } | undefined {
  if (clocks.server !== undefined && !clocks.confirmed) return undefined;
  const { ceiling, newest, start: begin } = limitsOf(position, clocks, start);
  const isBeyond = (second: number) => second > ceiling;
  const found = secondsIn(position).filter(isBeyond);
  if (found.length === 0) return undefined;
  // An origin decides which lane owns a record. One that no clock has reached owns nothing yet.
  const sound = (second: number) => (isBeyond(second) ? begin : second);
  const ownedFrom = sound(position.ownedFrom);
  const ownedFromByService = mapValues(position.ownedFromByService, sound);
  const back = (service: string, place: ServicePosition): ServicePosition => {
    const target = Math.max(newest - overlap, ownedFromByService[service] ?? ownedFrom);
    if (place.watermark <= target) return place;
    // What lies before the old position is no longer in the dedupe set.
    return { ...place, watermark: target, dedupeFrom: Math.max(place.dedupeFrom, place.watermark) };
  };
  const { watermark, maxEventTime } = position;
  const common = position.services.map((name) => [name, { watermark, dedupeFrom: watermark, active: true }] as const);
  const places: Record<string, ServicePosition> = Object.fromEntries([
    ...common,
    ...Object.entries(position.perService),
  ]);
  const to = Math.max(Math.min(newest - overlap, watermark), ownedFrom);
  return {
    position: {
      ...position,
      ownedFrom,
      ownedFromByService,
      watermark: to,
      maxEventTime: isBeyond(floorToSecond(maxEventTime)) ? instantOfSecond(newest) : maxEventTime,
      services: [],
      perService: Object.fromEntries(Object.entries(places).map(([name, place]) => [name, back(name, place)])),
    },
    steppedBack: {
      from: formatSecond(Math.max(...found)),
      to: formatSecond(to),
      since: new Date(clocks.local).toISOString(),
    },
  };
}

/** What is kept of a position that was stepped back; undefined where it was compared since, or never was. */
export function steppedBackIn({ extensions }: Pick<Cursor, 'extensions'>): SteppedBack | undefined {
  return extensions[KEY] as SteppedBack | undefined;
}

/** The extensions' states with this one in its slot; null takes it out. */
export function keepSteppedBack(
  extensions: Cursor['extensions'],
  steppedBack: SteppedBack | null,
): Cursor['extensions'] {
  const { [KEY]: _, ...rest } = extensions;
  return steppedBack === null ? rest : { ...rest, [KEY]: steppedBack };
}

function limitsOf(position: InsightsPosition, clocks: ClockReading, start: (now: number) => number): Limits {
  const { confirmed, apart } = clocks;
  const passed = Math.floor(earlierOf(clocks) / 1000);
  const begin = start(passed);
  const newest = floorToSecond(position.maxEventTime);
  const future = Math.max(Math.floor(laterOf(clocks) / 1000) + TOLERANCE_SECONDS, begin);
  // Records are believed before the clocks, unless both clocks agree on it.
  const isSound = !confirmed || apart || newest <= future;
  return {
    ceiling: Math.max(passed + TOLERANCE_SECONDS, begin, isSound ? newest : 0),
    newest: isSound ? newest : passed,
    start: begin,
  };
}

/** Everything in a position that a clock may have set. */
function secondsIn({ ownedFrom, maxEventTime, watermark, perService }: InsightsPosition): number[] {
  const places = Object.values(perService).map((place) => place.watermark);
  return [ownedFrom, floorToSecond(maxEventTime), watermark, ...places];
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
