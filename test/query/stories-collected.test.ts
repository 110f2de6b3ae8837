import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenTables, openTables } from '../../collector/query/open-tables.js';
import { parameterValues } from '../../collector/query/question.js';
import { readQuestions } from '../../collector/query/read-questions.js';
import { render } from '../../collector/query/render.js';
import { attackStories } from '../../fixtures/stories.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { collecting, runCommand } from '../bench/command.js';
import { start } from '../cli/command.js';
import { storyEnd, storyLists, storyOrganization, storyParameters } from './story-tables.js';

const questions = readQuestions();
/** About the directory, or about records that are no story. */
const hasNoRows = [
  'access-gained',
  'administrators-not-enrolled',
  'base-events',
  'dead-letters',
  'group-members',
  'membership-changes',
  'unused-accounts',
  'unused-applications',
  'user-changes',
];
/** They count other records too, show when these were collected, or one of several changes of one moment. */
const hasOtherRows = ['administrator-changes', 'feed-lateness', 'feed-volume'];

let directory: string;
let tables: OpenTables;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stories-'));
  const tenant = await startTenant({ organization: storyOrganization, records: 0 });
  for (const { planted, quiet } of attackStories(storyOrganization, storyEnd))
    for (const record of [...planted, ...quiet]) tenant.add(record);
  // The longest overlap makes the fewest searches from the stories to today.
  const env = { ...collecting(tenant, '2025-12-01T00:00:00Z'), POLL_OVERLAP: '7d', TABLES_DIRECTORY: directory };
  await runCommand(['run', '--once'], env);
  await tenant.close();
  tables = await openTables(directory);
});
afterAll(async () => {
  await tables?.close();
  await rm(directory, { recursive: true, force: true });
});

it.each(questions.map((question) => [question.name, question] as const))(
  '%s answers the stories that were collected over HTTP with what was planted for it, and nothing else',
  async (name, question) => {
    const values = { parameters: new Map(Object.entries(storyParameters[name] ?? {})), lists: storyLists };
    const answer = await tables.query(question.sql, parameterValues(question, values, storyEnd));
    let text = '';
    for await (const piece of render(answer, 'wide', { width: 0 })) text += piece;
    if (hasNoRows.includes(name)) expect(text).toContain('(no rows)');
    else if (hasOtherRows.includes(name)) expect(text).toContain(storyOrganization);
    else await expect(text).toMatchFileSnapshot(`questions/${name}.txt`);
  },
);

it.each([
  ['password-spraying', 'src_ip', ['203.0.113.200']],
  ['sudo-granted', 'user_name', ['root.everywhere', 'root.here']],
])('query --name %s says it in the words of the command', async (name, column, expected) => {
  const env = {
    TABLES_DIRECTORY: directory,
    QUESTIONS_LISTS_OFFICE_NETWORKS: storyLists.get('office_networks')!.join(','),
  };
  const range = [storyEnd - 86_400_000, storyEnd].map((at) => new Date(at).toISOString());
  const given = ['--param', `since=${range[0]}`, '--param', `until=${range[1]}`];
  const { code, stdout } = await start(['query', '--name', name, ...given, '--format', 'json'], { env }).ended;
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect([code, rows.map((row) => row[column])]).toEqual([0, expected]);
});
