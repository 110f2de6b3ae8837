import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CollectorError } from '../../../collector/errors.js';
import { type AskPage, readPages } from '../../../collector/jumpcloud/insights/pages.js';
import { ResumePoint } from '../../../collector/jumpcloud/insights/resume-point.js';
import type { Search } from '../../../collector/jumpcloud/insights/source.js';
import { formatInstant } from '../../../mappings/instant.js';

const START = Date.UTC(2026, 10, 1);
const CAP = 600;
const search: Search = { services: ['sso'], start: START / 1000 };

/** An element, and where it stands in JumpCloud's order. */
interface Element {
  readonly text: string;
  readonly ms: number;
}

/** JumpCloud over these elements: cursors hold for one body only. */
function upstream(elements: readonly Element[], timelessFirst: boolean) {
  const limits: number[] = [];
  const isTimeless = ({ text }: Element) => !text.includes('timestamp');
  const sorted = elements.toSorted((a, b) =>
    timelessFirst && isTimeless(a) !== isTimeless(b) ? Number(isTimeless(b)) - Number(isTimeless(a)) : a.ms - b.ms,
  );
  const ask: AskPage = async (body, read, beyond) => {
    const { start_time, end_time, limit, search_after } = JSON.parse(body);
    const { search_after: _, ...bare } = JSON.parse(body);
    const key = createHash('sha256').update(JSON.stringify(bare)).digest('hex');
    if (search_after !== undefined && search_after[1] !== key) throw new Error('a cursor of another body');
    limits.push(limit);
    const end = end_time === undefined ? Number.POSITIVE_INFINITY : Date.parse(end_time);
    const found = sorted.filter(
      (one) => (timelessFirst && isTimeless(one)) || (one.ms >= Date.parse(start_time) && one.ms <= end),
    );
    const from = search_after?.[0] ?? 0;
    const whole = Buffer.from(`[${found.slice(from, from + limit).map(({ text }) => text)}]`);
    const reader = whole.length > CAP ? beyond?.() : undefined;
    if (whole.length > CAP && reader === undefined) throw new CollectorError('RESPONSE_TOO_LARGE', 'x', { cure: 'y' });
    reader?.write(whole);
    const passed = reader?.end();
    if (typeof passed === 'string') throw new Error(passed);
    const headers = { 'x-search_after': JSON.stringify([from + limit, key]), 'x-limit': String(limit) };
    return read({ status: 200, headers, body: passed?.body ?? whole, passed, arrivedAt: 0 } as never);
  };
  return { ask, limits, sorted };
}

async function readAll(ask: AskPage, limit: number, end?: number) {
  const size = { limit, configured: limit, maxBytes: CAP };
  let ids: string[] = [];
  for await (const page of readPages(end === undefined ? search : { ...search, end }, ask, size, {}, () => START)) {
    if (page.number === 1) ids = [];
    ids.push(...page.records.map(({ text }) => text));
  }
  return { ids, size };
}

const record = (ms: number, rest: object) =>
  JSON.stringify({ ...rest, timestamp: formatInstant(BigInt(ms) * 1_000_000n) });

describe('a search whose pages are too large at times', () => {
  const element = fc
    .record({
      at: fc.nat({ max: 12 }),
      fraction: fc.constantFrom(0, 0, 250, 999),
      kind: fc.constantFrom('own', 'own', 'own', 'equal', 'timeless', 'equal timeless'),
      size: fc.constantFrom(0, 0, 0, 0, 40, 200, 2_000),
    })
    .map((one) => ({ ...one, ms: START + one.at * 1000 + one.fraction }));
  const elements = fc.array(element, { maxLength: 60 }).map((found) =>
    found.map(({ ms, kind, size }, index): Element => {
      // Members beyond the first few kilobytes are dropped where a record is read past: of the same kind for all of them.
      const rest = { ...(kind === 'own' && { id: `r${index}` }), ...(size > 0 && { text: 'x'.repeat(size) }) };
      if (kind === 'timeless') return { ms, text: JSON.stringify({ n: index, ...rest }) };
      return { ms, text: kind === 'equal timeless' ? '{}' : record(ms, rest) };
    }),
  );

  it('shows each record once, in order, whatever its cursors hold for and wherever those without a time lie', async () => {
    await fc.assert(
      fc.asyncProperty(
        elements,
        fc.constantFrom(1, 2, 3, 8, 50),
        fc.boolean(),
        fc.option(fc.nat({ max: 13 }), { nil: undefined }),
        async (found, limit, timelessFirst, seconds) => {
          const end = seconds === undefined || seconds === 0 ? undefined : START / 1000 + seconds;
          const { ask, sorted } = upstream(found, timelessFirst);
          const { ids } = await readAll(ask, limit, end);
          const expected = sorted.filter(
            (one) => end === undefined || one.ms <= end * 1000 || (timelessFirst && !one.text.includes('timestamp')),
          );
          expect(ids.toSorted()).toEqual(expected.map(({ text }) => text).toSorted());
        },
      ),
      { seed: Number(process.env.RESUME_SEED ?? 20261128), numRuns: Number(process.env.RESUME_RUNS ?? 500) },
    );
  });

  it('goes back to its limit once the second of a record that was read past is over, and keeps it', async () => {
    const records = Array.from({ length: 1_000 }, (_, index): Element => {
      const ms = START + index * 500;
      return { ms, text: record(ms, { id: `r${index}`, ...(index === 400 && { text: 'x'.repeat(5_000) }) }) };
    });
    const { ask, limits, sorted } = upstream(records, false);
    const { ids, size } = await readAll(ask, 10);
    expect(ids).toHaveLength(sorted.length);
    expect(limits.filter((limit) => limit === 1).length).toBeLessThan(10);
    expect(limits.length).toBeLessThan(1_000 / 10 + 20);
    expect(size.limit).toBe(10);
  });

  it('is not slowed down by the halving of another one beside it', async () => {
    const { ask, limits } = upstream([{ ms: START, text: record(START, { id: 'a', text: 'x'.repeat(5_000) }) }], false);
    const size = { limit: 8, configured: 8, maxBytes: CAP };
    const pages = () => readPages(search, ask, size, {}, () => START);
    const [one, other] = [pages(), pages()];
    const both = await Promise.all([one.next(), other.next()]);
    expect(both.map(({ value }) => value?.records.length)).toEqual([1, 1]);
    // Each halved its own limit: 8, 4, 2, 1.
    expect(limits.toSorted((a, b) => b - a)).toEqual([8, 8, 4, 4, 2, 2, 1, 1]);
  });
});

const timed = { timestamp: '2026-11-01T00:00:01Z' };
it.each([
  ['lie on one second', [timed]],
  ['have no time', [{}]],
  ['have no time, before one that has', [{}, timed]],
])('however many records %s, little of them is kept', (_, kinds) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const point = new ResumePoint(0);
  const used = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (const kind of kinds)
    for (let number = 0; number < 200; number += 1) {
      const records = Array.from({ length: 100 }, (_, index) => {
        const value = { id: `${number}/${index}`, text: 'x'.repeat(4_000), ...kind };
        return { text: JSON.stringify(value), value, depth: 1 };
      });
      expect(point.take(records)).toHaveLength(100);
    }
  expect(used() - before).toBeLessThan(16e6);
  expect(point.isUsable).toBe(false);
});
