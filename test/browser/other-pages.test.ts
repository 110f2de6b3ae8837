import { expect, it } from 'vitest';
import type { QueryLine } from '../../collector/console/answers.js';
import { inspect, scrollsSideways } from './browser.js';
import { everyState, HOSTILE, summary } from './samples.js';
import { type Script, scripted } from './scripted.js';

const columns = [
  { name: 'hour', type: 'TIMESTAMP' },
  { name: 'failures', type: 'BIGINT' },
  { name: 'details', type: 'STRUCT' },
];
const rows: QueryLine[] = Array.from({ length: 24 }, (_, hour) => ({
  row: [`2026-11-28 ${String(hour).padStart(2, '0')}:00:00`, hour * 3, { addresses: ['192.0.2.1'] }],
}));
const end = (change = {}): QueryLine => ({
  end: { rows: 24, more: false, seconds: 1.2, skippedFiles: 0, error: null, ...change },
});

const desk: Script = {
  listFeeds: () => ({ value: everyState }),
  questions: () => ({
    value: {
      questions: [
        {
          name: 'failed-logins',
          title: 'Failed logins per hour',
          description: 'How often logins failed, hour by hour.',
          sql: 'SELECT 1',
          parameters: [{ name: 'user', title: 'User name', type: 'text', default: 'all' }],
        },
      ],
    },
  }),
  views: () => ({
    value: { views: [{ name: 'authentication', columns: [{ name: 'user_name', type: 'VARCHAR' }] }] },
  }),
  query: () => ({ lines: [{ columns }, ...rows, end()] }),
};

it('a ready question is a form; its answer is a table with types, and a plot over its time', async () => {
  const { page, visit, asked } = await scripted(desk, { bypassCSP: true });
  await visit('/query');
  await page.getByLabel('Question').selectOption('failed-logins');
  await page.getByLabel('User name').waitFor();
  expect(await page.getByLabel('User name').inputValue()).toBe('all');
  await page.getByLabel('User name').fill('bo');
  await page.getByLabel('From day').fill('2026-11-28');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('24 rows in 1.2 s.').waitFor();
  await page.getByRole('img', { name: /^failures over hour/ }).waitFor();
  await page.getByText('BIGINT').waitFor();
  await inspect(page, 'query-question');
  expect(asked.find(({ id }) => id === 'query')?.body).toMatchObject({
    question: 'failed-logins',
    parameters: { user: 'bo' },
    from: '2026-11-28',
    format: 'rows',
  });
  expect(page.url()).toContain('question=failed-logins');
  expect(page.url()).toContain('p.user=bo');
});

it('X2: SQL is written in a text area that Tab leaves, helped by the list of columns, run by Ctrl+Enter', async () => {
  const { page, visit, asked } = await scripted(desk, { bypassCSP: true });
  await visit('/query');
  const area = page.getByLabel('SQL', { exact: true });
  await area.fill('SELECT ');
  await area.press('End');
  await page.getByRole('button', { name: 'user_name' }).click();
  expect(await area.inputValue()).toBe('SELECT user_name');
  await inspect(page, 'query-sql');
  await area.press('Control+Enter');
  await page.getByText('24 rows in 1.2 s.').waitFor();
  expect(asked.find(({ id }) => id === 'query')?.body).toMatchObject({ sql: 'SELECT user_name' });
  await area.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Run');
});

it('an answer that failed, or that is not whole, says so with its cure', async () => {
  let last = end({ error: { code: 'QUERY_LIMIT', message: 'it took more than 30 s', cure: 'Choose fewer days.' } });
  const { page, visit } = await scripted({ ...desk, query: () => ({ lines: [{ columns }, ...rows, last] }) });
  await visit('/query');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('Choose fewer days.').waitFor();
  last = end({ more: true });
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('There are more: these are the first ones').waitFor();
  last = { row: ['2026-11-28 23:00:00', 1, null] };
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('The answer ended before its end').waitFor();
});

it('an answer that breaks off inside a row says that the console does not answer', async () => {
  const query = () => ({ value: '{"columns": [' as never, headers: { 'content-type': 'application/x-ndjson' } });
  const { page, visit } = await scripted({ ...desk, query });
  await visit('/query');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('The console does not answer').first().waitFor();
});

it('a download is the whole answer as a file', async () => {
  const { page, visit, asked } = await scripted(desk);
  await visit('/query');
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download NDJSON' }).click();
  expect((await coming).suggestedFilename()).toBe('feed-invalid-query.ndjson');
  expect(asked.find(({ id }) => id === 'query')?.body).toMatchObject({ format: 'ndjson' });
});

it('where no feed keeps tables the query page says where to ask instead', async () => {
  const feeds = [summary({ sink: 'kafka' })];
  const { page, visit } = await scripted(
    { ...desk, listFeeds: () => ({ value: { feeds, removed: [], drafts: [] } }) },
    { bypassCSP: true },
  );
  await visit('/query');
  await page.getByText('A feed that delivers to Kafka is queried there').waitFor();
  await inspect(page, 'query-empty');
});

const at = '2026-11-28T10:00:00Z';

const offices = (name: string): Script => ({
  listUsers: () => ({
    value: {
      users: [
        { name: 'ana', role: 'admin', createdAt: at, lastLogin: at, invited: false },
        { name, role: 'viewer', createdAt: at, lastLogin: null, invited: true },
      ],
    },
  }),
  inviteUser: () => ({
    status: 201,
    value: { user: name, role: 'viewer', link: 'http://127.0.0.1:9465/#start=one-time', expires: at },
  }),
  listTokens: () => ({
    value: {
      tokens: [
        {
          id: 't1',
          name,
          role: 'admin',
          createdBy: name,
          heldBy: [name],
          createdAt: at,
          expires: at,
          lastUsed: at,
          verbs: [],
          overlapUntil: at,
        },
      ],
    },
  }),
  createToken: () => ({
    status: 201,
    value: {
      id: 't2',
      name,
      role: 'viewer',
      createdBy: 'ana',
      heldBy: ['ana'],
      createdAt: at,
      expires: null,
      lastUsed: null,
      verbs: [],
      overlapUntil: null,
      token: 'jo_shown_once',
    },
  }),
  audit: ({ query }) => ({
    value: {
      entries: [
        {
          number: query.get('before') === null ? 9 : 1,
          time: at,
          actor: name,
          role: 'admin',
          kind: 'token',
          address: '192.0.2.1',
          operation: 'putFeed',
          target: name,
          status: 200,
          changes: [{ path: 'description', from: null, to: name }],
        },
      ],
      next: query.get('before') === null ? 2 : null,
    },
  }),
  verifyAudit: () => ({
    value: { intact: false, lines: 9, broken: { file: 'audit-2026-11.ndjson', line: 4, reason: name } },
  }),
  about: () => ({
    value: {
      name: 'jumpcloud-ocsf',
      version: '0.1.0',
      ocsf: '1.8.0',
      node: 'v20.20.0',
      startedAt: at,
      now: at,
      files: ['/etc/jumpcloud-ocsf/config.yaml'],
      notes: [name],
      listeners: ['http://127.0.0.1:9464', 'http://127.0.0.1:9465'],
      disks: [{ path: '/data', freeBytes: 81_604_378_624 }],
      memory: { residentBytes: 120_000_000, limitBytes: 536_870_912 },
      clockSkewSeconds: 1,
    },
  }),
  export: () => ({ value: 'feeds: []\n' }),
});

it('a double click makes one token; the same again later makes another', async () => {
  let made = 0;
  const terraform = { id: 't2', name: 'terraform', role: 'viewer', createdBy: 'ana', heldBy: ['ana'] } as const;
  const token = { ...terraform, createdAt: at, expires: at, lastUsed: null, verbs: [], overlapUntil: null };
  const { page, visit, asked } = await scripted({
    listTokens: () => ({ value: { tokens: [] } }),
    createToken: () => ({ status: 201, value: { ...token, token: `jo_secret${++made}` } }),
  });
  await visit('/tokens');
  await page.getByLabel('Name').fill('terraform');
  const button = page.getByRole('button', { name: 'Make a token' });
  const count = () => asked.filter(({ id }) => id === 'createToken').length;
  await page.clock.install();
  await button.click({ clickCount: 2 });
  await page.getByText('jo_secret1').waitFor();
  expect(count()).toBe(1);
  await page.clock.runFor(1_000);
  await button.click();
  await page.getByText('jo_secret2').waitFor();
  expect(count()).toBe(2);
});

it('X1: users, API tokens, audit and about are accessible in every look', async () => {
  const { page, visit } = await scripted(offices('bo'), { bypassCSP: true });
  await visit('/users');
  await page.getByLabel('User name').fill('bo');
  await page.getByRole('button', { name: 'Make a one-time link' }).click();
  await page.getByText('#start=one-time').waitFor();
  await inspect(page, 'users');
  await visit('/tokens');
  await page.getByLabel('Name', { exact: true }).fill('terraform');
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByText('jo_shown_once').waitFor();
  await inspect(page, 'tokens');
  await visit('/audit');
  await page.getByText('putFeed').waitFor();
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByText('The chain is broken.').waitFor();
  await page.getByRole('button', { name: 'Older' }).click();
  await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
  await inspect(page, 'audit');
  await visit('/about');
  await page.getByText('76.0 GiB').waitFor();
  await inspect(page, 'about');
});

it('S6: hostile names and rows take over none of these pages', async () => {
  const hostileRows: QueryLine[] = Array.from({ length: 200 }, () => ({
    row: [HOSTILE, HOSTILE, { [HOSTILE]: HOSTILE }],
  }));
  const { page, visit } = await scripted({
    ...desk,
    ...offices(HOSTILE),
    views: () => ({ value: { views: [{ name: HOSTILE, columns: [{ name: HOSTILE, type: HOSTILE }] }] } }),
    query: () => ({
      lines: [{ columns: columns.map(({ name }) => ({ name: name + HOSTILE, type: HOSTILE })) }, ...hostileRows, end()],
    }),
  });
  for (const path of ['/users', '/tokens', '/audit', '/about', '/query']) {
    await visit(path);
    await page.locator('h1').waitFor();
    if (path === '/query') await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('main', { hasText: '{{constructor}}' }).waitFor();
    for (const details of await page.locator('main details:not([open]) > summary').all())
      if (await details.isVisible()) await details.click();
    const text = await page.locator('main').innerText();
    for (const control of ['\u202e', '\u2066', '\u001b']) expect(text, path).not.toContain(control);
    expect(await page.evaluate('window.pwned'), path).toBeUndefined();
    expect(await scrollsSideways(page), path).toBe(false);
  }
});

it('S6: an answer of 10,000 columns and a text of a megabyte leave the query page usable', async () => {
  const wide = Array.from({ length: 10_000 }, (_, index) => ({ name: `column_${index}`, type: 'VARCHAR' }));
  const row: QueryLine = { row: wide.map((_, index) => (index === 0 ? 'x'.repeat(1_000_000) : `v${index}`)) };
  const { page, visit } = await scripted({ ...desk, query: () => ({ lines: [{ columns: wide }, row, end()] }) });
  await visit('/query');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('column_1', { exact: true }).first().waitFor();
  expect(await scrollsSideways(page)).toBe(false);
  await page.getByRole('link', { name: 'Data Feeds' }).first().click();
  await page.locator('h1', { hasText: 'Data Feeds' }).waitFor();
});
