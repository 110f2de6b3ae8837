import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { STATES, type StateCode } from '../../collector/console/state-words.js';
import { inspect, scrollsSideways, violations } from './browser.js';
import {
  activity,
  catalogue,
  completeness,
  configSchema,
  effective,
  everyState,
  feedDocument,
  HOSTILE,
  job,
  letters,
  logPage,
  revisions,
  statusOf,
} from './samples.js';
import { admin, type Script, scripted } from './scripted.js';

const whole: Script = {
  listFeeds: () => ({ value: everyState }),
  catalogue: () => ({ value: catalogue }),
  configSchema: () => ({ value: configSchema }),
  feedStatus: () => ({ value: statusOf('connected') }),
  feedActivity: () => ({ value: activity() }),
  feedCompleteness: () => ({ value: completeness }),
  deadLetters: () => ({ value: letters }),
  feedLog: ({ query }) => ({ value: query.get('after') === '0' ? logPage : { lines: [], next: 3, lost: 0 } }),
  feedSamples: () => ({ value: { events: [{ class_uid: 3002, message: HOSTILE }], elsewhere: null } }),
  getFeed: () => ({ value: feedDocument, headers: { etag: '"r4"' } }),
  feedRevisions: () => ({ value: revisions }),
  feedEffective: () => ({ value: effective }),
  job: () => ({ value: job() }),
};

it('C5: the road of a feed shows numbers that add up, and says so where they do not', async () => {
  let isBroken = false;
  const { page, visit } = await scripted(
    {
      ...whole,
      feedActivity: () => {
        const good = activity();
        return { value: isBroken ? { ...good, series: { ...good.series, events: good.series.raw! } } : good };
      },
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme');
  await page.getByText(/received = events \+ dead letters/).waitFor();
  await inspect(page, 'feed-overview');
  isBroken = true;
  await page.getByRole('link', { name: '7d', exact: true }).click();
  await page.getByText('These numbers do not add up').waitFor();
});

it('X3: the plot has a name, and a table with the same numbers, gaps as unknown', async () => {
  const { page, visit } = await scripted(whole);
  await visit('/feeds/acme');
  await page.getByRole('img', { name: /Activity per minute, last 24h/ }).waitFor();
  expect(await page.locator('.plot canvas').count()).toBe(1);
  await page.getByText('As a table').click();
  const rows = page.locator('.plot tbody tr');
  await rows.nth(1_439).waitFor();
  expect(await rows.count()).toBe(1_440);
  expect(await rows.nth(0).innerText()).toMatch(/2026-11-27 14:36 UTC\s+10\s+1\s+0/);
  expect(await rows.nth(520).innerText()).toContain('unknown');
});

it('X1 X3: every state of a feed reads as words on its page', async () => {
  let code: StateCode = 'connected';
  const { page, visit } = await scripted(
    { ...whole, feedStatus: () => ({ value: statusOf(code) }) },
    { bypassCSP: true },
  );
  for (const [each, { word }] of Object.entries(STATES)) {
    code = each as StateCode;
    await visit('/feeds/acme/late');
    await page.locator('.sentence', { hasText: word }).waitFor();
    expect(await violations(page), each).toEqual([]);
  }
});

/** Labels of hours that are seen in part once the grid has been scrolled. */
function cutHours(page: Page, left: number): Promise<string[]> {
  return page.evaluate(async (to) => {
    const grid = document.querySelector('.grid')!;
    grid.scrollTo({ left: to, behavior: 'instant' });
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const [service, ...hours] = [...grid.querySelectorAll('thead th')].map((th) => ({
      label: th.textContent ?? '',
      ...(th.getBoundingClientRect().toJSON() as DOMRect),
    }));
    const end = grid.getBoundingClientRect().right;
    const edges = [service!.right, end - 1];
    return hours
      .filter(({ left: from, right }) => edges.some((edge) => from < edge - 1 && right > edge + 1))
      .map(({ label }) => label);
  }, left);
}

it('A10 C5: the grid of completeness is walked by keyboard, says its numbers, and reads hours again', async () => {
  let asked: unknown;
  const { page, visit } = await scripted(
    {
      ...whole,
      feedStatus: () => ({ value: statusOf('missing', { state: { ...statusOf('missing').state, missing: 20 } }) }),
      repairFeed: ({ body }) => {
        asked = body;
        return { status: 202, value: job({ state: 'running', progress: 0.5 }) };
      },
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/completeness');
  await page.getByText('Incomplete: 20 records missing').first().waitFor();
  const cell = page.getByRole('button', { name: 'sso, 2026-11-28 02:00 UTC: 20 missing' });
  expect(await cell.innerText()).toBe('20');
  await page.getByRole('button', { name: /^directory, .*accounted for: repeats, count lag/ }).waitFor();
  await page.getByRole('button', { name: /^systems, 2026-11-25 14:00 UTC: not known/ }).waitFor();
  await cell.click();
  await page.keyboard.press('Shift+ArrowRight');
  await page.getByRole('button', { name: 'Read again: 2 hours…' }).waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('heading', { name: 'sso, 2026-11-28 02:00 UTC' }).waitFor();
  expect(await page.getByRole('region', { name: 'The chosen hour' }).innerText()).toMatch(/Missing\s+20/);
  await inspect(page, 'feed-completeness');
  for (const width of [1280, 1000, 320]) {
    await page.setViewportSize({ width, height: 900 });
    for (const left of [0, 100, 1_900, 10_000])
      expect(await cutHours(page, left), `${width} px wide, scrolled to ${left}`).toEqual([]);
  }
  await page.getByRole('button', { name: 'Read again: 1 hour…' }).click();
  await page.getByText('at least 1 request.').waitFor();
  await page.getByRole('button', { name: 'Read again', exact: true }).click();
  await page.getByText('read again, 20 found').waitFor();
  expect(asked).toEqual({ from: '2026-11-28T02:00:00Z', to: '2026-11-28T03:00:00Z' });
});

it('A11: dead letters are tried before they are replayed', async () => {
  const bodies: unknown[] = [];
  const replayed = (dryRun: boolean) => ({
    dryRun,
    read: 44,
    events: 41,
    stillDead: 3,
    already: 0,
    reasons: { INVALID_EVENT: 3 },
  });
  const { page, visit } = await scripted(
    {
      ...whole,
      replayFeed: ({ body }) => {
        bodies.push(body);
        return { status: 202, value: job({ id: `j${bodies.length}`, kind: 'replay' }) };
      },
      job: ({ path }) => ({ value: job({ id: path.id ?? '', kind: 'replay', replayed: replayed(path.id === 'j1') }) }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/dead-letters');
  expect(await page.getByRole('button', { name: /^Replay/ }).count()).toBe(0);
  await page.getByText('INVALID_EVENT').click();
  await page.getByText('/initiated_by/email').waitFor();
  await page.getByRole('button', { name: 'Dry run' }).click();
  await page.getByText('41 would become events, 3 still fail').waitFor();
  await inspect(page, 'feed-dead-letters');
  await page.getByRole('button', { name: 'Replay: 41 would become events' }).click();
  await page.getByText('41 became events').waitFor();
  expect(bodies).toEqual([{ dryRun: true }, { dryRun: false }]);
});

it('late records, repeats and the log are accessible in every look', async () => {
  const { page, visit } = await scripted(whole, { bypassCSP: true });
  await visit('/feeds/acme/late');
  await page.getByText('directory: brand_new_type').waitFor();
  await inspect(page, 'feed-late');
  await visit('/feeds/acme/log');
  await page.getByText('mdm is refused').waitFor();
  await page.getByLabel('Level').selectOption('warn');
  await expect.poll(() => page.getByText('polled').count()).toBe(0);
  await inspect(page, 'feed-log');
});

it('settings show the difference before they are saved, and send what was not touched as it was', async () => {
  const { page, visit, asked } = await scripted(
    {
      ...whole,
      putFeed: ({ body }) => ({ value: body as never, headers: { etag: '"r5"', 'x-applied': 'restarted' } }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/settings');
  await page.getByText('Stored, …uvwx').waitFor();
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('');
  await page.getByLabel('Polling Interval', { exact: true }).selectOption('5m');
  await inspect(page, 'feed-settings');
  await page.getByRole('button', { name: 'Save…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save these changes?' });
  expect(await dialog.locator('tbody').innerText()).toMatch(/poll\.interval\s+60s\s+5m/);
  await inspect(page, 'feed-settings-difference');
  await dialog.getByRole('button', { name: 'Save and apply' }).click();
  await page.getByText('Saved and applied: restarted.').waitFor();
  expect(asked.find(({ id }) => id === 'putFeed')?.body).toEqual({ ...feedDocument, poll: { interval: '5m' } });
});

it('A15: a second save is refused with who and when, and overwrites nothing', async () => {
  const { page, visit } = await scripted(
    {
      ...whole,
      putFeed: ({ headers }) => ({
        problem: {
          status: 412,
          code: 'STALE',
          title: 'Saved in the meantime',
          detail: `not ${headers['if-match']}`,
          present: { by: 'bo', at: '2026-11-28T14:30:00Z', etag: '"r5"' },
        },
      }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/settings');
  await page.getByLabel('Description').fill('Mine');
  await page.getByRole('button', { name: 'Save…' }).click();
  await page.getByRole('button', { name: 'Save and apply' }).click();
  await page.getByText('bo saved this feed in the meantime').waitFor();
  expect(await page.getByLabel('Description').inputValue()).toBe('Mine');
  expect(await page.locator('.message .changes').innerText()).toContain('Mine');
  await inspect(page, 'feed-settings-stale');
});

it('A13: a feed from a file has no way to be changed, and says where it stands', async () => {
  const provenance = { kind: 'file', where: 'config.yaml:12', readOnly: true } as const;
  const { page, visit } = await scripted(
    { ...whole, feedStatus: () => ({ value: statusOf('connected', { provenance, etag: null, secrets: {} }) }) },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/settings');
  await page.getByText('This feed is written down in').waitFor();
  for (const name of ['Save…', 'Remove this feed…', 'Duplicate…'])
    expect(await page.getByRole('button', { name }).count(), name).toBe(0);
  await page.getByRole('button', { name: 'Test connection' }).waitFor();
  await inspect(page, 'feed-settings-file');
});

it('A7: removal says what goes and what stays, and takes the name as a word', async () => {
  const { page, visit, asked } = await scripted({ ...whole, deleteFeed: () => ({}) }, { bypassCSP: true });
  await visit('/feeds/acme/settings');
  await page.getByRole('button', { name: 'Remove this feed…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Remove acme' });
  expect(await dialog.getByRole('button', { name: 'Remove', exact: true }).isDisabled()).toBe(true);
  await dialog.getByLabel(/Delete its tables/).check();
  await dialog.getByText('Once it can no longer be restored, also its tables').waitFor();
  await dialog.getByLabel(/Type the feed’s name/).fill('acme');
  await inspect(page, 'feed-remove');
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('heading', { name: 'Data Feeds' }).waitFor();
  expect(asked.some(({ id }) => id === 'deleteFeed')).toBe(true);
});

it('A4: Renew key sends the tidied key once, and says how it went', async () => {
  const { page, visit, asked } = await scripted(
    {
      ...whole,
      feedStatus: () => ({ value: statusOf('failing') }),
      renewSecret: () => ({ status: 202, value: job({ kind: 'renew', state: 'running' }) }),
      job: () => ({ value: job({ kind: 'renew', message: 'a poll with the new key succeeded' }) }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme');
  await page.getByText('Not reading: 401').waitFor();
  await page.getByRole('button', { name: 'Renew key…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Renew the key of acme' });
  await dialog.getByLabel('Token').fill('  jca_new_0123456789  ');
  await inspect(page, 'feed-renew');
  await dialog.getByRole('button', { name: 'Renew key', exact: true }).click();
  await dialog.getByText('a poll with the new key succeeded').waitFor();
  expect(asked.find(({ id }) => id === 'renewSecret')?.body).toEqual({ secret: 'jca_new_0123456789' });
  expect(await page.content()).not.toContain('jca_new_0123456789');
});

it('A6: Pause asks for a reason, Resume and Run now are one press', async () => {
  let code: StateCode = 'connected';
  const { page, visit, asked } = await scripted(
    {
      ...whole,
      feedStatus: () => ({ value: statusOf(code) }),
      pauseFeed: () => {
        code = 'paused';
        return { value: statusOf('paused') };
      },
      resumeFeed: () => {
        code = 'manual';
        return { value: statusOf('manual') };
      },
      runFeed: () => ({ status: 202, value: job({ kind: 'run', message: 'polled' }) }),
      job: () => ({ value: job({ kind: 'run', message: 'polled' }) }),
    },
    { bypassCSP: true },
  );
  await visit('/feeds/acme/late');
  await page.getByRole('button', { name: 'Pause…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Pause acme' });
  await dialog.getByLabel('Reason').fill('audit');
  await inspect(page, 'feed-pause');
  await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByText('Paused: by ana').waitFor();
  await page.getByText('or records are lost').waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText('DISABLED: last run').waitFor();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByText('Done: polled').waitFor();
  expect(asked.find(({ id }) => id === 'pauseFeed')?.body).toEqual({ reason: 'audit' });
});

it('Mend says which of reread, backfill, replay and remap mends what', async () => {
  const { page, visit } = await scripted(whole, { bypassCSP: true });
  await visit('/feeds/acme/late');
  await page.getByRole('button', { name: 'Mend…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Mend acme' });
  for (const way of ['Read again', 'Replay dead letters', 'Remap', 'Backfill']) await dialog.getByLabel(way).check();
  await dialog.getByRole('button', { name: 'Start the backfill' }).waitFor();
  await inspect(page, 'feed-mend');
  await page.keyboard.press('Escape');
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Mend…');
});

it('S6: a hostile feed takes over no page', async () => {
  const calm = statusOf('failing');
  const view = {
    ...calm.view!,
    organization: HOSTILE,
    sink: { kind: 'tables', target: HOSTILE, guarantee: 'exactly_once' },
    key: { ...calm.view!.key!, description: HOSTILE, basis: HOSTILE, lastFour: HOSTILE },
    lanes: calm.view!.lanes.map((lane) => ({
      ...lane,
      unmapped: Array.from({ length: 50 }, (_, index) => ({ type: `${index}${HOSTILE}`, events: 1 })),
      refusedServices: [{ service: HOSTILE, code: HOSTILE, message: HOSTILE, retryAt: HOSTILE }],
    })),
    errors: [{ ...calm.view!.errors[0]!, message: HOSTILE, cure: HOSTILE, code: HOSTILE }],
  };
  const manyColumns = JSON.stringify(
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`c${index}`, HOSTILE])),
  );
  const { page, visit } = await scripted({
    ...whole,
    feedStatus: () => ({
      value: {
        ...calm,
        view,
        state: { code: 'failing', tone: 'bad', reason: HOSTILE, cure: HOSTILE },
        jobs: [job({ state: 'running', message: HOSTILE, by: HOSTILE })],
      },
    }),
    feedActivity: () => ({ value: activity({ marks: [{ at: HOSTILE, kind: HOSTILE, text: HOSTILE }] }) }),
    feedCompleteness: () => ({
      value: {
        ...completeness,
        hours: completeness.hours.map((hour) => ({ ...hour, service: hour.service + HOSTILE })),
      },
    }),
    feedLog: () => ({
      value: {
        lines: [
          {
            id: 1,
            time: HOSTILE,
            level: HOSTILE,
            message: HOSTILE + 'y'.repeat(1_000_000),
            fields: { [HOSTILE]: HOSTILE },
          },
        ],
        next: 2,
        lost: 0,
      },
    }),
    deadLetters: () => ({
      value: {
        total: 1,
        elsewhere: HOSTILE,
        groups: [
          {
            ...letters.groups[0]!,
            reason: HOSTILE,
            eventType: HOSTILE,
            samples: [{ time: HOSTILE, message: HOSTILE, path: HOSTILE, raw: manyColumns }],
          },
        ],
      },
    }),
    getFeed: () => ({ value: { ...feedDocument, description: HOSTILE }, headers: { etag: '"r4"' } }),
    feedRevisions: () => ({
      value: {
        revisions: [
          { ...revisions.revisions[0]!, by: HOSTILE, changes: [{ path: HOSTILE, from: HOSTILE, to: HOSTILE }] },
        ],
      },
    }),
  });
  for (const tab of ['', '/completeness', '/late', '/dead-letters', '/log', '/settings']) {
    await visit(`/feeds/acme${tab}`);
    await page.locator('.sentence').waitFor();
    await page.waitForTimeout(300);
    for (const summary of await page.locator('main details:not([open]) > summary').all())
      if (await summary.isVisible()) await summary.click();
    const text = await page.locator('main').innerText();
    for (const control of ['\u202e', '\u2066', '\u001b']) expect(text, tab).not.toContain(control);
    expect(await page.evaluate('window.pwned'), tab).toBeUndefined();
    expect(await scrollsSideways(page), tab).toBe(false);
    expect(await page.locator('a[href^="javascript:"]').count(), tab).toBe(0);
  }
});

it('a viewer sees how a feed is and can do nothing to it', async () => {
  const { page, visit } = await scripted(whole, { session: { ...admin, role: 'viewer' } });
  await visit('/feeds/acme');
  await page.getByText(/received = events/).waitFor();
  for (const name of ['Pause…', 'Renew key…', 'Run now', 'Restart', 'Mend…'])
    expect(await page.getByRole('button', { name }).count(), name).toBe(0);
  expect(await page.getByRole('link', { name: 'Dead letters' }).count()).toBe(0);
});
