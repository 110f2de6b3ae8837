import { classify, type Family } from '../../mappings/catalogue/index-by-type.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { floorToSecond, type Instant, instantOfSecond } from '../../mappings/instant.js';
import { type KeptRecord, type MappingSettings, normalise, toRawRecord } from '../../mappings/normalise.js';
import { type ReceivedRecord, type RecordHeader, sha256 } from '../../mappings/record.js';
import { SECONDS_PER_MINUTE } from '../../mappings/time-units.js';
import { CollectorError } from '../errors.js';
import type { Page } from '../jumpcloud/insights/source.js';
import { addCounts, type Counts, noCounts } from '../position/cursor.js';
import type { DedupeChunk, DedupeSet } from '../position/dedupe-set.js';
import type { RecentRecords } from '../position/recent-records.js';
import { deliveredAmong, Identities, type RecordIdentity } from '../position/record-identity.js';
import { type HourOutcomes, type MinuteCounts, OutcomeCounter, type RecordOutcome } from './outcome-counts.js';

/** What a feed delivers of what it reads. */
export interface Selection {
  readonly families: ReadonlySet<Family>;
  /** OCSF class_uids that are delivered as events; undefined: all. */
  readonly classes: ReadonlySet<number> | undefined;
}

/** What a search tells about the records it brings. */
export interface RecordOwnership {
  /** Whole second from which (inclusive) the lane owns a service's records. */
  readonly ownedFrom: (service: string) => number;
  /** Whole second at which its part ends (exclusive); undefined: open. */
  readonly ownedTo: (service: string) => number | undefined;
  /** Records of this service before this second may have been delivered without being remembered: the sink is asked. */
  readonly dedupeFrom: (service: string) => number;
  /** New records before this instant are late; undefined: nothing counts as late. */
  readonly lateBefore: Instant | undefined;
  /** Which of these names were delivered before. */
  readonly known: (names: readonly string[], from: Instant, to: Instant) => Promise<ReadonlySet<string>>;
}

/** The part of a batch that gathering makes; the position is added by the lane. */
export interface BatchContent {
  readonly events: readonly NormalisedEvent[];
  readonly deadLetters: readonly DeadLetter[];
  readonly raw: readonly KeptRecord[];
  readonly remember: readonly DedupeChunk[];
  readonly counts: Counts;
  /** The same but for the duplicates, by service and by hour of the records' own time. */
  readonly hours: readonly HourOutcomes[];
  /** Seconds of lateness, one for each late record. */
  readonly lateness: readonly number[];
  readonly unknownTypes: readonly string[];
  /** Of the duplicates: those whose text differs from every text that the record had before. */
  readonly variants: number;
  /** `service/event_type` of each new record whose id another record bore. */
  readonly reusedIds: readonly string[];
}

/** For a commit that moves only the position. */
export const emptyBatch: BatchContent = {
  events: [],
  deadLetters: [],
  raw: [],
  remember: [],
  counts: noCounts,
  hours: [],
  lateness: [],
  unknownTypes: [],
  variants: 0,
  reusedIds: [],
};

interface Candidate extends RecordIdentity {
  readonly received: ReceivedRecord;
  /** Its own time; where it has none, that of the record before it. */
  readonly instant: Instant;
  /** Under which time it is remembered: its own; where it has none, no earlier than JumpCloud's searches stop showing it. */
  readonly until: Instant;
}

/** What the pages taken in so far have shown. */
interface Reached {
  readonly newest: Instant | undefined;
  /**
   * Of those that both clocks have passed, or that enough records bear out: while the clocks are apart, one dated ahead of
   * the truth must not move the position, and a clock that stays behind must not hold it.
   */
  readonly newestPassed: Instant | undefined;
  /** Of the record that came last. */
  readonly last: Instant | undefined;
  readonly ordered: boolean;
  readonly organization: string | undefined;
}

/** A record of a foreign organization stops everything (decision 0012). */
export class ForeignOrganization extends Error {
  constructor(readonly found: string) {
    super(`a record of organization ${found}`);
  }
}

/**
 * Gathers the pages of one search into batches: drops repeats, counts what is not selected, turns the rest into events
 * and dead letters. Whole pages only; `take` empties it.
 */
export class BatchBuilder {
  readonly #identities = new Identities();
  #events: NormalisedEvent[] = [];
  #deadLetters: DeadLetter[] = [];
  #raw: KeptRecord[] = [];
  #counts: Counts = { ...noCounts };
  readonly #hours = new OutcomeCounter();
  #lateness: number[] = [];
  #unknownTypes = new Set<string>();
  #variants = 0;
  #reusedIds: string[] = [];
  #bytes = 0;
  #reached: Reached;
  #minutes = new Map<number, number>();
  /** Records without a readable time since the last one that has one. */
  #untimed = 0;
  /** By uid, the newest records that the earlier of two clocks that are apart has not passed. */
  readonly #borneOut = new Map<string, Instant>();
  /** Of the page before. */
  #page: string | undefined;

  constructor(
    private readonly dedupeSet: DedupeSet,
    private readonly recent: RecentRecords,
    private readonly selection: Selection,
    private readonly scope: RecordOwnership,
    private readonly mapping: MappingSettings,
    private readonly windowStart: number,
    organization: string | undefined,
    /** What precedes the search's first record: asked for where the first ones need it for their names. */
    private readonly preceding: () => Promise<Identities>,
  ) {
    this.#reached = { newest: undefined, newestPassed: undefined, last: undefined, ordered: true, organization };
  }

  /** The organization named by the records so far. */
  get organization(): string | undefined {
    return this.#reached.organization;
  }

  /** Records examined since the last `take`. */
  get size(): number {
    return this.#counts.records;
  }

  /** Bytes of event, dead letter and raw text since the last `take`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whole second up to which the pages so far are complete; undefined where JumpCloud did not send them in ascending order. */
  get readTo(): number | undefined {
    const { ordered, newest } = this.#reached;
    return ordered && newest !== undefined ? floorToSecond(newest) : undefined;
  }

  /** The newest instant of the pages so far; a record dated ahead of either clock counts only where enough others bear it out. */
  get newest(): Instant | undefined {
    return this.#reached.newestPassed;
  }

  /** Minutes since the epoch → records that the search has shown of them, repeats and what is not owned included. */
  get minutes(): MinuteCounts {
    if (this.#untimed === 0) return this.#minutes;
    const minutes = new Map(this.#minutes);
    count(minutes, this.#reached.last ?? instantOfSecond(this.windowStart), this.#untimed);
    return minutes;
  }

  /**
   * Takes in a page.
   * @throws ForeignOrganization, or CollectorError PAGE_CURSOR_REPEATED for the page before once more; both before
   *   anything of the page was taken in
   */
  async add(page: Page): Promise<void> {
    const digest = digestOf(page.records);
    if (page.number > 1 && digest !== undefined && digest === this.#page) throw pageRepeated(page.number);
    if (page.number === 1) this.#startAnew();
    if (this.#identities.needsPreceding(page.records)) this.#identities.follow(await this.preceding());
    const { candidates, ...reached } = this.#read(page);
    const unremembered = candidates.filter(
      ({ header, instant }) => floorToSecond(instant) < this.scope.dedupeFrom(header.service),
    );
    const known = unremembered.length === 0 ? new Set<string>() : await this.#askSink(unremembered);
    // From here on nothing fails: the page counts as a whole, and what was reached with it.
    this.#reached = reached;
    this.#page = digest;
    for (const candidate of candidates) {
      this.#counts.records += 1;
      const { header } = candidate;
      const isRepeat = this.#isRepeat(candidate) || known.has(header.uid);
      const told = this.recent.note(candidate.received, header, isRepeat);
      if (told === 'variant') this.#variants += 1;
      if (told === 'reusedId') this.#reusedIds.push(`${header.service}/${header.eventType}`);
      if (isRepeat) {
        this.#counts.duplicates += 1;
      } else {
        const second = floorToSecond(candidate.instant);
        const outcome = this.#examine(candidate, page);
        const isUncertain = outcome === 'notSelected' && second < this.scope.dedupeFrom(header.service);
        this.#hours.add(header.service, second, isUncertain ? 'notSelectedAgain' : outcome);
      }
    }
  }

  /** Hands over the content and starts again; ordering and occurrences are kept for the rest of the search. */
  take(): BatchContent {
    const content: BatchContent = {
      events: this.#events,
      deadLetters: this.#deadLetters,
      raw: this.#raw,
      remember: this.dedupeSet.takeStaged(),
      counts: this.#counts,
      hours: this.#hours.take(),
      lateness: this.#lateness,
      unknownTypes: [...this.#unknownTypes],
      variants: this.#variants,
      reusedIds: this.#reusedIds,
    };
    this.#events = [];
    this.#deadLetters = [];
    this.#raw = [];
    this.#counts = addCounts(noCounts, noCounts);
    this.#lateness = [];
    this.#unknownTypes = new Set();
    this.#variants = 0;
    this.#reusedIds = [];
    this.#bytes = 0;
    return content;
  }

  #isRepeat({ header, aliases, remembered, until }: Candidate): boolean {
    const tellsNoTime = header.instant === undefined;
    const isKnown = aliases.some((alias) => this.dedupeSet.has(alias));
    const isNew = this.dedupeSet.add(header.uid, until, tellsNoTime);
    for (const name of remembered) this.dedupeSet.add(name, until, tellsNoTime);
    return isKnown || !isNew;
  }

  /** A search that begins again (with smaller pages, say) shows everything again. */
  #startAnew(): void {
    this.#identities.restart();
    this.#minutes = new Map();
    this.#untimed = 0;
    this.#reached = { ...this.#reached, last: undefined };
  }

  #read(page: Page): Reached & { candidates: Candidate[] } {
    let { newest, newestPassed, last, ordered, organization } = this.#reached;
    const passed = instantOfMs(Math.min(page.serverTime, page.fetchedAt));
    const notPassed = instantOfMs(Math.max(page.serverTime, page.fetchedAt));
    if (page.isPartial) ordered = false;
    const candidates: Candidate[] = [];
    const identities = this.#identities.next(page.records);
    const headers = identities.map(({ header }) => header);
    const later = laterInstants(headers, notPassed);
    for (const [index, identity] of identities.entries()) {
      const { header } = identity;
      if (header.organization !== undefined) {
        organization ??= header.organization;
        if (header.organization !== organization) throw new ForeignOrganization(header.organization);
      }
      if (header.instant !== undefined) {
        if (last !== undefined && header.instant / MILLISECOND < last / MILLISECOND) ordered = false;
        newest = laterOf(newest ?? header.instant, header.instant);
        if (header.instant <= passed) newestPassed = laterOf(newestPassed ?? header.instant, header.instant);
        else if (header.instant <= notPassed) this.#bearOut(header.uid, header.instant);
        last = header.instant;
        count(this.#minutes, last, 1 + this.#untimed);
        this.#untimed = 0;
      } else {
        // Counted with the record after it: the one before may lie before the next search, which shows this one again.
        this.#untimed += 1;
      }
      // A record without a readable time lies where JumpCloud sorted it: at its neighbour's time.
      const instant = header.instant ?? last ?? instantOfSecond(this.windowStart);
      const second = floorToSecond(instant);
      const end = this.scope.ownedTo(header.service);
      if (second >= this.scope.ownedFrom(header.service) && (end === undefined || second < end)) {
        const until = header.instant ?? laterOf(later[index]!, instant);
        candidates.push({ ...identity, received: page.records[index]!, instant, until });
      }
    }
    const borneOut = this.#borneOut.size < WITNESSES ? undefined : earliest(this.#borneOut.values());
    if (borneOut !== undefined) newestPassed = laterOf(newestPassed ?? borneOut, borneOut);
    return { candidates, newest, newestPassed, last, ordered, organization };
  }

  /** Keeps the newest records that one clock has passed and the other has not. */
  #bearOut(uid: string, instant: Instant): void {
    this.#borneOut.set(uid, instant);
    if (this.#borneOut.size <= WITNESSES) return;
    const oldest = earliest(this.#borneOut.values());
    const [first] = [...this.#borneOut].find(([, one]) => one === oldest) ?? [uid];
    this.#borneOut.delete(first);
  }

  async #askSink(candidates: readonly Candidate[]): Promise<ReadonlySet<string>> {
    let from = candidates[0]!.instant;
    let to = from;
    for (const { instant } of candidates) {
      if (instant < from) from = instant;
      if (instant > to) to = instant;
    }
    return deliveredAmong(candidates, (names) => this.scope.known(names, from, to + 1n));
  }

  #examine({ received, header, instant }: Candidate, page: Page): RecordOutcome {
    const row = classify(header.service, header.eventType);
    if (!this.selection.families.has(row.family)) {
      this.#counts.notSelected += 1;
      return 'notSelected';
    }
    if (this.scope.lateBefore !== undefined && instant < this.scope.lateBefore) {
      this.#counts.late += 1;
      this.#lateness.push(Math.max(0, page.serverTime / 1000 - floorToSecond(instant)));
    }
    const outcome = normalise(received, header, { ...this.mapping, fetchedAt: page.fetchedAt });
    if (outcome.kind === 'dead_letter') {
      this.#counts.deadLetters += 1;
      this.#deadLetters.push(outcome.deadLetter);
      this.#bytes += outcome.deadLetter.raw.length;
      return 'deadLetters';
    }
    if (row.known === false) this.#unknownTypes.add(`${header.service}/${header.eventType}`);
    if (this.selection.classes !== undefined && !this.selection.classes.has(outcome.event.classUid)) {
      const raw = toRawRecord(received, header, outcome.event);
      this.#counts.raw += 1;
      this.#raw.push(raw);
      this.#bytes += raw.text.length;
      return 'raw';
    }
    this.#counts.events += 1;
    this.#events.push(outcome.event);
    this.#bytes += outcome.event.text.length;
    return 'delivered';
  }
}

const MILLISECOND = 1_000_000n;
/** So many records of one search past a time say that it has come, whatever one of two clocks that are apart says. */
const WITNESSES = 20;

function earliest(instants: Iterable<Instant>): Instant {
  let found: Instant | undefined;
  for (const instant of instants) if (found === undefined || instant < found) found = instant;
  return found ?? 0n;
}

function instantOfMs(ms: number): Instant {
  return BigInt(Math.trunc(ms)) * MILLISECOND;
}

function count(minutes: Map<number, number>, instant: Instant, records: number): void {
  const minute = Math.floor(floorToSecond(instant) / SECONDS_PER_MINUTE);
  minutes.set(minute, (minutes.get(minute) ?? 0) + records);
}

/** For each record its own instant or that of the next that has one; `end` where none follows. */
function laterInstants(headers: readonly RecordHeader[], end: Instant): Instant[] {
  const later = new Array<Instant>(headers.length);
  let next = end;
  for (let index = headers.length - 1; index >= 0; index -= 1) {
    next = headers[index]!.instant ?? next;
    later[index] = next;
  }
  return later;
}

function laterOf(a: Instant, b: Instant): Instant {
  if (a > b) return a;
  return b;
}

/** Shows that a proxy or a cache gave the same page again under another name; undefined where one record alone may come again. */
function digestOf(records: readonly ReceivedRecord[]): string | undefined {
  return records.length < 2 ? undefined : sha256(records.map(({ text }) => text).join('\n'));
}

function pageRepeated(number: number): CollectorError {
  return new CollectorError('PAGE_CURSOR_REPEATED', `page ${number} is the page before it once more`, {
    cure: 'The search is asked again by itself from where it stands; if it stays, look for a cache or proxy in between.',
    transient: true,
  });
}
