import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answered, questionsOf, renderReport, reportQuestions } from '../../collector/query/report/report.js';
import { writeStoryTables } from '../query/story-tables.js';
import { cli, command, folder } from './command.js';

const home = mkdtempSync(join(tmpdir(), 'report-'));
const tables = join(home, 'tables');
let html: string;

beforeAll(async () => {
  await writeStoryTables(tables);
  const output = join(home, 'report.html');
  const range = ['--since', '2026-03-30', '--until', '2026-04-01'];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cli, 'report', '--tables-directory', tables, ...range, '--output', output],
    { encoding: 'utf8', env: { PATH: process.env.PATH }, cwd: home },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: `Wrote ${output}.\n` });
  expect(statSync(output).mode & 0o777).toBe(0o600);
  expect(readdirSync(home).sort()).toEqual(['report.html', 'tables']);
  html = readFileSync(output, 'utf8');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

it('a report is one file that runs nothing and fetches nothing', () => {
  expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=|(?:src|href)="(?!#)/i);
  expect(html).toContain("default-src 'none'");
});

it('a report says what the stories are about, and each figure leads to its statement', () => {
  for (const text of ['lone.factor@example.test', 'fresh.admin@example.test', 'promoted@example.test', '203.0.113.200'])
    expect(html).toContain(text);
  expect(html).toMatch(/<strong>2<\/strong><span>new administrators/);
  expect(html).toMatch(/<strong>1<\/strong><span>dead letters/);
  expect(html).toMatch(/aria-label="Logins over time: \d+ succeeded, \d+ failed"/);
  const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(targets.length).toBeGreaterThan(reportQuestions.length * 2);
  for (const target of targets) expect(html).toContain(`id="${target}"`);
  expect(html).toContain('$since = 2026-03-30 00:00:00');
});

it('what was not compared with JumpCloud’s count is unknown in a report, not zero', () => {
  expect(html).toMatch(/<strong>unknown<\/strong><span>records missing/);
});

it('a report of one account shows neither the feeds nor the dead letters of others', () => {
  const answered = new Map(
    questionsOf('acme').map((name): [string, Answered] => [
      name,
      { name, title: name, answers: 'x.', sql: 'SELECT 1', parameters: [], columns: ['user_name'], rows: [] },
    ]),
  );
  expect([...answered.keys()]).toEqual(reportQuestions.filter((name) => name !== 'dead-letters'));
  const feeds = [{ feed: 'globex', counted: 3, missing: 1, hoursCompared: 1, hoursNotCompared: 0, key: '…abcd' }];
  const text = renderReport({ since: 0, until: 3_600_000, madeAt: 0, account: 'acme', answered, feeds, version: '0' });
  expect(text).not.toMatch(/globex|…abcd|dead-letters/);
  expect(text).toContain('a report of all accounts shows them');
});

it('what a record holds is inert and visible in a report', () => {
  const hostile = '</td><script>alert(1)</script>\u202e\u001b[2J" onload="x';
  const answered = new Map(
    reportQuestions.map((name): [string, Answered] => [
      name,
      { name, title: name, answers: 'x.', sql: 'SELECT 1', parameters: [], columns: ['user_name'], rows: [[hostile]] },
    ]),
  );
  const render = (account: string | undefined) =>
    renderReport({
      since: 0,
      until: 3_600_000,
      madeAt: 0,
      account,
      answered,
      feeds: [{ feed: hostile, counted: 3, missing: 1, hoursCompared: 1, hoursNotCompared: 0, key: hostile }],
      version: '0',
    });
  const text = render(undefined) + render(hostile);
  expect(text).not.toMatch(/<script|" onload/);
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text).toContain('&#60;script&#62;alert(1)');
  expect(text).toContain('\\u202e');
});

it('a report of a wrong range, of no tables or to no place is refused, and writes nothing', async () => {
  const cwd = folder();
  const at = (...args: string[]) => command(['report', '--tables-directory', tables, ...args], { cwd });
  expect(await at('--since', '1d', '--until', '2d')).toMatchObject({ code: 2, stderr: expect.stringContaining('→') });
  expect(await at('--since', 'soon')).toMatchObject({ code: 2, stderr: expect.stringContaining('instant') });
  expect(await at('--output', join(cwd, 'no', 'where.html'))).toMatchObject({ code: 74 });
  expect(await command(['report'], { cwd })).toMatchObject({ code: 74, stderr: expect.stringContaining('no tables') });
  expect(readdirSync(cwd)).toEqual([]);
});
