import { expect, it } from 'vitest';
import { answerDirectoryQuestions } from '../../collector/diagnostics/directory-probes.js';
import type { Client } from '../../collector/jumpcloud/client.js';
import { inventoryUnderTest } from './inventory-under-test.js';

/** What is known of the API from no public source: every point, and a part of each question that asks it. */
const OPEN_POINTS = {
  'service accounts on each list, scopes of a custom role': [
    '/api/users ',
    'custom role',
    'x-org-id do when it is empty',
  ],
  webhook: ['a webhook come'],
  'changes of state': ['answer 409, and does the route take x-org-id', '/state/activate', 'password_expired'],
  'a linked administrator': ['administrator linked to it'],
  'order, count and page size of lists': ['order of ids', '{id}/members', 'more than a hundred rows'],
  'request rate': ['answer 429, and with Retry-After'],
  'the report of memberships': ['users-to-user-groups'],
  'delay of reads after writes': ['after a write'],
  'a filter that is ignored': ['written wrong'],
  'alerts about users': ['sourceType', 'referenceId'],
  'the threshold of removals': ['a fifth of the known objects'],
  'the version of D3FEND': ['D3FEND'],
};

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
  expect(answerOf('order of ids')).toBe('yes, 12 of them');
  for (const [point, parts] of Object.entries(OPEN_POINTS))
    for (const part of parts) expect(answerOf(part), `${point}: ${part}`).toBeDefined();
});

it('a count that is an object is named as none', async () => {
  const directory = async () => ({ value: { results: [], totalCount: { toString: 1 } }, headers: {} });
  const client = { directory, hasDirectoryAccount: true } as unknown as Client;
  const answers = await answerDirectoryQuestions(client, new AbortController().signal);
  expect(answers.find(({ question }) => question.includes('/api/systemusers '))?.answer).toBe(
    '200, with a count that is no number',
  );
});
