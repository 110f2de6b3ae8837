import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compareTables } from '../cli/command.js';
import { addFeed, fillNewFeed, realConsole } from './real.js';

/** Files below a folder that hold a text. */
function holding(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

it('A1 S7: from the one-time link to a connected feed, whose key lies in one file alone', async () => {
  const { page, begin, tenant, directory, running } = await realConsole();
  const bodies: Promise<string>[] = [];
  page.on('response', (response) => bodies.push(response.text().catch(() => '')));
  await begin();
  await fillNewFeed(page, 'north', tenant.baseUrl, `"${tenant.apiKey}" `);
  await page.getByLabel('API Base URL').focus();
  await page.getByText('quotes around it').waitFor();
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('JumpCloud took the header').waitFor();
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page
    .locator('.sentence')
    .filter({ hasText: /Starting|Syncing|Connected/ })
    .waitFor();
  await page.locator('.sentence', { hasText: 'Connected' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/feeds/north');
  for (const tab of ['Completeness', 'Late and repeats', 'Dead letters', 'Log', 'Settings']) {
    await page.getByRole('link', { name: tab, exact: true }).click();
    await page.waitForTimeout(300);
  }
  await page.getByText(/^Stored, …/).waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('');
  for (const summary of ['Every key in force', 'Revisions', 'Copy as YAML']) await page.getByText(summary).click();
  await page.waitForTimeout(500);
  await page.getByRole('link', { name: 'Query', exact: true }).click();
  await page.getByRole('button', { name: 'user_name', exact: true }).first().waitFor();
  await page.getByLabel('SQL', { exact: true }).fill('SELECT count(*) AS n FROM events');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('1 row in').waitFor();
  expect(Number(await page.locator('.scroll tbody td').first().innerText())).toBeGreaterThan(0);
  const seen = [await page.content(), ...(await Promise.all(bodies)), running.stderr(), running.stdout()].join('\n');
  expect(seen).toContain('north');
  expect(seen).not.toContain(tenant.apiKey);
  expect(holding(directory, tenant.apiKey).map((path) => path.includes('secrets'))).toEqual([true]);
});

it('A2: a wrong token and a wrong address are named by the test with their field, and nothing is saved', async () => {
  const { page, begin, tenant, directory } = await realConsole();
  await begin();
  await fillNewFeed(page, 'north', tenant.baseUrl, 'jca_not_the_key_0123456789abcdef');
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('It does not work yet.').waitFor();
  await page.locator('.finding.bad').getByText('401').waitFor();
  await page.getByRole('button', { name: 'Go to jumpcloud.apiKey' }).first().click();
  await page.getByLabel('API Base URL').fill('https://evil.example/insights/directory/v1');
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page
    .locator('.findings')
    .getByText(/evil\.example|address/i)
    .first()
    .waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('jca_not_the_key_0123456789abcdef');
  expect(
    readdirSync(join(directory, 'console'))
      .filter((name) => name.startsWith('feeds'))
      .flatMap((name) => readdirSync(join(directory, 'console', name))),
  ).toEqual([]);
});

it('A4: a key that JumpCloud revokes is renewed from the page, and nothing is lost', async () => {
  const { page, begin, tenant, directory } = await realConsole();
  await begin();
  await addFeed(page, 'north', tenant.baseUrl, tenant.apiKey);
  const next = tenant.issueKey();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.locator('.sentence', { hasText: 'Not reading' }).waitFor();
  await page.getByRole('button', { name: 'Renew key…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Token').fill('jca_foreign_0123456789abcdefghij');
  await dialog.getByRole('button', { name: 'Renew key', exact: true }).click();
  await dialog.getByRole('alert').waitFor();
  if (await dialog.getByRole('button', { name: 'Try another key' }).isVisible())
    await dialog.getByRole('button', { name: 'Try another key' }).click();
  await dialog.getByLabel('Token').fill(next.key);
  await dialog.getByRole('button', { name: 'Renew key', exact: true }).click();
  await dialog.getByText('Done:').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.sentence', { hasText: 'Connected' }).waitFor();
  expect(holding(join(directory, 'console'), 'jca_foreign_0123456789abcdefghij')).toEqual([]);
});

it('A6 A7: a feed is paused, resumed, removed and restored, and goes on from its position without a loss', async () => {
  const { page, begin, tenant, directory, running } = await realConsole();
  await begin();
  await addFeed(page, 'north', tenant.baseUrl, tenant.apiKey);
  await page.getByRole('button', { name: 'Pause…' }).click();
  await page.getByLabel('Reason').fill('audit of the year');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.locator('.sentence', { hasText: /Paused: by ana.*audit of the year/ }).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.locator('.sentence', { hasText: 'Connected' }).waitFor();
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByRole('button', { name: 'Remove this feed…' }).click();
  await page.getByLabel(/Type the feed’s name/).fill('north');
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('No feeds yet').waitFor();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.locator('tbody .state', { hasText: 'Connected' }).waitFor();
  running.child.kill('SIGTERM');
  await running.ended;
  const tables =
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((name) => /tables$/.test(name)) ?? '';
  const { missing, repeated, unknown } = await compareTables(join(directory, tables), tenant);
  expect({ missing, repeated, unknown }).toEqual({ missing: 0, repeated: 0, unknown: 0 });
});
