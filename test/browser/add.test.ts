import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { annotatedSchema, keys } from '../../collector/config/keys.js';
import type { TestLine } from '../../collector/console/answers.js';
import { formKeys } from '../../collector/console/web/schema-keys.js';
import { inspect } from './browser.js';
import { catalogue, configSchema, everyState } from './samples.js';
import { type Script, scripted } from './scripted.js';

const KEY = 'jca_0123456789abcdefghijklmnopqrstuvwx';

const material: Script = {
  listFeeds: () => ({ value: everyState }),
  catalogue: () => ({ value: catalogue }),
  configSchema: () => ({ value: configSchema }),
};

const good: TestLine[] = [
  { part: 'dns', verdict: 'ok', message: 'api.jumpcloud.com has an address' },
  { part: 'credential', verdict: 'ok', message: 'the key is taken' },
  { part: 'clock', verdict: 'warning', message: 'the clock is 40 s late', cure: 'Let NTP set it.' },
  { done: true, worst: 'warning', header: 'x-api-key' },
];

/** From the list to the last page, by mouse. */
async function toConfiguration(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Add New Data Feed', exact: true }).first().click();
  await page.getByLabel('Search', { exact: true }).fill('jump');
  await page
    .locator('main')
    .getByRole('link', { name: /^JumpCloud/ })
    .click();
  await page.getByRole('link', { name: /^API Ingest/ }).click();
  await page.getByLabel('Feed name').fill('north');
  await page.getByLabel('Account Name', { exact: true }).fill('North');
  await page.getByLabel('Tag with Account Name').check();
  await page.getByLabel('Description').fill('The north');
  await page.getByLabel('Owner 1: name').fill('Bo');
  await page.getByLabel('Owner 1: e-mail').fill('bo@example.com');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByRole('heading', { name: 'Configuration' }).waitFor();
}

async function paste(page: Page, label: string, text: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).evaluate((field, pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text', pasted);
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

it('A1 C2: a feed is added by the words of the field, the key tidied, tested and submitted', async () => {
  const { page, visit, asked } = await scripted({
    ...material,
    testDraft: () => ({ lines: good }),
    putFeed: ({ body }) => ({ status: 201, value: body as never }),
  });
  await visit('/feeds');
  await toConfiguration(page);
  for (const label of ['API Base URL', 'Authorization Method', 'Token', 'Polling Interval'])
    await page.getByLabel(label, { exact: true }).waitFor();
  expect(await page.getByLabel('Authorization Method').locator('option:checked').textContent()).toBe('Bearer Token');
  expect(await page.getByLabel('Polling Interval').locator('option').allTextContents()).toContain('DISABLED');
  const types = page.getByRole('group', { name: 'Event types' });
  expect(await types.getByLabel(/^login/).isChecked()).toBe(true);
  expect(await types.getByLabel(/^admin/).isChecked()).toBe(true);
  expect(await types.getByLabel(/^other/).isChecked()).toBe(false);
  await paste(page, 'Token', ` "${KEY}"\n`);
  await page.getByText('quotes around it').waitFor();
  await page.getByText('ending in uvwx').waitFor();
  await page.getByText('Where JumpCloud shows this key').waitFor();
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('JumpCloud took the header').waitFor();
  expect(await page.locator('.findings .message').textContent()).toContain('x-api-key');
  expect(await page.locator('.finding').first().textContent()).toContain('Let NTP set it.');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await expect.poll(() => page.url()).toMatch(/\/feeds\/north$/);
  const put = asked.find(({ id }) => id === 'putFeed')?.body;
  expect(put).toMatchObject({
    name: 'north',
    account: { name: 'North', tag: true },
    description: 'The north',
    owners: [{ name: 'Bo', email: 'bo@example.com' }],
    jumpcloud: {
      baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
      apiKey: KEY,
      eventTypes: ['login', 'admin'],
    },
    poll: { interval: '60s', start: '24h' },
    sink: 'tables',
  });
});

it('A1k X2: the same with the keyboard alone, each page taking the focus to its heading', async () => {
  const { page, visit, asked } = await scripted({
    ...material,
    testDraft: () => ({ lines: good }),
    putFeed: ({ body }) => ({ status: 201, value: body as never }),
  });
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
  /** Tabs until the control of this name is reached. */
  const tabTo = async (name: RegExp) => {
    for (let tries = 0; tries < 60; tries += 1) {
      await page.keyboard.press('Tab');
      const label = await page.evaluate(() => {
        const at = document.activeElement;
        const labels = at instanceof HTMLInputElement || at instanceof HTMLSelectElement ? at.labels : null;
        return (labels?.[0]?.textContent ?? at?.textContent ?? '').trim();
      });
      const outline = await page.evaluate(() => {
        const at = document.activeElement ?? document.body;
        const shown = at.matches('.switch input') ? (at.nextElementSibling ?? at) : at;
        return getComputedStyle(shown).outlineStyle;
      });
      expect(outline, `${label} shows the focus`).not.toBe('none');
      if (name.test(label)) return;
    }
    throw new Error(`Tab never came to ${name}`);
  };
  await visit('/feeds');
  await page.getByText('feed-connected').waitFor();
  await tabTo(/^Add New Data Feed$/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('Choose a source');
  await tabTo(/^Search$/);
  await page.keyboard.type('jump');
  await tabTo(/^JumpCloud/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('JumpCloud: how to collect');
  await tabTo(/^API Ingest/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('Contact information');
  await tabTo(/^Feed name$/);
  await page.keyboard.type('north');
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('Configuration');
  await tabTo(/^Token$/);
  await page.keyboard.type(KEY);
  await tabTo(/^Polling Interval$/);
  await page.keyboard.press('ArrowDown');
  await tabTo(/^Test connection$/);
  await page.keyboard.press('Enter');
  await expect.poll(focused).toContain('JumpCloud took the header');
  await tabTo(/^Submit$/);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.url()).toMatch(/\/feeds\/north$/);
  expect(asked.find(({ id }) => id === 'putFeed')?.body).toMatchObject({ poll: { interval: '5m' } });
});

it('A2 X8: a refused form keeps what was typed, lists what is wrong, and leads to each field', async () => {
  const { page, visit } = await scripted(
    {
      ...material,
      putFeed: () => ({
        problem: {
          status: 422,
          title: 'Not valid',
          detail: 'Two values are not valid.',
          problems: [
            { pointer: '/jumpcloud/apiKey', message: 'holds a space, which no key has' },
            { pointer: '/kafka/clientId', message: 'must be a client id' },
          ],
        },
      }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(`${KEY} x`);
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.getByText('2 fields need another value').waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert');
  await inspect(page, 'add-refused');
  await page.getByRole('button', { name: 'jumpcloud.apiKey: holds a space' }).click();
  const token = page.getByLabel('Token', { exact: true });
  expect(await token.evaluate((field) => field === document.activeElement)).toBe(true);
  expect(await token.getAttribute('aria-invalid')).toBe('true');
  const described = (await token.getAttribute('aria-describedby')) ?? '';
  expect(await page.locator(`#${described.split(' ').find((id) => id.endsWith('error'))}`).textContent()).toContain(
    'holds a space',
  );
  expect(await token.inputValue()).toBe(`${KEY} x`);
  await page.getByRole('button', { name: 'kafka.clientId: must be' }).click();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('key-kafka-clientId');
});

it('A2 C5: a failed test names cause, cure and field, and Submit asks before it saves', async () => {
  const { page, visit, asked } = await scripted(
    {
      ...material,
      testDraft: () => ({
        lines: [
          { part: 'dns', verdict: 'ok', message: 'fine' },
          {
            part: 'credential',
            verdict: 'failed',
            code: 'UNAUTHORIZED',
            message: '401: JumpCloud refuses the key',
            cure: 'Administrators → Enable API access, then My API Key → Generate New API Key.',
            field: 'jumpcloud.apiKey',
          },
          { done: true, worst: 'failed', header: null },
        ],
      }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('It does not work yet.').waitFor();
  await inspect(page, 'add-test-failed');
  await page.getByRole('button', { name: 'Go to jumpcloud.apiKey' }).click();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('key-jumpcloud-apiKey');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.getByRole('dialog', { name: 'The test failed' }).getByRole('button', { name: 'Back to the form' }).click();
  expect(asked.some(({ id }) => id === 'putFeed')).toBe(false);
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe(KEY);
});

it('A2: a server that is gone leaves the form as it is', async () => {
  const { page, visit } = await scripted({ ...material, putFeed: () => new Promise(() => undefined) });
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(KEY);
  await page.context().setOffline(true);
  await page.context().unrouteAll({ behavior: 'ignoreErrors' });
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.getByText('What you typed is kept').waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe(KEY);
});

it('A8: handing over keeps the form without the key, and gives a link, an e-mail and a text', async () => {
  const { page, visit, asked } = await scripted(
    {
      ...material,
      putDraft: () => ({
        value: { name: 'north', by: 'ana', at: '2026-11-28T10:00:00Z', waitingFor: 'Bo', document: {} },
      }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Hand over…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Hand over for the key' });
  expect(await dialog.getByLabel('Who has the key').inputValue()).toBe('Bo');
  await dialog.getByRole('button', { name: 'Keep the form' }).click();
  const mail = await dialog.getByRole('link', { name: 'Write an e-mail' }).getAttribute('href');
  expect(decodeURIComponent(mail ?? '')).toContain('/add/configuration?draft=north');
  expect(mail).toMatch(/^mailto:bo%40example\.com\?subject=/);
  await inspect(page, 'hand-over');
  const kept = asked.find(({ id }) => id === 'putDraft')?.body;
  expect(JSON.stringify(kept)).not.toContain(KEY);
  expect(kept).toMatchObject({ waitingFor: 'Bo', document: { name: 'north' } });
});

it('S7: what is typed as a secret lies in no storage and comes back on no reload', async () => {
  const { page, visit } = await scripted(material);
  page.on('dialog', (dialog) => dialog.accept());
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(KEY);
  expect(await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]))).not.toContain(KEY);
  await page.reload();
  await page.getByRole('heading', { name: 'Configuration' }).waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('');
  expect(await page.content()).not.toContain(KEY);
});

it('C1: every key of a feed is in the form, every secret is write-only, and copies hold no secret', async () => {
  const { page, visit } = await scripted(material, { bypassCSP: true });
  await visit('/feeds');
  await toConfiguration(page);
  await page.getByLabel('Token', { exact: true }).fill(KEY);
  await page.getByText(/^All settings/).click();
  await page.locator('#key-kafka-topics-names').waitFor();
  await inspect(page, 'add-configuration');
  const elsewhere = new Set([
    'name',
    'contact.name',
    'contact.email',
    'owners',
    'description',
    'account.name',
    'account.tag',
  ]);
  // Response is the operator's to set, in a file.
  const isWanted = ({ path, shared }: (typeof keys)[number]) =>
    !shared && !elsewhere.has(path) && !path.startsWith('respond.');
  const wanted = keys.filter(isWanted).map(({ path }) => path);
  const bySwitch = {
    bearer: ['jumpcloud.apiKey'],
    'service-account': ['jumpcloud.clientId', 'jumpcloud.clientSecret'],
  };
  const found = new Set<string>();
  const look = async () => {
    for (const path of wanted)
      if ((await page.locator(`#key-${path.replaceAll('.', '-')}`).count()) === 1) found.add(path);
  };
  await look();
  for (const { path } of formKeys(annotatedSchema()).filter(({ kind }) => kind === 'secret')) {
    const control = page.locator(`#key-${path.replaceAll('.', '-')}`);
    if ((await control.count()) === 1) expect(await control.getAttribute('type'), path).toBe('password');
  }
  await page.getByLabel('Authorization Method').selectOption('service-account');
  await page.getByLabel('Kafka', { exact: true }).check();
  await look();
  expect(bySwitch['service-account'].every((path) => found.has(path))).toBe(true);
  expect(wanted.filter((path) => !found.has(path))).toEqual([]);
  await page.getByText('Copy as YAML').click();
  for (const form of ['YAML', 'curl', 'Terraform', 'environment']) {
    await page.getByRole('button', { name: form, exact: true }).click();
    const text = await page.getByRole('region', { name: `This feed as ${form}` }).innerText();
    expect(text).toContain('/run/secrets/jumpcloud-ocsf/north-api-key');
    expect(text).not.toContain(KEY);
  }
});

it('X1: each step of adding a feed is accessible in every look', async () => {
  const { page, visit } = await scripted(material, { bypassCSP: true });
  await visit('/add/source');
  await page.getByLabel('Search', { exact: true }).fill('okta');
  await page.getByText('Only JumpCloud is built in').waitFor();
  await page.getByLabel('Search', { exact: true }).fill('');
  await inspect(page, 'add-source');
  await visit('/add/method');
  await page.getByText('API Ingest').waitFor();
  await inspect(page, 'add-method');
  await visit('/add/contact');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText('Give the feed a name.').waitFor();
  await page.getByLabel('Feed name').fill('feed-connected');
  await page.getByText('A feed of this name exists already.').waitFor();
  await page.getByRole('button', { name: 'Add an owner' }).click();
  await inspect(page, 'add-contact');
});
