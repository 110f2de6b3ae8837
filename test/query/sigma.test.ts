import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readQuestions } from '../../collector/query/read-questions.js';
import { quoteName, quoteText } from '../../collector/sinks/tables/columns.js';
import { attackStories } from '../../fixtures/stories.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { storyEnd, storyOrganization, writeStoryTables } from './story-tables.js';

type Selection = Record<string, string | number | boolean>;
interface Rule {
  readonly logsource: { readonly service: string };
  readonly detection: { readonly selection: Selection; readonly failed?: Selection; readonly condition: string };
  readonly tags: readonly string[];
}

const folder = fileURLToPath(new URL('../../collector/query/sigma/', import.meta.url));
const rules = await Promise.all(
  (await readdir(folder)).sort().map(async (file) => {
    const rule = parse(await readFile(join(folder, file), 'utf8')) as Rule;
    return [file.replace('.yml', ''), rule] as const;
  }),
);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sigma-'));
  await writeStoryTables(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The rule as a statement: its fields are the columns of the view that it names. */
function statementOf({ logsource, detection: { selection, failed } }: Rule): string {
  const all = (members: Selection) =>
    Object.entries(members)
      .map(([field, value]) => `${quoteName(field)} = ${typeof value === 'string' ? quoteText(value) : value}`)
      .join(' AND ');
  const not = failed === undefined ? '' : ` AND (${all(failed)}) IS NOT TRUE`;
  return `SELECT coalesce(user_name, actor_name) FROM ${logsource.service} WHERE ${all(selection)}${not}`;
}

describe('the Sigma rules', () => {
  it('are five, each of a ready question with the same technique', () => {
    expect(rules).toHaveLength(5);
    for (const [name, { tags, detection }] of rules) {
      const question = readQuestions().find((one) => one.name === name);
      const technique = question?.technique?.split(' ')[0]?.toLowerCase();
      expect(tags).toEqual([`attack.${technique}`]);
      expect(['selection', 'selection and not failed']).toContain(detection.condition);
    }
  });

  it.each(rules)('find what is planted for %s, and not what only looks like it', async (name, rule) => {
    const found = (await rowsOf(directory, statementOf(rule))).map(String);
    const story = attackStories(storyOrganization, storyEnd).find(({ question }) => question === name)!;
    expect(found.length).toBeGreaterThan(0);
    const planted = JSON.stringify(story.planted);
    for (const user of found) expect(planted).toContain(user);
  });
});
