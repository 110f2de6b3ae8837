import { expect, it } from 'vitest';
import { inspect } from './browser.js';
import { everyState } from './samples.js';
import { admin, scripted } from './scripted.js';

const list = { listFeeds: () => ({ value: everyState }) };

it('A1: the one-time link sets a password, logs in, and leaves the address', async () => {
  const { page, visit, asked } = await scripted(
    { ...list, login: () => ({ value: { ...admin, proof: 'p' } }) },
    { session: null, bypassCSP: true },
  );
  await visit('/#start=one-time-token');
  await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
  expect(page.url()).not.toContain('one-time-token');
  await inspect(page, 'first-login');
  await page.getByLabel('User name').fill('ana');
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await page.getByLabel('Password again').fill('correct horse batterx');
  await page.getByText('The two passwords differ.').waitFor();
  await page.getByLabel('Password again').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Data Feeds' }).waitFor();
  expect(asked.filter(({ id }) => id === 'login').map(({ body }) => body)).toEqual([
    { token: 'one-time-token', password: 'correct horse battery', user: 'ana' },
  ]);
});

it('a wrong password is refused with one text, which takes the focus', async () => {
  const refusal = { status: 401, title: 'Not logged in', detail: 'User name or password is wrong.', retryAfter: 4 };
  const { page, visit } = await scripted(
    { ...list, login: () => ({ problem: refusal }) },
    { session: null, bypassCSP: true },
  );
  await visit('/feeds');
  await page.getByLabel('User name').fill('ana');
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('User name or password is wrong.').waitFor();
  await page.getByText('tried again in 4 seconds').waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert');
  await inspect(page, 'login');
});

it('P6: a session that ends brings the login over the page, which stays', async () => {
  let isOver = false;
  const { page, visit } = await scripted(
    {
      listFeeds: () =>
        isOver ? { problem: { status: 401, title: 'No session', detail: 'Log in.' } } : { value: everyState },
      login: () => {
        isOver = false;
        return { value: { ...admin, proof: 'q' } };
      },
    },
    { bypassCSP: true },
  );
  await page.clock.install();
  await visit('/feeds');
  await page.getByRole('searchbox').fill('feed-con');
  isOver = true;
  await page.clock.runFor(6_000);
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
  await dialog.waitFor();
  await inspect(page, 'login-again');
  await dialog.getByLabel('User name').fill('ana');
  await dialog.getByLabel('Password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await expect.poll(() => dialog.count()).toBe(0);
  expect(await page.getByRole('searchbox').inputValue()).toBe('feed-con');
});

it('Log out ends the session in this tab too', async () => {
  const { page, visit, asked } = await scripted({ ...list, logout: () => ({}) });
  await visit('/feeds');
  await page.getByText('ana (admin)').click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(asked.some(({ id }) => id === 'logout')).toBe(true);
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

it('X2: the first Tab reaches the skip link, which leads to the content', async () => {
  const { page, visit } = await scripted(list);
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
});

it('tabs of one origin share the session: a second one needs no login, and Log out ends all', async () => {
  const { page, visit } = await scripted({ ...list, logout: () => ({}) }, { session: null });
  await visit('/feeds');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.evaluate(() => {
    sessionStorage.setItem('console.proof', 'p');
  });
  await page.reload();
  await page.getByText('feed-connected').waitFor();
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  await tab.getByText('feed-connected').waitFor();
  await tab.getByText('ana (admin)').click();
  await tab.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});
