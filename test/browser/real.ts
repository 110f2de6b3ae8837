/*
 * The real console: a `run` of its own over a simulated tenant, and a page in its browser.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { Tenant, TenantOptions } from '../../fixtures/tenant/tenant.js';
import { folder, type Running, start, tenant } from '../cli/command.js';
import { type Opened, openPage } from './browser.js';

const PASSWORD = 'correct horse battery staple';

export interface RealConsole extends Opened {
  readonly tenant: Tenant;
  /** Where the run works: `console/`, `tables/`. */
  readonly directory: string;
  readonly origin: string;
  readonly running: Running;
  /** Logs in for the first time, as `ana`. */
  begin(): Promise<void>;
}

/**
 * Starts a tenant and a run with its console, and opens a page that is not logged in.
 * @param more further lines of the configuration file
 */
export async function realConsole(
  options: { readonly tenant?: TenantOptions; readonly more?: string; readonly context?: BrowserContextOptions } = {},
): Promise<RealConsole> {
  const simulated = await tenant(options.tenant);
  const directory = folder();
  writeFileSync(
    join(directory, 'config.yaml'),
    [
      'console: { enabled: true, port: 0, directory: ./console, addresses: [127.0.0.1], roots: { tables: . } }',
      'http: { enabled: false }',
      options.more ?? '',
    ].join('\n'),
  );
  // As the image runs it: nothing is compiled or evaluated at run time.
  const running = start(['run', '--config', 'config.yaml'], {
    cwd: directory,
    nodeFlags: ['--disallow-code-generation-from-strings'],
  });
  await running.said(/the console is at http:\/\/127\.0\.0\.1:\d+/);
  await running.said(/#start=\S+/);
  const link = /http:\/\/\S+#start=\S+/.exec(running.stderr())?.[0] ?? '';
  const opened = await openPage(options.context, /Failed to load resource: /);
  return {
    ...opened,
    tenant: simulated,
    directory,
    origin: new URL(link).origin,
    running,
    begin: () => firstLogin(opened.page, link),
  };
}

async function firstLogin(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.getByLabel('User name').fill('ana');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set password and log in' }).click();
  await page.getByRole('heading', { name: 'Data Feeds' }).waitFor();
}

/** Another tab of the same browser: it takes part in the session of the first. */
export async function secondTab(page: Page, origin: string): Promise<Page> {
  const tab = await page.context().newPage();
  await tab.goto(`${origin}/feeds`);
  await tab.getByRole('heading', { name: 'Data Feeds' }).waitFor();
  return tab;
}

/** From the list to the filled form; the key is typed as given. */
export async function fillNewFeed(page: Page, name: string, baseUrl: string, key: string): Promise<void> {
  await page.getByRole('link', { name: 'Add New Data Feed', exact: true }).first().click();
  await page.getByLabel('Search', { exact: true }).fill('jump');
  await page
    .locator('main')
    .getByRole('link', { name: /^JumpCloud/ })
    .click();
  await page.getByRole('link', { name: /^API Ingest/ }).click();
  await page.getByLabel('Feed name').fill(name);
  await page.getByLabel('Owner 1: name').fill('Security Operations');
  await page.getByLabel('Owner 1: e-mail').fill('soc@example.com');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByLabel('API Base URL').fill(baseUrl);
  await page.getByLabel('Token', { exact: true }).fill(key);
  await page
    .getByRole('group', { name: 'Event types' })
    .getByLabel(/^other/)
    .check();
  await page.getByLabel('Start', { exact: true }).selectOption('7d');
}

/** Adds a feed and waits until it is connected. */
export async function addFeed(page: Page, name: string, baseUrl: string, key: string): Promise<void> {
  await fillNewFeed(page, name, baseUrl, key);
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.locator('.sentence', { hasText: 'Connected' }).waitFor();
}
