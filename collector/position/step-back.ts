import { floorToSecond, formatSecond, parseInstant } from '../../mappings/instant.js';
import { type ClockReading, earlierOf, laterOf } from '../clock.js';
import { type Behind, type Cursor, secondOf } from './cursor.js';

/** How far a position may lie beyond a clock: what clocks that are in order differ by. */
const TOLERANCE = 5 * 60;
/** Name of its place in the cursor's memory. */
const PLACE = 'steppedBack';

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
export function isSuspicious(cursor: Cursor, now: number): boolean {
  const ahead = now + TOLERANCE;
  return [cursor.origin, cursor.newest, ...positionsOf(cursor)].some((position) => secondOf(position) > ahead);
}

/**
 * The position of a lane whose stored one is damaged: one beyond the newest record delivered and beyond the earlier of
 * both clocks, such as a wrong clock leaves behind. It goes back to the newest record less the overlap; the sink is asked
 * what it holds from there on.
 * @param start whole second at which a first run at this whole second would start
 * @param overlap seconds
 * @returns undefined while all is in order
 */
export function stepBack(
  cursor: Cursor,
  clocks: ClockReading,
  start: (now: number) => number,
  overlap: number,
): (Pick<Cursor, 'origin' | 'origins' | 'settled' | 'newest' | 'services' | 'behind'> & SteppedBackBy) | undefined {
  const { ceiling, newest, start: begin } = limitsOf(cursor, clocks, start);
  const isBeyond = (position: string) => secondOf(position) > ceiling;
  const found = [cursor.origin, cursor.newest, ...positionsOf(cursor)].filter(isBeyond);
  if (found.length === 0) return undefined;
  // An origin decides which lane owns a record. One that no clock has reached owns nothing yet.
  const sound = (origin: string) => (isBeyond(origin) ? formatSecond(begin) : origin);
  const origin = sound(cursor.origin);
  const origins = mapValues(cursor.origins, sound);
  const back = (service: string, { settled, rememberedFrom, ...rest }: Behind): Behind => {
    const target = Math.max(newest - overlap, secondOf(origins[service] ?? origin));
    if (secondOf(settled) <= target) return { settled, rememberedFrom, ...rest };
    // What lies before the old position is remembered no longer.
    return { ...rest, settled: formatSecond(target), rememberedFrom: later(rememberedFrom, settled) };
  };
  const { settled } = cursor;
  const main = cursor.services.map((name) => [name, { settled, rememberedFrom: settled, active: true }] as const);
  const places: Record<string, Behind> = Object.fromEntries([...main, ...Object.entries(cursor.behind)]);
  const behind = Object.fromEntries(Object.entries(places).map(([name, place]) => [name, back(name, place)]));
  const to = formatSecond(Math.max(Math.min(newest - overlap, secondOf(settled)), secondOf(origin)));
  return {
    origin,
    origins,
    newest: isBeyond(cursor.newest) ? formatSecond(newest) : cursor.newest,
    settled: to,
    services: [],
    behind,
    steppedBack: { from: found.reduce(later), to, since: new Date(clocks.local).toISOString() },
  };
}

interface SteppedBackBy {
  readonly steppedBack: SteppedBack;
}

/** What is remembered of a position that was stepped back; undefined where it was compared since, or never was. */
export function steppedBackIn(cursor: Cursor): SteppedBack | undefined {
  const value = cursor.memory[PLACE];
  return typeof value === 'object' && value !== null ? (value as SteppedBack) : undefined;
}

/** The form in which it is stored with the position, under its own name; undefined takes it out. */
export function inMemory(steppedBack: SteppedBack | undefined): Readonly<Record<string, unknown>> {
  return { [PLACE]: steppedBack };
}

function limitsOf(cursor: Cursor, clocks: ClockReading, start: (now: number) => number): Limits {
  // A time that is not confirmed accuses nothing: until then the local clock alone does.
  const { confirmed, apart, local } = clocks;
  const passed = Math.floor((confirmed ? earlierOf(clocks) : local) / 1000);
  const begin = start(passed);
  const newest = floorToSecond(parseInstant(cursor.newest) ?? 0n);
  const future = Math.max(Math.floor(laterOf(clocks) / 1000) + TOLERANCE, begin);
  // Records are believed before the clocks, unless both clocks agree on it.
  const isSound = !confirmed || apart || newest <= future;
  return {
    ceiling: Math.max(passed + TOLERANCE, begin, isSound ? newest : 0),
    newest: isSound ? newest : passed,
    start: begin,
  };
}

function positionsOf({ settled, behind }: Cursor): string[] {
  return [settled, ...Object.values(behind).map((place) => place.settled)];
}

function later(a: string, b: string): string {
  return secondOf(a) > secondOf(b) ? a : b;
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
