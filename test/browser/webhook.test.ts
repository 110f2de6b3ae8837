import { expect, it } from 'vitest';
import type { WebhookConnection } from '../../collector/console/answers.js';
import { inspect } from './browser.js';
import { HOSTILE, statusOf } from './samples.js';
import { admin, type Script, scripted } from './scripted.js';

const connection = (change: Partial<WebhookConnection> = {}): WebhookConnection => ({
  enabled: true,
  url: 'https://hooks.example.com/webhook/jumpcloud/acme',
  hasAddress: true,
  steps: [
    'In the JumpCloud Admin Portal open Settings, Notification Channels, and add a channel of the type Webhook.',
    'URL: https://hooks.example.com/webhook/jumpcloud/acme',
    'Press Test Webhook: the answer is {"status":"ok","test":true}.',
  ],
  secret: 'made',
  previousUntil: '2026-11-29T14:00:00Z',
  view: {
    received: 17,
    lastReceivedAt: '2026-11-28T14:30:00Z',
    lastTest: { at: '2026-11-28T14:00:00Z', organization: 'other' },
    refused: 2,
    lastRefused: {
      at: '2026-11-28T14:31:00Z',
      reason: 'white_space_inside',
      why: 'the secret has white space in the middle',
    },
    degraded: 'a request was refused: the secret has white space in the middle',
    missed: 1,
    listFailure: null,
    waitingBytes: 0,
  },
  ...change,
});

const feed = (value: () => WebhookConnection): Script => ({
  feedStatus: () => ({ value: statusOf('connected') }),
  feedWebhook: () => ({ value: value() }),
});

it('Connect shows the secret once, and what arrived, in each look', async () => {
  let now = connection({ secret: 'none', previousUntil: null, view: null, hasAddress: false });
  const { page, visit, asked } = await scripted(
    {
      ...feed(() => now),
      makeWebhookSecret: () => {
        now = connection();
        return { status: 201, value: { secret: 'shown-this-once', previousUntil: null } };
      },
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/webhook');
  await page.getByText('The feed does not run').waitFor();
  await page.getByText('No secret was made yet').waitFor();
  await inspect(page, 'webhook-empty');
  await page.getByRole('button', { name: 'Connect: make a secret' }).press('Enter');
  await page.getByText('shown-this-once').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('Copy the secret now');
  await page.getByText('the secret has white space in the middle').first().waitFor();
  await page.getByText('it names another organization').waitFor();
  await inspect(page, 'webhook-connected');
  await page.getByRole('button', { name: 'Rotate the secret…' }).click();
  await page.getByRole('dialog').getByText('24 hours more').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate', exact: true }).click();
  await expect.poll(() => asked.filter(({ id }) => id === 'makeWebhookSecret').length).toBe(2);
  await visit('/feeds/acme/webhook');
  await page.getByText('A secret is in force.').waitFor();
  expect(await page.getByText('shown-this-once').count()).toBe(0);
});

it('an operator sees no button that makes a secret, a viewer no tab; hostile words stay words', async () => {
  const hostile = connection({ url: HOSTILE, steps: [HOSTILE] });
  const listFailure = { code: 'FORBIDDEN', message: HOSTILE, cure: HOSTILE };
  const view = { ...hostile.view!, degraded: HOSTILE, listFailure };
  const operator = await scripted(
    feed(() => ({ ...hostile, view })),
    { session: { ...admin, role: 'operator' } },
  );
  await operator.visit('/feeds/acme/webhook');
  await operator.page.getByText('JumpCloud’s list of alerts cannot be read').waitFor();
  expect(await operator.page.getByRole('button', { name: /Rotate|Connect/ }).count()).toBe(0);
  expect(await operator.page.evaluate(() => 'pwned' in window)).toBe(false);
  expect(await operator.page.locator('main').innerText()).toContain('⟨U+202E⟩');
  const viewer = await scripted(feed(connection), { session: { ...admin, role: 'viewer' } });
  await viewer.visit('/feeds/acme');
  await viewer.page.getByRole('link', { name: 'Completeness' }).waitFor();
  expect(await viewer.page.getByRole('link', { name: 'Webhook' }).count()).toBe(0);
});
