import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { compareTables } from '../cli/command.js';
import { HOUR, plantGap } from '../cli/repairing.js';
import { addFeed, fillNewFeed, realConsole, secondTab } from './real.js';

async function save(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save…' }).click();
  await page.getByRole('button', { name: 'Save and apply' }).click();
}

it('A8 A15: a form is handed over and taken up; of two editors the second is refused, and a revision is restored', async () => {
  const { page, begin, tenant, origin } = await realConsole();
  await begin();
  await fillNewFeed(page, 'north', tenant.baseUrl, tenant.apiKey);
  await page.getByRole('button', { name: 'Hand over…' }).click();
  await page.getByRole('button', { name: 'Keep the form' }).click();
  await page.getByRole('link', { name: 'Write an e-mail' }).waitFor();
  const tab = await secondTab(page, origin);
  await tab.getByText('waiting for a key from Security Operations').waitFor();
  await tab.getByRole('link', { name: 'Continue' }).click();
  await expect.poll(() => tab.getByLabel('API Base URL').inputValue()).toBe(tenant.baseUrl);
  expect(await tab.getByLabel('Token', { exact: true }).inputValue()).toBe('');
  await tab.getByLabel('Token', { exact: true }).fill(tenant.apiKey);
  await tab.getByRole('button', { name: 'Submit', exact: true }).click();
  await tab.locator('.sentence', { hasText: 'Connected' }).waitFor();

  page.on('dialog', (dialog) => dialog.accept());
  await page.goto(`${origin}/feeds/north/settings`);
  await page.getByLabel('Description').fill('of the first');
  await tab.getByRole('link', { name: 'Settings', exact: true }).click();
  await tab.getByLabel('Polling Interval', { exact: true }).selectOption('5m');
  await save(tab);
  await tab.getByText(/Saved and applied/).waitFor();
  await save(page);
  await page.getByText('ana saved this feed in the meantime').waitFor();
  expect(await page.getByLabel('Description').inputValue()).toBe('of the first');
  await page.getByRole('button', { name: 'Load what is in force (drops your changes)' }).click();
  await expect.poll(() => page.getByLabel('Polling Interval', { exact: true }).inputValue()).toBe('5m');
  await page.getByLabel('Description').fill('of the first');
  await save(page);
  await page.getByText(/Saved and applied: live/).waitFor();

  await page.getByText('Revisions', { exact: true }).click();
  await page.getByRole('button', { name: 'Put in force again' }).last().click();
  await expect.poll(() => page.locator('.rows li').first().innerText()).toContain('restored');
  await page.goto(`${origin}/audit`);
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByText('The chain is whole').waitFor();
  await page.getByText('restoreRevision').first().waitFor();
});

it('A10: hours are read again from the page, and what was missing is delivered, once', async () => {
  const { page, begin, tenant, directory, running } = await realConsole({ more: 'reconcile: { enabled: false }' });
  await begin();
  await addFeed(page, 'north', tenant.baseUrl, tenant.apiKey);
  plantGap(tenant, 20, 5 * HOUR);
  await page.getByRole('button', { name: 'Mend…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Read again').check();
  const at = (age: number) => new Date(Date.now() - age * HOUR).toISOString().replace(/\.\d+/, '');
  await dialog.getByRole('textbox', { name: 'From' }).fill(at(6));
  await dialog.getByRole('textbox', { name: 'To' }).fill(at(4));
  await dialog.getByRole('button', { name: 'Read again', exact: true }).click();
  await page.getByText(/^Done/).first().waitFor();
  await page.getByRole('link', { name: 'Completeness', exact: true }).click();
  running.child.kill('SIGTERM');
  await running.ended;
  const tables =
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((name) => /tables$/.test(name)) ?? '';
  const { missing, repeated, unknown } = await compareTables(join(directory, tables), tenant);
  expect({ missing, repeated, unknown }).toEqual({ missing: 0, repeated: 0, unknown: 0 });
});

it('A3: a test that is cancelled ends at once, and leaves the form and nothing else', async () => {
  const { page, begin, tenant, directory } = await realConsole({ tenant: { latency: 5_000 } });
  await begin();
  await fillNewFeed(page, 'north', tenant.baseUrl, tenant.apiKey);
  // The console's own events are delivered meanwhile.
  const files = () =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((path) => !path.includes('collector_activity'))
      .sort();
  const before = files();
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('Testing…').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('The test was cancelled. Nothing was saved.').waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe(tenant.apiKey);
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('Testing…').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(files).toEqual(before);
});
