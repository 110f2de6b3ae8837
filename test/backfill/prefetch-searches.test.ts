import { expect, it } from 'vitest';
import { prefetchSearches } from '../../collector/backfill/prefetch-searches.js';
import type { Page, Search } from '../../collector/jumpcloud/insights/source.js';
import { processMemory } from '../../collector/pipeline/process-memory.js';

const page = (number: number, bytes = 100): Page => ({
  records: [],
  number,
  last: false,
  serverTime: 0,
  fetchedAt: 0,
  requestId: undefined,
  bytes,
});

async function* searchesOf(count: number): AsyncGenerator<Search> {
  for (let start = 0; start < count; start += 1) yield { services: ['sso'], start, end: start + 1 };
}

/** A source of five pages a search that notes how many searches and bytes were ever in hand. */
function watchedSource(failing?: number) {
  const watched = { running: 0, mostRunning: 0, given: 0, ended: 0 };
  const pages = async function* ({ start }: Search): AsyncGenerator<Page, void, void> {
    watched.running += 1;
    watched.mostRunning = Math.max(watched.mostRunning, watched.running);
    try {
      for (let number = 1; number <= 5; number += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        if (start === failing && number === 3) throw new Error(`search ${start} failed`);
        watched.given += 1;
        yield page(number);
      }
    } finally {
      watched.running -= 1;
      watched.ended += 1;
    }
  };
  return { watched, source: { pages } };
}

const signal = new AbortController().signal;

it('searches run side by side, and come in their order with all their pages', async () => {
  const { watched, source } = watchedSource();
  const seen: string[] = [];
  for await (const { search, pages } of named(
    prefetchSearches(source, searchesOf(6), { searches: 3, bytes: 10_000 }, processMemory, signal),
  )) {
    for await (const { number } of pages()) seen.push(`${search.start}/${number}`);
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5].flatMap((start) => [1, 2, 3, 4, 5].map((number) => `${start}/${number}`)));
  expect(watched.mostRunning).toBe(3);
});

it('no more waits than the limit and one page a search, however slow the consumer is', async () => {
  const { watched, source } = watchedSource();
  let taken = 0;
  for await (const { pages } of named(
    prefetchSearches(source, searchesOf(6), { searches: 3, bytes: 250 }, processMemory, signal),
  )) {
    for await (const _ of pages()) {
      taken += 1;
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(watched.given - taken).toBeLessThanOrEqual(3 + 3);
    }
  }
  expect(taken).toBe(30);
});

it('a failure is met at the search that failed, after the pages that came before it', async () => {
  const { watched, source } = watchedSource(2);
  const seen: string[] = [];
  const reading = async () => {
    for await (const { search, pages } of named(
      prefetchSearches(source, searchesOf(9), { searches: 3, bytes: 10_000 }, processMemory, signal),
    )) {
      for await (const { number } of pages()) seen.push(`${search.start}/${number}`);
    }
  };
  await expect(reading()).rejects.toThrow('search 2 failed');
  expect(seen.at(-1)).toBe('2/2');
  expect(watched.running).toBe(0);
});

it('a consumer that stops early leaves no search running', async () => {
  const { watched, source } = watchedSource();
  for await (const { pages } of named(
    prefetchSearches(source, searchesOf(9), { searches: 3, bytes: 10_000 }, processMemory, signal),
  )) {
    for await (const _ of pages()) break;
    break;
  }
  expect(watched.running).toBe(0);
});

async function* named(searches: ReturnType<typeof prefetchSearches>) {
  for await (const ahead of searches) yield { search: ahead.search, pages: () => ahead.pages() };
}

it('a plan that fails while an earlier search is consumed ends with its failure once the searches before it are read', async () => {
  const { watched, source } = watchedSource();
  async function* failing(): AsyncGenerator<Search> {
    yield* searchesOf(2);
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('the plan failed');
  }
  const seen: string[] = [];
  const reading = async () => {
    for await (const { search, pages } of named(
      prefetchSearches(source, failing(), { searches: 3, bytes: 10_000 }, processMemory, signal),
    )) {
      for await (const { number } of pages()) seen.push(`${search.start}/${number}`);
    }
  };
  await expect(reading()).rejects.toThrow('the plan failed');
  expect(seen.at(-1)).toBe('1/5');
  expect(watched.running).toBe(0);
});
