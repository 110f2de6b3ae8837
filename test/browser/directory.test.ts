import { expect, it } from 'vitest';
import type { DirectoryEntry, DirectoryRelation, Inventory } from '../../collector/console/answers.js';
import { inspect } from './browser.js';
import { HOSTILE, job, statusOf } from './samples.js';
import { admin, type Script, scripted } from './scripted.js';

const entry = (change: Partial<DirectoryEntry> = {}): DirectoryEntry => ({
  kind: 'user',
  id: '66a0c0ffee0000000000b001',
  name: 'ana.lima',
  account: 'Acme production',
  since: '2026-11-01T09:00:00Z',
  email: 'ana.lima@example.com',
  state: 'ACTIVATED',
  locked: false,
  mfa: null,
  department: 'Engineering',
  administrator_id: null,
  role: null,
  description: null,
  method: null,
  ...change,
});
const operator = entry({
  kind: 'administrator',
  id: 'a1',
  name: 'ops@example.com',
  department: null,
  role: 'Administrator With Billing',
});
const group = entry({ kind: 'group', id: 'c001', name: 'vpn-users', description: 'May use the VPN', method: 'STATIC' });
const relation = (change: Partial<DirectoryRelation> = {}): DirectoryRelation => ({
  direction: 'from',
  kind: 'group',
  id: 'c001',
  name: 'vpn-users',
  via: 'direct',
  since: '2026-11-02T09:00:00Z',
  ended: null,
  ...change,
});
const whole = { more: false, skippedFiles: 0 };
const stage = {
  stage: 'groups',
  generation: 7,
  complete: true,
  reason: null,
  completeAt: '2026-11-28T14:00:00Z',
  known: 412,
  changed: 3,
  gone: 0,
  held: 9,
  heldReason: '123 of 412 are gone; more than 41 at a time wait for a confirmation',
};
const view: NonNullable<Inventory['view']> = {
  state: 'waiting',
  generation: 7,
  deliveredAt: '2026-11-28T14:00:00Z',
  complete: { generation: 6, at: '2026-11-28T13:00:00Z' },
  fullAt: '2026-11-22T14:00:00Z',
  nextAt: '2026-11-28T15:00:00Z',
  reading: null,
  stages: [
    stage,
    { ...stage, stage: 'users', complete: false, reason: '403: users.readonly', held: 0, heldReason: null },
  ],
  removalsHeld: 9,
  failure: null,
  degraded: null,
};
const pages = (script: Script): Script => ({ feedStatus: () => ({ value: statusOf('connected') }), ...script });

it('accounts are searched, say what administrators do not have, lead to both directions, and are taken away', async () => {
  const { page, visit, asked } = await scripted(
    pages({
      directory: ({ query }) => ({
        value: { entries: query.get('q') === 'nobody' ? [] : [entry(), operator], ...whole, more: true },
      }),
      directoryEntry: () => ({
        value: {
          entry: entry(),
          relations: [
            relation(),
            relation({ id: 'gone', name: null }),
            relation({ id: 'old', name: 'staff', ended: '2026-11-20T09:00:00Z' }),
          ],
          ...whole,
        },
      }),
      query: () => ({ lines: [] }),
      directoryGraph: () => ({ value: '<graphml/>' }),
    }),
    { bypassCSP: true },
  );
  await visit('/feeds/acme/accounts');
  await page.getByText('Administrators have no department').waitFor();
  await page.getByText('There are more: these are the first ones.').waitFor();
  await inspect(page, 'accounts');
  await page.getByLabel('Search accounts').fill('nobody');
  await page.getByLabel('Search accounts').press('Enter');
  await page.getByText('None is called so.').waitFor();
  await page.getByLabel('Search accounts').fill('');
  await page.getByLabel('Search accounts').press('Enter');
  for (const [button, file] of [
    ['Users as CSV', 'acme-users.csv'],
    ['All as GraphML', 'acme.graphml'],
  ] as const) {
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: button }).click();
    expect((await coming).suggestedFilename()).toBe(file);
  }
  expect(asked.find(({ id }) => id === 'query')?.body).toMatchObject({ format: 'csv-safe' });
  await page.getByRole('link', { name: 'ana.lima' }).press('Enter');
  await page.getByText('What was so before').first().waitFor();
  await page.getByText('(not listed now)').waitFor();
  await inspect(page, 'account');
  const links = page.locator('main').getByRole('link', { name: /^(Grant|Revoke|Plan)/ });
  expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute('href')))).toEqual([
    `/response/new?feed=acme&verb=add-to-group&user=${entry().id}`,
    `/response/new?feed=acme&user=${entry().id}`,
    `/response/new?feed=acme&verb=remove-from-group&user=${entry().id}&group=c001`,
    `/response/new?feed=acme&verb=remove-from-group&user=${entry().id}&group=gone`,
  ]);
});

it('entitlements are groups, roles and applications; hostile names stay words, none is said to be none', async () => {
  let entries = [group, entry({ kind: 'application', id: 'x', name: HOSTILE, account: HOSTILE, description: HOSTILE })];
  const { page, visit } = await scripted(
    pages({
      directory: () => ({ value: { entries, ...whole } }),
      directoryEntry: () => ({
        value: {
          entry: group,
          relations: [relation({ direction: 'to', kind: 'user', id: HOSTILE, name: HOSTILE })],
          ...whole,
        },
      }),
    }),
    { bypassCSP: true, session: { ...admin, role: 'analyst' } },
  );
  await visit('/feeds/acme/entitlements');
  await page.getByRole('link', { name: 'vpn-users' }).waitFor();
  await inspect(page, 'entitlements');
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
  expect(await page.locator('main').innerText()).toContain('⟨U+202E⟩');
  await page.getByRole('link', { name: 'vpn-users' }).click();
  await page.getByRole('heading', { name: 'Members, holders and users' }).waitFor();
  expect(await page.locator('main').innerText()).toContain('⟨U+202E⟩');
  expect(await page.getByRole('link', { name: /^(Grant|Revoke)/ }).count()).toBe(0);
  entries = [];
  await visit('/feeds/acme/entitlements');
  await page.getByText('has delivered nothing of this kind yet').waitFor();
});

it('an operator releases held removals after a question, a viewer sees them, a feed without inventory says so', async () => {
  let now: Inventory = { view };
  const script = pages({
    feedInventory: () => ({ value: now }),
    confirmRemovals: () => ({ status: 202, value: job({ kind: 'inventory', message: 'reading the directory' }) }),
    runInventory: () => ({
      status: 202,
      value: job({ kind: 'inventory', message: 'generation 8: 0 changes delivered' }),
    }),
    job: () => ({ value: job({ kind: 'inventory', message: 'generation 8: 9 changes delivered' }) }),
  });
  const { page, visit, asked } = await scripted(script, { bypassCSP: true });
  await visit('/feeds/acme/inventory');
  await page.getByText('9 removals are held').waitFor();
  await inspect(page, 'inventory');
  await page.getByRole('button', { name: 'Release the removals…' }).press('Enter');
  await page.getByRole('dialog').getByText('It cannot be taken back').waitFor();
  await inspect(page, 'inventory-release');
  await page.getByRole('dialog').getByRole('button', { name: 'Read again and remove' }).click();
  await page.getByText('generation 8: 9 changes delivered').waitFor();
  expect(asked.find(({ id }) => id === 'confirmRemovals')?.body).toEqual({ generation: 7 });
  now = { view: null };
  const viewer = await scripted(script, { session: { ...admin, role: 'viewer' } });
  await viewer.visit('/feeds/acme/inventory');
  await viewer.page.getByText('This feed reads no directory').waitFor();
  expect(await viewer.page.getByRole('button', { name: /Read the directory|Release/ }).count()).toBe(0);
});
