import { floorToSecond } from '../../mappings/instant.js';
import { type ReceivedRecord, readHeader } from '../../mappings/record.js';
import { SECONDS_PER_DAY } from '../../mappings/time-units.js';
import { asCollectorError } from '../errors.js';
import type { Search, Source } from '../jumpcloud/insights/source.js';
import { Identities, type RecordIdentity } from '../position/record-identity.js';

/** Seconds that are looked back, one after the other, until enough was found. */
const REACHES = [60, 3_600, SECONDS_PER_DAY, 7 * SECONDS_PER_DAY, 31 * SECONDS_PER_DAY];
/** A feed of nothing but records without a time has no neighbours to name them by. */
const LONGEST_RUN = 10_000;

/** What was found before the last search of a lane: the next one, a poll later, need not look back as far again. */
export interface LookedBack {
  kept?: { readonly services: string; readonly start: number; readonly found: Identities };
}

/**
 * The identities as they stand before a search's first record, for one that opens with records without a time. Where
 * JumpCloud sorts these, and whether a search's end is inclusive, is not known: those before the start are what a search
 * from further back shows more of them than the search itself.
 * @throws CollectorError the source's failure
 */
export async function identitiesBefore(
  source: Pick<Source, 'pages'>,
  search: Search,
  signal: AbortSignal,
  lookedBack: LookedBack = {},
): Promise<Identities> {
  const leading = (await leadingRecords(source, search, signal)).length;
  const services = search.services.join();
  const { kept } = lookedBack;
  const isOfUse =
    kept !== undefined &&
    kept.services === services &&
    kept.start <= search.start &&
    search.start - kept.start <= SECONDS_PER_DAY;
  const found = isOfUse
    ? await beforeWithin(search.start - kept.start, source, search, leading, signal, kept.found)
    : await before(source, search, leading, signal);
  lookedBack.kept = { services, start: search.start, found };
  return found;
}

/**
 * The identities of the records without a time that a search opens with.
 * @throws CollectorError the source's failure
 */
export async function leadingIdentities(
  source: Pick<Source, 'pages'>,
  search: Search,
  signal: AbortSignal,
): Promise<readonly RecordIdentity[]> {
  const leading = await leadingRecords(source, search, signal);
  return leading.length === 0 ? [] : (await before(source, search, leading.length, signal)).next(leading);
}

async function before(
  source: Pick<Source, 'pages'>,
  search: Search,
  leading: number,
  signal: AbortSignal,
): Promise<Identities> {
  let found = new Identities();
  for (const reach of REACHES) {
    if (leading > LONGEST_RUN) break;
    try {
      found = await beforeWithin(reach, source, search, leading, signal);
    } catch (error) {
      // Further back there is nothing to be had.
      if (!asCollectorError(error).is('refusesSearch')) throw error;
      break;
    }
    if (found.isAnchored) break;
  }
  return found;
}

/**
 * The same as far as a search shows it that begins earlier.
 * @param known what is known of the time before that
 */
async function beforeWithin(
  reach: number,
  source: Pick<Source, 'pages'>,
  { start, ...search }: Search,
  leading: number,
  signal: AbortSignal,
  known?: Identities,
): Promise<Identities> {
  const identities = new Identities();
  if (known !== undefined) identities.follow(known);
  let run: ReceivedRecord[] = [];
  reading: for await (const page of source.pages({ ...search, start: start - reach }, signal)) {
    if (page.number === 1) {
      identities.restart();
      if (known !== undefined) identities.follow(known);
      run = [];
    }
    for (const record of page.records) {
      const { instant } = readHeader(record);
      if (instant !== undefined) {
        if (floorToSecond(instant) >= start) break reading;
        identities.next([...run, record]);
        run = [];
      } else run.push(record);
    }
    if (run.length > 2 * LONGEST_RUN) break;
  }
  identities.next(run.slice(0, Math.max(0, run.length - leading)));
  return identities;
}

/** The records before a search's first with a time. */
async function leadingRecords(
  source: Pick<Source, 'pages'>,
  search: Search,
  signal: AbortSignal,
): Promise<ReceivedRecord[]> {
  let leading: ReceivedRecord[] = [];
  for await (const page of source.pages(search, signal)) {
    if (page.number === 1) leading = [];
    for (const record of page.records) {
      if (readHeader(record).instant !== undefined) return leading;
      leading.push(record);
    }
    if (leading.length > LONGEST_RUN) break;
  }
  return leading;
}
