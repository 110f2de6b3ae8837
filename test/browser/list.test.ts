import { expect, it } from 'vitest';
import type { FeedList } from '../../collector/console/answers.js';
import { STATES } from '../../collector/console/state-words.js';
import { inspect, scrollsSideways } from './browser.js';
import { everyState, hostileList, longTexts, summary } from './samples.js';
import { admin, scripted } from './scripted.js';

const empty: FeedList = { feeds: [], removed: [], drafts: [] };

it('X1 X4 X5 C5: the list shows one feed in each state, and is accessible and whole in every look', async () => {
  const { page, visit } = await scripted({ listFeeds: () => ({ value: everyState }) }, { bypassCSP: true });
  await visit('/feeds');
  for (const { word } of Object.values(STATES)) await page.locator('.state', { hasText: word }).first().waitFor();
  await page.getByText('Incomplete: 12 records missing').waitFor();
  expect(await page.locator('tbody tr').first().textContent()).toContain('Invalid configuration');
  await inspect(page, 'list');
});

it('C2: an empty list leads to Add New Data Feed under Data › Data Feeds', async () => {
  const { page, visit } = await scripted({ listFeeds: () => ({ value: empty }) }, { bypassCSP: true });
  await visit('/feeds');
  await page.getByRole('link', { name: 'Add New Data Feed', exact: true }).first().waitFor();
  expect(await page.getByRole('navigation', { name: 'Breadcrumb' }).innerText()).toMatch(/Data\s*Data Feeds/);
  await inspect(page, 'list-empty');
});

it.each([
  ['a page of a proxy', '<html>Log in to the proxy</html>', 'text/html'],
  ['an answer that was cut', '{"feeds": [', 'application/json'],
])('%s is no answer: the list says so, and goes on when the console answers', async (_, text, type) => {
  let isBack = false;
  const { page, visit } = await scripted({
    listFeeds: () =>
      isBack ? { value: everyState } : { value: text as unknown as FeedList, headers: { 'content-type': type } },
  });
  await visit('/feeds');
  await page.getByText('The console does not answer').first().waitFor();
  isBack = true;
  await page.getByText('feed-connected').waitFor();
});

it('a viewer is offered nothing that only an administrator may do', async () => {
  const { page, visit } = await scripted(
    { listFeeds: () => ({ value: everyState }) },
    { session: { ...admin, role: 'viewer' } },
  );
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  for (const name of ['Add New Data Feed', 'Users', 'Audit', 'API tokens', 'Query'])
    expect(await page.getByRole('link', { name, exact: true }).count(), name).toBe(0);
  expect(await page.getByRole('button', { name: 'Restore' }).count()).toBe(0);
});

it('P1: a hundred feeds are filtered at once, in at most 3,000 elements', async () => {
  const feeds = Array.from({ length: 100 }, (_, index) => summary({ name: `feed-${String(index).padStart(3, '0')}` }));
  const { page, visit } = await scripted({ listFeeds: () => ({ value: { ...empty, feeds } }) });
  await visit('/feeds');
  await page.getByText('feed-099').waitFor();
  expect(await page.locator('*').count()).toBeLessThanOrEqual(3_000);
  await page.getByRole('searchbox').fill('feed-04');
  await page.getByText('10 of 100 feeds').waitFor();
  expect(await page.locator('tbody tr').count()).toBe(10);
  expect(page.url()).toContain('q=feed-04');
});

it('P1: what has not changed is asked for by its ETag and kept', async () => {
  let unchanged = 0;
  const { page, visit } = await scripted({
    listFeeds: ({ headers }) => {
      if (headers['if-none-match'] !== '"1"') return { value: everyState, headers: { etag: '"1"' } };
      unchanged += 1;
      return { status: 304 };
    },
  });
  await page.clock.install();
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  await page.clock.runFor(6_000);
  await expect.poll(() => unchanged).toBeGreaterThan(0);
  await page.getByText('feed-connected').waitFor();
});

it('S6: hostile text stays text, its controls are seen, and it takes over no layout', async () => {
  const { page, visit } = await scripted({ listFeeds: () => ({ value: hostileList }) });
  await visit('/feeds');
  await page.getByRole('rowheader').first().waitFor();
  await page.getByText('Removed within').click();
  const text = await page.locator('main').innerText();
  for (const glyph of ['⟨U+202E⟩', '⟨U+2066⟩', '␛', '<script>', '{{constructor}}']) expect(text).toContain(glyph);
  for (const control of ['\u202e', '\u2066', '\u001b']) expect(text).not.toContain(control);
  expect(await page.evaluate('window.pwned')).toBeUndefined();
  expect(text.length).toBeLessThan(60_000);
  expect(await scrollsSideways(page)).toBe(false);
});

it('X4 X7: long names, ten owners and right-to-left words break nothing at 320 px', async () => {
  const { page, visit } = await scripted({ listFeeds: () => ({ value: longTexts }) }, { bypassCSP: true });
  await visit('/feeds');
  await page.getByText('a'.repeat(64)).waitFor();
  await inspect(page, 'list-long');
});

it('X6: a moment reads the same in UTC and in Kathmandu, each with its zone', async () => {
  const { page, visit } = await scripted(
    { listFeeds: () => ({ value: everyState }) },
    { timezoneId: 'Asia/Kathmandu' },
  );
  await visit('/feeds');
  await page.getByText('2026-11-28 14:35:51 UTC').first().waitFor();
  await page.getByText('Local (UTC+05:45)').click();
  await page.getByText('2026-11-28 20:20:51 UTC+05:45').first().waitFor();
  expect(await page.locator('time').first().getAttribute('datetime')).toMatch(/Z$/);
});

it('a console that is not reached keeps its figures and says how old they are', async () => {
  let isGone = false;
  const { page, visit } = await scripted({
    listFeeds: () =>
      isGone ? { problem: { status: 503, title: 'Not ready', detail: 'Later.' } } : { value: everyState },
  });
  await page.clock.install();
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  isGone = true;
  for (let round = 0; round < 6; round += 1) await page.clock.runFor(6_000);
  await page.getByText('the console is not reachable').waitFor();
  await page.getByText('feed-connected').waitFor();
  isGone = false;
  for (let round = 0; round < 3; round += 1) await page.clock.runFor(6_000);
  await expect.poll(() => page.getByText('the console is not reachable').count()).toBe(0);
});

it('a console that takes questions and never answers is not reached: its figures are shown as old', async () => {
  let hangs = false;
  const { page, visit } = await scripted({
    listFeeds: () => (hangs ? new Promise(() => {}) : { value: everyState }),
  });
  await page.clock.install();
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  hangs = true;
  for (let round = 0; round < 6; round += 1) await page.clock.runFor(6_000);
  await page.getByText('the console is not reachable').waitFor();
  hangs = false;
  for (let round = 0; round < 5; round += 1) await page.clock.runFor(6_000);
  await expect.poll(() => page.getByText('the console is not reachable').count()).toBe(0);
});

it('P5: a page that is left open for eight hours holds what it held, and asks nothing while it is in the background', async () => {
  const { page, visit, asked } = await scripted({ listFeeds: () => ({ value: everyState }) });
  await page.clock.install();
  await visit('/feeds');
  await page.getByText('feed-connected').first().waitFor();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const measured = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (name: string) => metrics.find((metric) => metric.name === name)!.value;
    return { nodes: of('Nodes'), listeners: of('JSEventListeners'), heap: of('JSHeapUsedSize') };
  };
  const polls = () => asked.filter(({ id }) => id === 'listFeeds').length;
  const leave = async (minutes: number) => {
    for (let at = 0; at < minutes; at += 5) await page.clock.runFor(5 * 60_000);
  };
  await leave(30);
  expect(polls()).toBeGreaterThan(1);
  const before = await measured();
  const then = polls();
  await leave(8 * 60);
  expect(polls()).toBeGreaterThan(then + 40);
  const after = await measured();
  expect(after.nodes).toBeLessThanOrEqual(before.nodes * 1.2);
  expect(after.listeners).toBeLessThanOrEqual(before.listeners * 1.2);
  expect(after.heap).toBeLessThan(before.heap * 1.5);
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
    Object.defineProperty(document, 'hidden', { value: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await leave(5);
  const hidden = polls();
  await leave(8 * 60);
  expect(polls()).toBe(hidden);
});
