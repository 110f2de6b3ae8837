import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { inspect, openPage } from './browser.js';
import { addFeed, realConsole } from './real.js';

/** Invites an operator, who logs in with a browser of their own. */
async function colleague(admin: Page, name: string): Promise<Page> {
  const link = await admin.evaluate(async (user) => {
    const answer = await fetch('/api/v1/users', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-console-proof': sessionStorage.getItem('console.proof') ?? '',
      },
      body: JSON.stringify({ name: user, role: 'operator' }),
    });
    return ((await answer.json()) as { link: string }).link;
  }, name);
  const { page } = await openPage({}, /Failed to load resource: /);
  await page.goto(link);
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple');
  await page.getByLabel('Password again').fill('correct horse battery staple');
  await page.getByRole('button', { name: 'Set password and log in' }).click();
  await page.getByRole('heading', { name: 'Data Feeds' }).waitFor();
  return page;
}

it('an action goes from a plan over the approval of another to one write that is verified, and is undone', async () => {
  const { page, begin, tenant, directory, origin, running } = await realConsole({
    tenant: { records: 20, directory: { users: 40, groups: 6, administrators: 8 }, serviceAccounts: [{}] },
    more: 'respond: { allow: [disable-user, enable-user, expire-password], directory: ./respond }',
    context: { bypassCSP: true },
  });
  const bodies: Promise<string>[] = [];
  page.context().on('response', (response) => bodies.push(response.text().catch(() => '')));
  const account = tenant.serviceAccounts[0]!;
  const linked = tenant.directory
    .ids('users')
    .map((id) => tenant.directory.get('users', id)!)
    .find((user) => user.admin != null && user.state === 'ACTIVATED')!;
  const [id, username] = [String(linked._id), String(linked.username)];
  const writes = () => tenant.directory.writes.filter(({ byRequest }) => byRequest).length;
  const go = async (on: Page, path: string, heading: RegExp) => {
    await on.goto(`${origin}${path}`);
    await on.getByRole('heading', { name: heading, level: 1 }).waitFor();
  };
  const state = (on: Page, text: string) => on.locator('.sentence', { hasText: text }).waitFor();
  await begin();
  await addFeed(page, 'north', tenant.baseUrl, tenant.apiKey);

  await page.getByRole('link', { name: 'Response', exact: true }).click();
  await page.getByText('There is none yet: nothing can be planned.').waitFor();
  await page.getByRole('button', { name: 'Add…' }).click();
  await page.getByLabel('Client ID').fill(account.clientId);
  await page.getByLabel('Client Secret', { exact: true }).fill(account.clientSecret);
  await page.getByLabel('Organization ID').fill(tenant.organization);
  await inspect(page, 'response-account');
  await page.getByRole('button', { name: 'Save Service Account' }).click();
  await page.getByText('The service account reads what an action reads.').waitFor();
  await page.getByRole('button', { name: 'Rotate' }).waitFor();

  // A link to what is not allowed opens no form of something else.
  for (const [asked, answer] of [
    ['feed=north&verb=remove-from-group&user=x&group=y', 'does not hold remove-from-group'],
    ['feed=south&verb=disable-user&user=x', 'Response is off for the feed south'],
  ]) {
    await go(page, `/response/new?${asked}`, /Plan/);
    await page.locator('main').getByText(answer!).waitFor();
    expect(await page.getByLabel('User').count()).toBe(0);
  }

  const ben = await colleague(page, 'ben');
  await go(
    page,
    `/response/new?${new URLSearchParams({ feed: 'north', verb: 'expire-password', user: username })}`,
    /Plan/,
  );
  await page.getByText('It cannot be undone. Use disable-user to contain.').waitFor();
  await page.getByLabel('Action', { exact: true }).selectOption('disable-user');
  await page.getByLabel('Reason').fill('INC-1: stolen laptop');
  await inspect(page, 'response-new');
  await page.getByRole('button', { name: 'Plan (nothing is sent)' }).click();
  await state(page, 'Waiting for approval, not executed');
  await page.getByText('NOT EXECUTED (plan only).').waitFor();
  expect(await page.getByRole('button', { name: 'Approve…' }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Run…' }).count()).toBe(0);
  await inspect(page, 'response-waiting');
  expect(writes()).toBe(0);

  const approve = async () => {
    await go(ben, new URL(page.url()).pathname, /able-user/);
    await ben.getByRole('button', { name: 'Approve…' }).click();
    await ben.getByRole('dialog').getByText(id).waitFor();
    await ben.getByRole('button', { name: 'Approve', exact: true }).click();
    await state(ben, 'Planned, not executed');
    await state(page, 'Planned, not executed');
  };
  await approve();
  await page.getByRole('button', { name: 'Run…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(id).waitFor();
  await dialog.getByText('It is sent to JumpCloud once').waitFor();
  await inspect(page, 'response-run');
  await page.getByRole('button', { name: 'Run disable-user', exact: true }).click();
  await state(page, 'Done and verified');
  expect(writes()).toBe(1);
  expect(tenant.directory.get('users', id)).toMatchObject({ state: 'SUSPENDED' });
  await inspect(page, 'response-verified');

  await page.getByRole('button', { name: 'Undo…' }).click();
  await page.getByRole('button', { name: 'Plan the undo' }).click();
  await page.getByRole('heading', { name: /^enable-user/, level: 1 }).waitFor();
  await state(page, 'Waiting for approval, not executed');
  expect(writes()).toBe(1);
  await approve();
  await page.getByRole('button', { name: 'Run…' }).click();
  await page.getByRole('button', { name: 'Run enable-user', exact: true }).click();
  await state(page, 'Done and verified');
  expect(writes()).toBe(2);
  expect(tenant.directory.get('users', id)).toMatchObject({ state: 'ACTIVATED' });

  await page.getByRole('link', { name: 'Response', exact: true }).click();
  await page.getByText('2 actions; the journal’s chain is whole.').waitFor();
  await inspect(page, 'response-history');
  await page.getByLabel('State').selectOption('failed');
  await page.getByText('0 actions; the journal’s chain is whole.').waitFor();

  const seen = [await page.content(), ...(await Promise.all(bodies)), running.stderr(), running.stdout()].join('\n');
  expect(seen).toContain(account.clientId);
  expect(seen).not.toContain(account.clientSecret);
  const holding = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(account.clientSecret));
  expect(holding.map((path) => path.includes('secrets'))).toEqual([true]);
});
