import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountedRecords, OutcomeCounter, UNNAMED } from '../../collector/pipeline/outcome-counts.js';
import { type Cursor, noCounts } from '../../collector/position/cursor.js';
import {
  added,
  FURTHER,
  type HourlyLedger,
  inMemory,
  ledgerOf,
  recounted,
  rowOf,
  servicesIn,
  withRows,
} from '../../collector/reconcile/hourly-ledger.js';
import { instantOfSecond } from '../../mappings/instant.js';
import { cursorAt } from '../monitoring/observe-feed.js';

const HOUR = 3600;
/** 2026-11-03T12:00:00Z. */
const noon = Date.UTC(2026, 10, 3, 12) / 1000;
const hour = noon / HOUR;
const position = (second: number) => ({ watermark: second, maxEventTime: instantOfSecond(second) });
const fresh = (origin: string): Cursor => cursorAt(origin, { origin, counts: noCounts });
const empty: HourlyLedger = { whole: hour, compared: undefined, hours: new Map() };

function batch(...records: readonly [service: string, second: number][]) {
  const hourly = new OutcomeCounter();
  for (const [service, second] of records) hourly.add(service, second, 'delivered');
  return hourly.take();
}

describe('an hourly ledger', () => {
  it('counts by the hour of the record and the name under which a query finds its service', () => {
    const hourly = added(
      empty,
      batch(['sso', noon], ['sso', noon + HOUR - 1], ['sso', noon + HOUR], ['ai-admin', noon], ['', noon]),
      position(noon + HOUR),
    );
    expect(rowOf(hourly, hour, 'sso').delivered).toBe(2);
    expect(rowOf(hourly, hour + 1, 'sso').delivered).toBe(1);
    expect(servicesIn(hourly, [hour])).toEqual(['sso', 'ai_admin', UNNAMED]);
  });

  it('begins with the first whole hour of a new feed, and of a feed that ran before with one that has not begun', () => {
    expect(ledgerOf(fresh('2026-11-03T12:00:00Z')).whole).toBe(hour);
    expect(ledgerOf(fresh('2026-11-03T12:00:01Z')).whole).toBe(hour + 1);
    const counts = { ...noCounts, records: 5 };
    expect(ledgerOf(cursorAt('2026-11-03T11:30:00Z', { newest: '2026-11-03T12:00:01Z', counts })).whole).toBe(hour + 1);
  });

  it('asks for a count again once something more was delivered, and keeps what was explained', () => {
    const one = added(empty, batch(['sso', noon]), position(noon));
    const row = { ...rowOf(one, hour, 'sso'), count: 3, explained: 2 };
    const counted = withRows(one, [{ hour, service: 'sso', row }]);
    expect(added(counted, [], position(noon + HOUR)).hours).toEqual(counted.hours);
    const two = added(counted, batch(['sso', noon + 1]), position(noon + HOUR));
    expect(rowOf(two, hour, 'sso')).toMatchObject({ delivered: 2, explained: 2, count: undefined });
  });

  it('takes what is not selected, and may have been counted before, from an hour that was read again as a whole', () => {
    const first = new OutcomeCounter();
    for (const service of ['sso', 'sso', 'ldap']) first.add(service, noon, 'notSelected');
    const hourly = added(empty, first.take(), position(noon));
    const again = new OutcomeCounter();
    for (const service of ['sso', 'sso', 'sso', 'radius']) again.add(service, noon, 'notSelectedAgain');
    const batch = again.take();
    const numbers = (of: HourlyLedger) =>
      ['sso', 'ldap', 'radius'].map((service) => rowOf(of, hour, service).notSelected);
    expect(numbers(added(hourly, batch, position(noon)))).toEqual([2, 1, 0]);
    expect(numbers(recounted(hourly, hour, batch))).toEqual([3, 1, 1]);
    expect(recounted(hourly, hour + 1, batch)).toEqual(hourly);
  });

  it('keeps three days behind the position and takes in a day ahead, nothing beyond', () => {
    let hourly = empty;
    for (let past = 0; past < 100; past += 1) {
      const second = noon + past * HOUR;
      hourly = added(hourly, batch(['sso', second], ['sso', second + 100 * 365 * 24 * HOUR]), position(second));
    }
    const hours = [...hourly.hours.keys()];
    expect(hours[0]).toBe(hour + 99 - 72);
    expect(hours).toHaveLength(73);
    expect(hourly.whole).toBe(hours[0]);
    expect(added(hourly, batch(['sso', noon]), position(noon + 99 * HOUR))).toEqual(hourly);
  });

  it('stays small whatever names records bear, and gives up whole hours rather than counts', () => {
    let hourly = empty;
    for (let past = 0; past < 72; past += 1) {
      const second = noon + past * HOUR;
      const counts = { delivered: 1, deadLetters: 0, raw: 0, notSelected: 0, notSelectedAgain: 0 };
      const names = Array.from({ length: 140 }, (_, n) => (n < 40 ? `${'ü'.repeat(37)}${n}` : `service_${n}`));
      const rows = names.map((service) => ({ service, hour: hour + past, ...counts }));
      hourly = added(hourly, rows, position(second));
    }
    const rows = [...hourly.hours.values()].reduce((sum, { size }) => sum + size, 0);
    expect(rows).toBeLessThanOrEqual(1_200);
    expect(JSON.stringify(inMemory(hourly)).length).toBeLessThan(40_000);
    expect(hourly.whole).toBeGreaterThan(hour);
    expect(Math.min(...hourly.hours.keys())).toBeGreaterThanOrEqual(hourly.whole);
    const last = hourly.hours.get(hour + 71)!;
    expect([...last.values()].reduce((sum, row) => sum + accountedRecords(row), 0)).toBe(140);
    expect(last.has(FURTHER)).toBe(true);
  });

  it('of fifteen busy services over three days is kept whole in less than forty kilobytes', () => {
    let hourly = empty;
    for (let past = 0; past <= 72; past += 1) {
      for (let service = 0; service < 15; service += 1) {
        const row = { service: `service_name_${service}`, hour: hour + past };
        const counts = { notSelectedAgain: 0, delivered: 123_456, deadLetters: 12, raw: 0, notSelected: 1_234 };
        hourly = added(hourly, [{ ...row, ...counts }], position(noon + past * HOUR));
        const counted = { ...counts, explained: 5, count: 124_707 };
        hourly = withRows(hourly, [{ ...row, row: counted }]);
      }
    }
    expect(hourly.hours.size).toBe(73);
    expect(JSON.stringify(inMemory(hourly)).length).toBeLessThan(40_000);
  });
});

describe('stored with the position', () => {
  it('comes back as it was', () => {
    const count = fc.option(fc.nat(10), { nil: null });
    const row = fc.record({
      delivered: fc.nat(5),
      deadLetters: fc.nat(5),
      raw: fc.nat(5),
      notSelected: fc.nat(5),
      explained: fc.integer({ min: -3, max: 3 }),
      count: fc.oneof(count, fc.constant(undefined)),
    });
    const place = fc.record({
      hour: fc.integer({ min: hour, max: hour + 20 }),
      service: fc.constantFrom('sso', 'ldap', UNNAMED),
      row,
    });
    fc.assert(
      fc.property(fc.array(place), fc.option(fc.constant(hour + 3), { nil: undefined }), (rows, compared) => {
        const hourly = { ...withRows(empty, rows), compared };
        const memory = JSON.parse(JSON.stringify(inMemory(hourly)));
        expect(ledgerOf(cursorAt('2026-11-03T12:00:00Z', { memory }))).toEqual(hourly);
      }),
    );
  });

  it('is built again where it cannot be read', () => {
    const sound = { whole: hour, services: ['sso'], start: hour, hours: [[[0, 1, 1]]] };
    const read = (hourly: unknown) => ledgerOf(cursorAt('2026-11-03T12:00:00Z', { memory: { tally: hourly } }));
    expect(read(sound).hours.size).toBe(1);
    for (const damaged of [
      undefined,
      null,
      7,
      {},
      { ...sound, whole: 'x' },
      { ...sound, compared: null },
      { ...sound, services: [1] },
      { ...sound, hours: 5 },
      { ...sound, hours: [5] },
      { ...sound, hours: [[5]] },
      { ...sound, hours: [[[1, 1, 1]]] },
      { ...sound, hours: [[[null, 1, 1]]] },
      { ...sound, hours: [[[0, 1, -1]]] },
      { ...sound, hours: [[[0, -2, 1]]] },
      { ...sound, hours: [[[0, 1, 1, 0, 0, 0, 'x']]] },
      { ...sound, hours: Array.from({ length: 1_000 }, () => []) },
    ]) {
      expect(read(damaged)).toEqual(read(undefined));
      expect(read(damaged).hours.size).toBe(0);
    }
  });
});
