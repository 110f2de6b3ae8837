/*
 * One Chromium per process of tests, one context per test. Whatever a page says on its console, throws, or violates of its
 * content security policy fails the test at its end.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { ARGUMENTS, CHROMIUM } from './chromium.js';

/** Where screenshots go: not committed. */
const SHOTS = fileURLToPath(new URL('../../dist/test/browser/screenshots', import.meta.url));

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of all files of this process, which ends after the last one, and Chromium with it. */
let browser: Promise<Browser> | undefined;

export interface Opened {
  readonly page: Page;
  /** All that the page said on its console, threw, or violated. */
  readonly said: readonly string[];
}

/**
 * A page in a context of its own, closed after the test, which fails where the page complained.
 * @param allowed complaints that the test provokes, such as the line that Chromium writes per refused request
 */
export async function openPage(options: BrowserContextOptions = {}, allowed?: RegExp): Promise<Opened> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS] });
  const context = await (await browser).newContext({
    viewport: { width: 1280, height: 900 },
    timezoneId: 'UTC',
    ...options,
  });
  // Only what hangs is to be ended: a busy machine takes its time.
  context.setDefaultTimeout(100_000);
  const said: string[] = [];
  await context.exposeBinding('tellViolation', (_, text: string) => said.push(`violation: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) => {
      const { tellViolation } = window as unknown as { tellViolation(text: string): void };
      tellViolation(`${violatedDirective} ${blockedURI} ${sourceFile}`);
    });
  });
  const page = await context.newPage();
  context.on('console', (message) => {
    // Chromium's advice on forms, which no user is shown: a feed has more than one secret.
    if (!message.text().startsWith('[DOM] ')) said.push(`console: ${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (thrown) => said.push(`error: ${thrown.error().stack ?? thrown.error().message}`));
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') {
      mkdirSync(SHOTS, { recursive: true });
      await page.screenshot({ path: `${SHOTS}/failed.png`, fullPage: true }).catch(() => undefined);
      console.log(
        await page
          .locator('body')
          .innerText()
          .catch(() => ''),
      );
    }
    await context.close();
    expect(said.filter((line) => !allowed?.test(line))).toEqual([]);
  });
  return { page, said };
}

/** What depends on colours, of the rules. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/**
 * Violations of WCAG 2.2 AA, as `rule: where`. The page must be of a context with `bypassCSP`.
 * @param only these rules; default: all
 */
export async function violations(page: Page, only?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  return page.evaluate(
    async (rules) => {
      const { axe } = window as unknown as { axe: typeof import('axe-core') };
      const { violations } = await axe.run(document, {
        runOnly: rules ?? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        // Nothing but violations is looked at.
        resultTypes: ['violations'],
      });
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`),
      );
    },
    only && [...only],
  );
}

/** True where the page has to be scrolled sideways. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}

/** Pictures of the README by screen. */
const README: Readonly<Record<string, string>> = {
  list: 'feeds',
  'feed-overview': 'feed',
  'feed-completeness': 'completeness',
  'add-test-failed': 'add',
};

const PICTURES = new URL('../../.github/screenshots/', import.meta.url);
const SHOWN = new URL('shown.json', PICTURES);

const digestOf = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

/**
 * Holds that the README's picture is of the page as it is now, by its words, and shows nobody real. With
 * README_PICTURES=true it is made again.
 */
async function holdPicture(page: Page, picture: string): Promise<void> {
  const path = fileURLToPath(new URL(`${picture}.png`, PICTURES));
  // Days, and how long ago they are, change by themselves.
  const words = (await page.locator('body').innerText()).replaceAll(
    /\((in )?\d+ (s|min|h|d)( ago)?\)|\d{4}-\d\d-\d\d/g,
    '',
  );
  for (const [address] of words.matchAll(/[\w.-]+@[\w.-]+/g)) expect(address).toMatch(/@example\.com$/);
  const shown = existsSync(SHOWN) ? JSON.parse(readFileSync(SHOWN, 'utf8')) : {};
  const isMade = process.env.README_PICTURES === 'true';
  if (isMade) await page.screenshot({ path });
  const now = { words: digestOf(words), picture: digestOf(readFileSync(path)) };
  if (isMade) writeFileSync(SHOWN, `${JSON.stringify({ ...shown, [picture]: now }, undefined, 2)}\n`);
  else expect(now, `${picture}.png is old: README_PICTURES=true npm run test:browser`).toEqual(shown[picture]);
}

/** Each screen in both schemes and both widths: axe is content, nothing scrolls sideways, and a picture is kept. */
const LOOKS = [
  { scheme: 'light', width: 1280 },
  { scheme: 'dark', width: 1280 },
  { scheme: 'light', width: 320 },
  { scheme: 'dark', width: 320 },
] as const;

/** Holds what must be true of each screen in each look, and keeps a picture of it. */
export async function inspect(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  for (const { scheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png`, fullPage: true });
    if (README[name] !== undefined && scheme === 'light' && width === 1280) await holdPicture(page, README[name]);
    // A scheme changes colours and nothing else.
    const rules = scheme === 'dark' ? OF_COLOURS : undefined;
    expect(await violations(page, rules), `${name}, ${scheme}, ${width} px`).toEqual([]);
    expect(await scrollsSideways(page), `${name} scrolls sideways at ${width} px`).toBe(false);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}
