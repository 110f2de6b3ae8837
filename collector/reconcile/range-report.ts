import { classify } from '../../mappings/catalogue/index-by-type.js';
import { formatSecond, type Instant, instantOfSecond } from '../../mappings/instant.js';
import { normalise } from '../../mappings/normalise.js';
import type { ReceivedRecord, RecordHeader } from '../../mappings/record.js';
import { SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import { CollectorError } from '../errors.js';
import { emptyBatch } from '../pipeline/batch-builder.js';
import type { FeedDependencies, FeedSettings } from '../pipeline/dependencies.js';
import { Lane } from '../pipeline/lane.js';
import { refuseForeignState } from '../pipeline/organization-guard.js';
import { countedService, UNNAMED } from '../pipeline/outcome-counts.js';
import { identitiesBefore } from '../pipeline/timeless-records.js';
import { type Cursor, serviceOwnedFrom } from '../position/cursor.js';
import { type EventType, inOrder, sameTypes, typesRead } from '../position/event-families.js';
import { backfillRange, isLive } from '../position/lane-name.js';
import { deliveredAmong, Identities } from '../position/record-identity.js';
import { type Range, type TypedRange, unread } from '../position/time-range.js';
import { slices } from '../position/window.js';
import type { Sink } from '../sinks/sink.js';
import { compare, type Have } from './compare.js';
import { LedgerExtension, withRows } from './hourly-ledger.js';
import { reread } from './reread.js';
import { Counter, CountRefused } from './source-count.js';

/** One service in one hour, delivered against what JumpCloud has. */
export interface HourFigures {
  /** The query's `service` value; `(none)` for records that name none. */
  readonly service: string;
  /** RFC 3339: the hour's start. */
  readonly hour: string;
  /** JumpCloud's own count; undefined where it gives none. */
  readonly count: number | undefined;
  /** Records that JumpCloud shows and the sink holds, as events, as dead letters, and kept raw. */
  readonly delivered: number;
  readonly deadLetters: number;
  readonly raw: number;
  /** Records of event types that the feed does not collect. */
  readonly notSelected: number;
  /** What JumpCloud counts beyond the records it shows, each taken once: duplicates, or a count that lags (negative). */
  readonly explained: number;
  /** Records that JumpCloud shows and the sink does not hold. */
  readonly missing: number;
  /** Of these, delivered by the repair. */
  readonly repaired: number;
}

/** What the comparison of a range came to. */
export interface RangeReport {
  readonly from: number;
  readonly to: number;
  readonly hours: readonly HourFigures[];
  readonly notes: readonly string[];
  /** `unknown`: of (part of) the range the sink cannot tell what it held, or nothing was ever collected; the notes say which. */
  readonly verdict: 'equal' | 'explained' | 'different' | 'unknown';
}

export interface ReconcileRangeOptions {
  /** Deliver what is missing, in the lane that owns it. */
  readonly repair: boolean;
  readonly signal: AbortSignal;
  readonly onHour?: (hour: number) => void;
  /** Has the process that runs the live lane repair a range, and waits for it. Absent: nobody can be asked. */
  readonly ask?: (range: Range, inUse: CollectorError) => Promise<void>;
}

/** A part of the range that one lane has collected: all of the feed's event types, or those of a backfill. */
interface Owned extends TypedRange<EventType> {
  readonly lane: string;
  readonly cursor: Cursor;
}

/** A part of the range of which the sink cannot tell what it held. */
interface Gap extends Range {
  readonly reason: string;
}

interface Figures {
  shown: Set<string>;
  elements: number;
  delivered: number;
  deadLetters: number;
  raw: number;
  notSelected: number;
  missing: number;
  repaired: number;
  count: number | undefined;
}

type Find = NonNullable<Sink['find']>;
/** Held while the sink is asked: comparisons of one feed take turns. */
const COMPARING_LOCK = 'reconcile';

/**
 * Reads a range once more and asks the sink for every record, by identity; JumpCloud's own count stands beside it. The
 * newest overlap is left out: the live lane still reads it.
 * @throws CollectorError LANE_IN_USE with `repair` while the owning lane runs and cannot be asked; what `ask` throws
 */
export async function reconcileRange(
  asked: Range,
  settings: FeedSettings,
  parts: FeedDependencies,
  { repair, signal, onHour = () => undefined, ask }: ReconcileRangeOptions,
): Promise<RangeReport> {
  const notes: string[] = [];
  const owned = await ownedParts(asked, settings, parts, notes);
  const find = parts.sink.find?.bind(parts.sink);
  if (find === undefined || owned.length === 0) {
    if (owned.length > 0) notes.push('This sink cannot tell what it holds.');
    return { ...asked, hours: [], notes, verdict: 'unknown' };
  }
  const hours: HourFigures[] = [];
  let isKnown = true;
  for (const part of owned) {
    const own = { ...settings, families: new Set(part.types) };
    const { found, unknown } = await examinePart(part, find, own, parts, signal, onHour);
    for (const gap of joinedGaps(unknown)) notes.push(`${spanOf(gap)} cannot be compared: ${gap.reason}`);
    isKnown &&= unknown.length === 0;
    for (const known of unread(
      part,
      unknown.map(({ from, to }) => ({ from, to, types: part.types })),
    )) {
      const rest = { ...part, ...known };
      if (repair) await repairPart(rest, found, find, own, parts, signal, ask);
      await countPart(rest, found, parts, signal, notes);
    }
    hours.push(...rowsOf(found));
  }
  const verdict = verdictOf(hours);
  return { ...asked, hours, notes, verdict: isKnown || verdict === 'different' ? verdict : 'unknown' };
}

/** What of the range was ever collected, and by which lane. */
async function ownedParts(
  asked: Range,
  settings: FeedSettings,
  parts: FeedDependencies,
  notes: string[],
): Promise<Owned[]> {
  const owned: Owned[] = [];
  const families = inOrder(settings.families);
  for (const lane of await parts.sink.lanes()) {
    const cursor = await parts.sink.peek(lane);
    if (cursor === undefined) continue;
    refuseForeignState(cursor, settings);
    const range = backfillRange(lane);
    const from = Math.max(asked.from, range?.from ?? cursor.position.ownedFrom);
    const to = Math.min(asked.to, range?.to ?? Number.POSITIVE_INFINITY, cursor.position.watermark);
    const types = range === undefined ? families : typesRead(cursor);
    if (from >= to) continue;
    if (cursor.position.services.length > 0) owned.push({ lane, cursor, from, to, types });
    else notes.push(`Lane ${lane} reads again from an earlier position: compare once it has caught up.`);
    const leftOut = settings.services.filter((service) => Object.hasOwn(cursor.position.perService, service));
    if (cursor.position.services.length > 0 && leftOut.length > 0)
      notes.push(
        `Of ${leftOut.join(', ')} nothing is compared: JumpCloud refuses it, or lane ${lane} still catches up with it.`,
      );
  }
  owned.sort((a, b) => a.from - b.from);
  for (const gap of unread({ ...asked, types: families }, owned)) {
    const what = sameTypes(gap.types, families) ? '' : `: ${gap.types.join(' and ')} activity`;
    notes.push(`${spanOf(gap)}${what} is left out: no lane has collected it, or the live lane still reads it.`);
  }
  return owned;
}

async function examinePart(
  part: Owned,
  find: Find,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
  onHour: (hour: number) => void,
): Promise<{ found: Map<string, Figures>; unknown: Gap[] }> {
  const found = new Map<string, Figures>();
  const unknown: Gap[] = [];
  const lock = await parts.sink.lock(COMPARING_LOCK);
  try {
    for (const hour of hoursOf(part)) {
      onHour(hour.start);
      try {
        await examineHour(hour, part, find, settings, parts, signal, found);
      } catch (error) {
        if (!(error instanceof CollectorError) || error.code !== 'SINK_REFUSED') throw error;
        // What was judged of it so far is half an hour's.
        for (const name of [...found.keys()]) if (name.endsWith(` ${hour.start}`)) found.delete(name);
        unknown.push({ from: hour.start, to: hour.end, reason: error.message });
      }
    }
    return { found, unknown };
  } finally {
    await lock.release();
  }
}

/** Gaps that follow one another for the same reason are told as one. */
function joinedGaps(gaps: readonly Gap[]): Gap[] {
  const joined: Gap[] = [];
  for (const gap of gaps) {
    const last = joined.at(-1);
    if (last?.to === gap.from && last.reason === gap.reason) joined[joined.length - 1] = { ...last, to: gap.to };
    else joined.push(gap);
  }
  return joined;
}

function spanOf({ from, to }: Range): string {
  return `${formatSecond(from)} to ${formatSecond(to)}`;
}

/** Whole hours of the clock, the first and last cut to the range. */
function hoursOf({ from, to }: Range): { start: number; end: number }[] {
  const aligned = Math.floor(from / SECONDS_PER_HOUR) * SECONDS_PER_HOUR;
  return slices(aligned, to, SECONDS_PER_HOUR).map(({ start, end }) => ({ start: Math.max(start, from), end: end! }));
}

async function examineHour(
  { start, end }: { start: number; end: number },
  part: Owned,
  find: Find,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
  found: Map<string, Figures>,
): Promise<void> {
  const identities = new Identities();
  const search = { services: part.cursor.position.services, start, end };
  let last = instantOfSecond(start);
  for await (const page of parts.source.pages(search, signal)) {
    if (page.number === 1) {
      identities.restart();
      last = instantOfSecond(start);
    }
    if (identities.needsPreceding(page.records)) {
      identities.follow(await identitiesBefore(parts.source, search, signal));
    }
    const records = identities.next(page.records).map((one, index) => {
      // One without a readable time lies where the lane placed it: at its neighbour's.
      last = one.header.instant ?? last;
      return { ...one, received: page.records[index]!, instant: last };
    });
    const within = records.filter(({ header, instant }) => isWithin(instant, header.service, start, end, part));
    const held = await deliveredAmong(within, (names) => find(names, instantOfSecond(start), instantOfSecond(end)));
    for (const { received, header } of within) {
      const figures = figuresFor(found, countedService(header.service), start);
      figures.elements += 1;
      if (figures.shown.has(header.uid)) continue;
      figures.shown.add(header.uid);
      const isHeld = held.has(header.uid) && isOfPart(header, part);
      figures[judge(received, header, isHeld, settings, page.fetchedAt)] += 1;
    }
  }
  // Identities of an hour that is done are not needed any more; their number is.
  for (const [name, figures] of found) if (name.endsWith(` ${start}`)) figures.shown = new Set();
}

function isWithin(instant: Instant, service: string, start: number, end: number, { lane, cursor }: Owned): boolean {
  const origin = serviceOwnedFrom(cursor, service);
  const [from, to] = isLive(lane) ? [Math.max(start, origin), end] : [start, Math.min(end, origin)];
  return instant >= instantOfSecond(from) && instant < instantOfSecond(to);
}

/** Of what a backfill did not select another lane may hold some: that one's part counts it. */
function isOfPart({ service, eventType }: RecordHeader, { lane, types }: Owned): boolean {
  return isLive(lane) || types.includes(classify(service, eventType).family);
}

/** What became of a record, as the sink and today's mapping have it. */
function judge(
  received: ReceivedRecord,
  header: RecordHeader,
  isHeld: boolean,
  settings: FeedSettings,
  fetchedAt: number,
): 'delivered' | 'deadLetters' | 'raw' | 'notSelected' | 'missing' {
  if (!isHeld) {
    return settings.families.has(classify(header.service, header.eventType).family) ? 'missing' : 'notSelected';
  }
  const outcome = normalise(received, header, { ...settings, fetchedAt });
  if (outcome.kind === 'dead_letter') return 'deadLetters';
  return settings.classes === undefined || settings.classes.has(outcome.event.classUid) ? 'delivered' : 'raw';
}

/** Delivers what is missing, hour by hour, in the lane that owns it, or has it delivered by who runs that lane. */
async function repairPart(
  part: Owned,
  found: ReadonlyMap<string, Figures>,
  find: Find,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
  ask: ReconcileRangeOptions['ask'],
): Promise<void> {
  const hours = hoursOf(part).filter(({ start }) => missingIn(found, start) > 0);
  if (hours.length === 0) return;
  try {
    await repairHere(part, hours, found, settings, parts, signal);
  } catch (error) {
    const isAsked = error instanceof CollectorError && error.code === 'LANE_IN_USE' && isLive(part.lane);
    if (!isAsked || ask === undefined) throw error;
    for (const range of joinedHours(hours)) await ask(range, error);
  }
  await proveRepair(part, hours, found, find, settings, parts, signal);
}

async function repairHere(
  part: Owned,
  hours: readonly { start: number; end: number }[],
  found: ReadonlyMap<string, Figures>,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  const isOfLive = isLive(part.lane);
  const hourly = new LedgerExtension();
  const prepare = (stored: Cursor | undefined) => {
    if (stored === undefined)
      throw new CollectorError('STATE_CORRUPT', `Lane ${part.lane} lost its position.`, {
        cure: 'Restore the sink from its backup.',
      });
    refuseForeignState(stored, settings);
    return stored;
  };
  const extensions = isOfLive ? [hourly] : [];
  const lane = await Lane.open(part.lane, parts.sink, parts.clock, parts.observer, prepare, extensions);
  try {
    const ownedFrom = (service: string) => (isOfLive ? serviceOwnedFrom(part.cursor, service) : part.from);
    const ownedTo = (service: string) => (isOfLive ? part.to : serviceOwnedFrom(part.cursor, service));
    if (isOfLive) await restate(lane, hourly, hours, found);
    for (const { start, end } of hours) {
      const range = { services: part.cursor.position.services, start, end, ownedFrom, ownedTo };
      await reread(lane, range, settings, parts, signal, () => ({}));
    }
  } finally {
    await lane.close();
  }
}

/** Hours that follow each other as one range. */
function joinedHours(hours: readonly { start: number; end: number }[]): Range[] {
  const ranges: Range[] = [];
  for (const { start, end } of hours) {
    const last = ranges.at(-1);
    if (last?.to === start) ranges[ranges.length - 1] = { from: last.from, to: end };
    else ranges.push({ from: start, to: end });
  }
  return ranges;
}

/** What the sink has lost is delivered a second time: the hourly ledger begins again with what the sink holds of these hours. */
async function restate(
  lane: Lane,
  hourly: LedgerExtension,
  hours: readonly { start: number; end: number }[],
  found: ReadonlyMap<string, Figures>,
): Promise<void> {
  const whole = new Set(hours.filter(({ start, end }) => end - start === SECONDS_PER_HOUR).map(({ start }) => start));
  const rows = [...found].flatMap(([name, { delivered, deadLetters, raw, notSelected }]) => {
    const [service, start] = serviceAndHour(name);
    if (!whole.has(start)) return [];
    const row = { delivered, deadLetters, raw, notSelected, explained: 0, count: undefined };
    return [{ hour: start / SECONDS_PER_HOUR, service, row }];
  });
  hourly.replace(withRows(hourly.current, rows));
  await lane.commit(emptyBatch, {});
}

/** Asks the sink once more: only what it holds now counts as repaired. */
async function proveRepair(
  part: Owned,
  hours: readonly { start: number; end: number }[],
  found: ReadonlyMap<string, Figures>,
  find: Find,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  const now = new Map<string, Figures>();
  const lock = await parts.sink.lock(COMPARING_LOCK);
  try {
    for (const hour of hours) await examineHour(hour, part, find, settings, parts, signal, now);
  } finally {
    await lock.release();
  }
  for (const [name, figures] of now) {
    const before = found.get(name);
    if (before) before.repaired = Math.max(0, before.missing - figures.missing);
  }
}

/** JumpCloud's own count: one for each service, and hour by hour only where that one is not what it shows. */
async function countPart(
  part: Owned,
  found: Map<string, Figures>,
  parts: FeedDependencies,
  signal: AbortSignal,
  notes: string[],
): Promise<void> {
  const counter = new Counter(parts.source, signal);
  const asked = part.cursor.position.services.filter((service) => service !== 'all');
  const shown = [...found.keys()].map((name) => serviceAndHour(name)[0]);
  let refusal: CountRefused | undefined;
  let counted = 0;
  for (const service of new Set([...asked, ...shown])) {
    if (service === UNNAMED) continue;
    try {
      await countService(service, part, found, counter);
      counted += 1;
    } catch (error) {
      // A name that only a record bears need not be one that JumpCloud takes.
      if (!(error instanceof CountRefused)) throw error;
      refusal = error;
    }
  }
  if (refusal && counted === 0) {
    notes.push(`JumpCloud gives no counts (${refusal.message}): what it shows was compared alone.`);
  }
}

async function countService(
  service: string,
  part: Owned,
  found: Map<string, Figures>,
  counter: Counter,
): Promise<void> {
  const origin = serviceOwnedFrom(part.cursor, service);
  const [from, to] = isLive(part.lane)
    ? [Math.max(part.from, origin), part.to]
    : [part.from, Math.min(part.to, origin)];
  const hours = hoursOf(part).filter(({ start, end }) => end > from && start < to);
  const have: Have = (name, { start }) => found.get(nameOf(name, startOfHour(start, part)))?.elements ?? 0;
  const spans = hours.map(({ start, end }) => ({ start: Math.max(start, from), end: Math.min(end, to) }));
  const counts = await compare(service, spans, have, counter);
  for (const [index, count] of counts.entries()) {
    const { start } = hours[index]!;
    if (found.has(nameOf(service, start)) || count > 0) figuresFor(found, service, start).count = count;
  }
}

/** Where the hour of the clock that holds a second begins in this part. */
function startOfHour(second: number, { from }: Range): number {
  return Math.max(second - (second % SECONDS_PER_HOUR), from);
}

function rowsOf(found: ReadonlyMap<string, Figures>): HourFigures[] {
  const rows = [...found].map(([name, figures]) => {
    const [service, hour] = serviceAndHour(name);
    const { count, delivered, deadLetters, raw, notSelected, missing, repaired } = figures;
    const accounted = delivered + deadLetters + raw + notSelected + missing;
    const explained = (count ?? figures.elements) - accounted;
    return {
      service,
      hour: formatSecond(hour),
      count,
      delivered,
      deadLetters,
      raw,
      notSelected,
      explained,
      missing,
      repaired,
    };
  });
  return rows.sort((a, b) => (a.hour === b.hour ? a.service.localeCompare(b.service) : a.hour < b.hour ? -1 : 1));
}

function verdictOf(hours: readonly HourFigures[]): RangeReport['verdict'] {
  if (hours.some(({ missing, repaired }) => missing > repaired)) return 'different';
  const differences = new Map<string, number>();
  for (const { hour, service, explained, ...figures } of hours) {
    // A record that names no service is counted under one of them.
    const unnamed = service === UNNAMED ? figures.deadLetters + figures.delivered + figures.missing : 0;
    differences.set(hour, (differences.get(hour) ?? 0) + explained - (hasCount(hours, hour) ? unnamed : 0));
  }
  return [...differences.values()].some((difference) => difference !== 0) ? 'explained' : 'equal';
}

function hasCount(hours: readonly HourFigures[], hour: string): boolean {
  return hours.some((figures) => figures.hour === hour && figures.count !== undefined);
}

function missingIn(found: ReadonlyMap<string, Figures>, hour: number): number {
  let missing = 0;
  for (const [name, figures] of found) if (name.endsWith(` ${hour}`)) missing += figures.missing;
  return missing;
}

function figuresFor(found: Map<string, Figures>, service: string, hour: number): Figures {
  const name = nameOf(service, hour);
  const figures = found.get(name) ?? { ...none, shown: new Set<string>() };
  found.set(name, figures);
  return figures;
}

function nameOf(service: string, hour: number): string {
  return `${service} ${hour}`;
}

/** A record's service may hold blanks. */
function serviceAndHour(name: string): [service: string, hour: number] {
  const blank = name.lastIndexOf(' ');
  return [name.slice(0, blank), Number(name.slice(blank + 1))];
}

const none: Omit<Figures, 'shown'> = {
  elements: 0,
  delivered: 0,
  deadLetters: 0,
  raw: 0,
  notSelected: 0,
  missing: 0,
  repaired: 0,
  count: undefined,
};
