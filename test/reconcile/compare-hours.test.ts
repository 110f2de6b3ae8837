import { describe, expect, it } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import type { Source } from '../../collector/jumpcloud/insights/source.js';
import { OutcomeCounter } from '../../collector/pipeline/outcome-counts.js';
import {
  comparableHours,
  compareHours,
  type HourParts,
  needComparing,
} from '../../collector/reconcile/compare-hours.js';
import { added, type HourlyLedger, rowOf } from '../../collector/reconcile/hourly-ledger.js';
import { type CountLedger, extended } from '../../collector/reconcile/minute-counts.js';
import { Counter } from '../../collector/reconcile/source-count.js';
import { instantOfSecond } from '../../mappings/instant.js';

const HOUR = 3600;
/** Hours since the epoch: 2026-11-03T12:00:00Z and the two before it. */
const noon = Date.UTC(2026, 10, 3, 12) / 1000 / HOUR;
const hours = [noon - 3, noon - 2, noon - 1];
const position = { watermark: noon * HOUR, maxEventTime: instantOfSecond(noon * HOUR) };
const beginning: HourlyLedger = { whole: noon - 3, compared: undefined, hours: new Map() };

/** Records by service, hour by hour. */
type Records = Readonly<Record<string, readonly number[]>>;

interface Circumstances {
  /** What reading an hour again shows in addition. */
  readonly shown?: Records;
  /** Records that the ledger over all services counts twice, hour by hour. */
  readonly twice?: readonly number[];
  readonly tells?: boolean;
  readonly time?: number;
}

/** A lane that has delivered `held` while JumpCloud counts `counted`. */
function laneOf(held: Records, counted: Records, more: Circumstances = {}) {
  const deliver = (hourly: HourlyLedger, records: Records, only?: number) => {
    const batch = new OutcomeCounter();
    for (const [service, list] of Object.entries(records)) {
      for (const [index, count] of list.entries()) {
        if (only !== undefined && hours[index] !== only) continue;
        for (let record = 0; record < count; record += 1) batch.add(service, hours[index]! * HOUR, 'delivered');
      }
    }
    return added(hourly, batch.take(), position);
  };
  let hourly = deliver(beginning, held);
  let left = more.time ?? 1_000;
  const asked: string[] = [];
  const read: number[] = [];
  const minutes = new Map<number, number>();
  for (const list of [...Object.values(held), more.twice ?? []])
    for (const [index, minute] of hours.map((hour) => hour * 60).entries())
      minutes.set(minute, (minutes.get(minute) ?? 0) + (list[index] ?? 0));
  const ledger: CountLedger = extended({ services: ['sso', 'ldap', 'radius'], spans: [] }, hours[0]! * 60, noon * 60, {
    start: hours[0]! * 60,
    end: noon * 60,
    minutes,
  });
  const count: Source['count'] = async ({ services, start, end }) => {
    left -= 1;
    const [service = ''] = services;
    asked.push(service);
    if (counted[service] === undefined && service === 'radius')
      throw new CollectorError('QUERY_REFUSED', 'no such service', { cure: 'None.' });
    const list = counted[service] ?? [];
    return list.reduce((sum, one, index) => {
      const at = hours[index]! * HOUR;
      return at >= start && at < end! ? sum + one : sum;
    }, 0);
  };
  const parts: HourParts = {
    counter: new Counter({ count }, new AbortController().signal),
    ledger: () => ledger,
    hourly: () => hourly,
    ownedFrom: () => 0,
    readHour: async (hour) => {
      if (more.tells === false) return false;
      read.push(hour);
      hourly = deliver(hourly, more.shown ?? {}, hour);
      return true;
    },
    isOver: () => left <= 0,
    looksAgain: false,
  };
  const row = (hourly: HourlyLedger, hour: number, service: string) => {
    const { delivered, explained, count } = rowOf(hourly, hour, service);
    return { delivered, explained, count };
  };
  return { parts, asked, read, ledger, row, hourly: () => hourly };
}

const even = { sso: [5, 5, 5], ldap: [1, 0, 2] };

describe('comparing whole hours', () => {
  it('asks one count a service where they agree, and none of a service that shows nothing', async () => {
    const lane = laneOf(even, even);
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.asked).toEqual(['sso', 'ldap']);
    expect(hourly.compared).toBe(noon - 1);
    for (const hour of hours) expect(lane.row(hourly, hour, 'sso')).toEqual({ delivered: 5, explained: 0, count: 5 });
    expect(needComparing(hours, hourly, lane.ledger, () => 0)).toBe(false);
    expect(needComparing([...hours, noon], hourly, lane.ledger, () => 0)).toBe(true);
  });

  it('finds what two services hide from a count over all: one record more here, one less there', async () => {
    const lane = laneOf(even, { sso: [5, 6, 5], ldap: [1, 0, 1] }, { shown: { sso: [0, 1, 0] } });
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.row(hourly, noon - 2, 'sso')).toEqual({ delivered: 6, explained: 0, count: 6 });
    expect(lane.row(hourly, noon - 1, 'ldap')).toEqual({ delivered: 2, explained: -1, count: 1 });
    expect(lane.read).toEqual([noon - 2, noon - 1]);
    const again = await compareHours(hours, { ...lane.parts, hourly: () => hourly });
    expect(lane.read).toHaveLength(2);
    expect(again).toEqual(hourly);
  });

  it('reads an hour again whose difference equals what is counted twice over all services', async () => {
    const counted = { sso: even.sso, ldap: [1, 1, 2] };
    const lane = laneOf(even, counted, { shown: { ldap: [0, 1, 0] }, twice: [0, 1, 0] });
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.row(hourly, noon - 2, 'ldap')).toEqual({ delivered: 1, explained: 0, count: 1 });
    expect(lane.read).toEqual([noon - 2]);
  });

  it('reads an hour again of which more was counted than shown where it looks again', async () => {
    const lane = laneOf(even, { ...even, ldap: [1, 1, 2] });
    const first = await compareHours(hours, lane.parts);
    expect(lane.row(first, noon - 2, 'ldap')).toEqual({ delivered: 0, explained: 1, count: 1 });
    const again = { ...lane.parts, hourly: () => first };
    expect(await compareHours(hours, again)).toEqual(first);
    expect(await compareHours(hours, { ...again, looksAgain: true })).toEqual(first);
    expect(lane.read).toEqual([noon - 2, noon - 2]);
  });

  it('leaves a difference where there was no time to read again, and needs comparing for it', async () => {
    const lane = laneOf(even, { ...even, sso: [5, 9, 5] }, { time: 7 });
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.read).toEqual([]);
    expect(lane.row(hourly, noon - 2, 'sso')).toEqual({ delivered: 5, explained: 0, count: 9 });
    expect(hourly.compared).toBeUndefined();
    expect(needComparing(hours, { ...hourly, compared: noon - 1 }, lane.ledger, () => 0)).toBe(true);
  });

  it('is unknown where the sink cannot tell, and where a service gets no count', async () => {
    const lane = laneOf({ ...even, radius: [1, 0, 0] }, { ...even, sso: [5, 9, 5] }, { tells: false });
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.row(hourly, noon - 2, 'sso').count).toBeNull();
    expect(lane.row(hourly, noon - 1, 'sso').count).toBe(5);
    expect(lane.row(hourly, noon - 3, 'radius').count).toBeNull();
  });

  it('asks a service that shows nothing where the others do not make up the whole', async () => {
    const lane = laneOf(even, { sso: [5, 4, 5], ldap: even.ldap, radius: [0, 1, 0] }, { shown: { radius: [0, 1, 0] } });
    const hourly = await compareHours(hours, lane.parts);
    expect(lane.row(hourly, noon - 2, 'radius')).toEqual({ delivered: 1, explained: 0, count: 1 });
    expect(lane.row(hourly, noon - 2, 'sso')).toEqual({ delivered: 5, explained: -1, count: 4 });
  });
});

it('hours are compared that the ledger holds to their end and the hourly ledger from its beginning', () => {
  const { ledger } = laneOf(even, even);
  expect(comparableHours(ledger, beginning, (noon - 2) * 60 + 5)).toEqual([noon - 2, noon - 1]);
  expect(comparableHours(ledger, { ...beginning, whole: noon - 1 }, 0)).toEqual([noon - 1]);
  const longer = extended(ledger, 0, noon * 60 + 59, { start: 0, end: 0, minutes: new Map() });
  expect(comparableHours(longer, beginning, 0)).toEqual(hours);
});
