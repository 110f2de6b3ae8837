/*
 * One Chromium per test file, one context per test. Whatever a page says on its console, throws, or violates of its
 * content security policy fails the test at its end.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { ARGUMENTS, CHROMIUM } from './chromium.js';

/** Where screenshots go: not committed. */
const SHOTS = fileURLToPath(new URL('../../dist/test/browser/screenshots', import.meta.url));

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser | undefined;

/** To be called once at the top of a test file. */
export function useBrowser(more: readonly string[] = []): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS, ...more] });
  });
  afterAll(async () => {
    await browser?.close();
  });
}

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
  if (browser === undefined) throw new Error('useBrowser() first');
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(20_000);
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

/** Violations of WCAG 2.2 AA, as `rule: where`. The page must be of a context with `bypassCSP`. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`),
    );
  });
}

/** True where the page has to be scrolled sideways. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}

/** Pictures of the README by screen; written with README_PICTURES=true. */
const README: Readonly<Record<string, string>> = {
  list: 'feeds',
  'feed-overview': 'feed',
  'feed-completeness': 'completeness',
  'add-test-failed': 'add',
};

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
    const picture = process.env.README_PICTURES === 'true' && scheme === 'light' && width === 1280 && README[name];
    if (picture)
      await page.screenshot({
        path: fileURLToPath(new URL(`../../.github/screenshots/${picture}.png`, import.meta.url)),
      });
    expect(await violations(page), `${name}, ${scheme}, ${width} px`).toEqual([]);
    expect(await scrollsSideways(page), `${name} scrolls sideways at ${width} px`).toBe(false);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}
