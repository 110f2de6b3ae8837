import { expect, it } from 'vitest';
import type { Finding, FindingDetails } from '../../collector/console/answers.js';
import { inspect } from './browser.js';
import { HOSTILE, statusOf } from './samples.js';
import { admin, type Script, scripted } from './scripted.js';

const finding = (change: Partial<Finding> = {}): Finding => ({
  at: '2026-11-28T14:30:00Z',
  finding: '66a0c0ffee0000000000e001',
  title: 'User ana.lima locked out',
  severity: 'High',
  status: 'New',
  rule: 'Lockouts',
  about: 'ana.lima',
  account: 'Acme production',
  occurrences: 2,
  ...change,
});
const details = (change: Partial<FindingDetails> = {}): FindingDetails => ({
  ...finding(),
  event: { class_uid: 2004, finding_info: { title: 'User ana.lima locked out' } },
  evidence: { class_uid: 3001, metadata: { event_code: 'user_lockout' } },
  user: '66a0c0ffee0000000000b001',
  person: {
    user: {
      id: '66a0c0ffee0000000000b001',
      username: 'ana.lima',
      email: 'ana.lima@example.com',
      state: 'ACTIVATED',
      locked: true,
      mfa: null,
      administrator: { id: '66a0c0ffee0000000000a777', role: 'Manager' },
    },
    groups: ['vpn-users', 'staff'],
    logins: [{ at: '2026-11-28T14:00:00Z', event_code: 'user_login_attempt', status: 'Failure', ip: '198.51.100.7' }],
    findings: [
      { at: '2026-11-27T14:00:00Z', finding: 'e2', title: 'Login from afar', severity: 'Medium', status: 'Resolved' },
    ],
    unread: [],
  },
  ...change,
});

const pages = (script: Script): Script => ({ feedStatus: () => ({ value: statusOf('connected') }), ...script });

it('the list is narrowed by status, leads to a finding by keyboard, and says when it is empty or not whole', async () => {
  const { page, visit } = await scripted(
    pages({
      findings: ({ query }) => ({
        value: { findings: query.get('status') === 'Resolved' ? [] : [finding()], more: true, skippedFiles: 2 },
      }),
      finding: () => ({ value: details() }),
    }),
    { bypassCSP: true },
  );
  await visit('/feeds/acme/findings');
  await page.getByText('There are more: these are the first ones.').waitFor();
  await page.getByText('2 files cannot be read').waitFor();
  await inspect(page, 'findings');
  await page.getByLabel('Status').selectOption('Resolved');
  await page.getByText('No findings.').waitFor();
  await page.getByLabel('Status').selectOption('');
  await page.getByRole('link', { name: 'User ana.lima locked out' }).press('Enter');
  await page.getByText('vpn-users').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  await page.getByText('Login from afar').waitFor();
  await inspect(page, 'finding');
});

it('what could not be read is said, hostile words stay words, and a limit has its cure', async () => {
  const person = { ...details().person!, user: null, groups: [HOSTILE], unread: [HOSTILE] };
  const hostile = details({ title: HOSTILE, rule: HOSTILE, account: HOSTILE, event: { a: HOSTILE }, person });
  let isTooMuch = false;
  const { page, visit } = await scripted(
    pages({
      finding: () =>
        isTooMuch
          ? {
              problem: {
                status: 422,
                code: 'QUERY_LIMIT_REACHED',
                detail: 'It took more than 30 s.',
                cure: 'Ask less.',
              },
            }
          : { value: hostile },
    }),
    { session: { ...admin, role: 'analyst' } },
  );
  await visit('/feeds/acme/findings/e1');
  await page.getByText('Not all could be read').waitFor();
  expect(await page.getByRole('link', { name: 'Plan a response…' }).count()).toBe(0);
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
  expect(await page.locator('main').innerText()).toContain('⟨U+202E⟩');
  isTooMuch = true;
  await visit('/feeds/acme/findings/e1');
  await page.getByText('Ask less.').waitFor();
  await page.getByRole('button', { name: 'Retry' }).waitFor();
});
