import { expect, it } from 'vitest';
import { answerDirectoryQuestions } from '../../collector/diagnostics/directory-probes.js';
import { inventoryUnderTest } from './inventory-under-test.js';

it('The report of check says which lists of the directory answer, and names what nobody has verified', async () => {
  const under = await inventoryUnderTest({
    tenant: { keys: [{ scopes: ['users.readonly', 'organizations.readonly', 'groups.readonly'] }] },
  });
  const answers = await answerDirectoryQuestions(under.client, new AbortController().signal);
  const answerOf = (part: string) => answers.find(({ question }) => question.includes(part))?.answer;
  expect(answerOf('/api/systemusers ')).toBe('200, count 250');
  expect(answerOf('/api/users ')).toContain('ROLE_REFUSED');
  expect(answerOf('{id}/members')).toMatch(/^200, count \d+$/);
  expect(answerOf('more than a hundred rows')).toContain('QUERY_REFUSED');
  expect(answerOf('order of ids')).toBe('yes, 30 of them');
  const others = [
    '409',
    '/state/activate',
    'password_expired',
    'custom role',
    'referenceId',
    'a webhook come',
    'D3FEND',
  ];
  for (const part of [
    ...others,
    '429',
    'x-org-id',
    'users-to-user-groups',
    'written wrong',
    'linked to it',
    'after a write',
  ])
    expect(answerOf(part), part).toBeDefined();
});
