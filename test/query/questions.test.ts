import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeViews } from '../../collector/query/describe-views.js';
import { type OpenTables, openTables } from '../../collector/query/open-tables.js';
import { parameterValues, type Question } from '../../collector/query/question.js';
import { readQuestions } from '../../collector/query/read-questions.js';
import { render } from '../../collector/query/render.js';
import { inventoryViewNames } from '../../collector/sinks/tables/inventory-views.js';
import { viewNames } from '../../collector/sinks/tables/views.js';
import { attackStories } from '../../fixtures/stories.js';
import { storyLists as lists, storyEnd, storyOrganization, storyParameters, writeStoryTables } from './story-tables.js';

const questions = readQuestions();

let directory: string;
/** The same, and the stories of a second organization. */
let both: string;
let tables: OpenTables;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'questions-'));
  await writeStoryTables(directory);
  tables = await openTables(directory);
  both = await mkdtemp(join(tmpdir(), 'questions-two-'));
  await cp(directory, both, { recursive: true });
  // The namesake of an account that nobody uses logs in here, to an application of the same name.
  const login = {
    service: 'sso',
    event_type: 'sso_auth',
    id: '0d0000000000000000000009',
    timestamp: '2026-03-30T12:00:00Z',
    sso_token_success: true,
    initiated_by: { id: 'globex-u2', type: 'user', username: 'dora.dormant' },
    application: { name: 'Old Wiki' },
  };
  const organization = '5f1e7c20d4a9b3086e12f00e';
  await writeStoryTables(both, { organization, feed: 'globex', records: [{ ...login, organization }] });
});
afterAll(async () => {
  await tables.close();
  for (const path of [directory, both]) await rm(path, { recursive: true, force: true });
});

async function answered(question: Question, parameters: Record<string, string> = storyParameters[question.name] ?? {}) {
  const values = { parameters: new Map(Object.entries(parameters)), lists };
  const answer = await tables.query(question.sql, parameterValues(question, values, storyEnd));
  let text = '';
  for await (const piece of render(answer, 'wide', { width: 0 })) text += piece;
  return text;
}

describe('the ready questions', () => {
  it('are at least 20, each read whole, over views that exist', () => {
    expect(questions.length).toBeGreaterThanOrEqual(20);
    for (const { tables: named, title, answers, parameters } of questions) {
      expect(named.filter((view) => !viewNames.includes(view))).toEqual([]);
      expect(title).toMatch(/^[A-Z]/);
      expect(answers).toMatch(/\.$/);
      expect(parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(['since', 'until']));
    }
    // Attributes of the directory change while the row is the same.
    const ofDirectory = questions.filter(({ tables: named }) =>
      named.some((view) => inventoryViewNames.includes(view)),
    );
    expect(ofDirectory.filter(({ row }) => row === undefined).map(({ name }) => name)).toEqual([]);
  });

  it.each(questions.filter(({ row }) => row).map((question) => [question.name, question] as const))(
    '%s has the columns that say which row one is',
    async (name, question) => {
      const values = parameterValues(
        question,
        { parameters: new Map(Object.entries(storyParameters[name] ?? {})), lists },
        storyEnd,
      );
      const { columns } = await tables.query(question.sql, values);
      expect(columns.map((column) => column.name)).toEqual(expect.arrayContaining([...question.row!]));
    },
  );

  it.each(questions.map((question) => [question.name, question] as const))(
    '%s answers the stories with its expected rows',
    async (name, question) => {
      await expect(await answered(question)).toMatchFileSnapshot(`questions/${name}.txt`);
    },
  );

  it.each(attackStories(storyOrganization, storyEnd).map((story) => [story.question, story] as const))(
    '%s finds what was planted for it, and nothing that only looks like it',
    async (name, story) => {
      const text = await answered(questions.find((question) => question.name === name)!);
      expect(story.planted.length).toBeGreaterThan(0);
      expect(text).not.toContain('(no rows)');
      // The look-alikes of others may be what this question is about; its own are not.
      for (const record of story.quiet)
        for (const [quiet] of JSON.stringify(record).matchAll(/quiet\.[a-z.-]+[0-9]*/g))
          expect(text).not.toContain(quiet);
    },
  );
});

describe('a question', () => {
  const spraying = questions.find(({ name }) => name === 'password-spraying')!;

  it('takes its values as values: what looks like SQL is text', async () => {
    const dormant = questions.find(({ name }) => name === 'changes-out-of-hours')!;
    await expect(answered(dormant, { zone: "UTC'; DROP VIEW events; --" })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await answered(dormant, { service_accounts: "x') OR true --", zone: 'Europe/Berlin' })).toContain(
      'night.admin',
    );
    expect(await answered(dormant, { service_accounts: 'night.admin@example.test', zone: 'Europe/Berlin' })).toContain(
      '(no rows)',
    );
  });

  it('follows the numbers and the networks that it is given', async () => {
    expect(await answered(spraying, { users: '13' })).toContain('(no rows)');
    expect(await answered(spraying, { office_networks: '2001:db8::/32,203.0.113.200/31' })).toContain('198.51.100.50');
    expect(await answered(spraying, { window: '23h' })).toContain('203.0.113.202');
  });

  it.each([
    [{ users: 'ten' }, /whole number/],
    [{ users: '1.5' }, /whole number/],
    [{ users: '1e3' }, /whole number/],
    [{ since: 'yesterday' }, /instant/],
    [{ since: '2026-03-31T12:00:00' }, /instant/],
    [{ since: '2026-13-31' }, /instant/],
    [{ window: '1 hour' }, /duration/],
    [{ user: '3' }, /It has since, until, users/],
  ])('refuses %j, and says what fits', async (parameters, cure) => {
    await expect(answered(spraying, parameters as unknown as Record<string, string>)).rejects.toMatchObject({
      code: 'USAGE',
      cure: expect.stringMatching(cure),
    });
  });

  it('about who was in a group takes full readings for no end of a membership', async () => {
    const members = questions.find(({ name }) => name === 'group-members')!;
    expect(
      await answered(members, { since: '2026-01-20', until: '2026-01-21', name: 'vpn-users' }),
    ).toMatchInlineSnapshot(`
      "  account_name              group_name  user_name       email                        member_since          member_until          group_uid     user_uid
        ────────────────────────  ──────────  ──────────────  ───────────────────────────  ────────────────────  ────────────────────  ────────────  ────────────
        5f1e7c20d4a9b3086e12f00d  vpn-users   dora.dormant    dora.dormant@example.test    2026-01-10T12:00:00Z                        inventory-g1  inventory-u2
        5f1e7c20d4a9b3086e12f00d  vpn-users   erik.suspended  erik.suspended@example.test  2026-01-10T12:00:00Z  2026-03-21T12:00:00Z  inventory-g1  inventory-u3
      "
    `);
  });

  it('about what nobody uses counts no login of another organization', async () => {
    const two = await openTables(both);
    const found = [];
    for (const name of ['unused-accounts', 'unused-applications']) {
      const unused = questions.find((question) => question.name === name)!;
      const values = parameterValues(unused, { parameters: new Map(), lists }, storyEnd);
      for await (const [account, what] of (await two.query(unused.sql, values)).rows) found.push([account, what]);
    }
    expect(found).toEqual([
      [storyOrganization, 'dora.dormant'],
      [storyOrganization, 'Old Wiki'],
    ]);
    await two.close();
  });

  it('keeps apart people of two organizations who have the same name', async () => {
    const two = await openTables(both);
    const failed = questions.find(({ name }) => name === 'failed-logins-by-user')!;
    const values = parameterValues(failed, { parameters: new Map(), lists }, storyEnd);
    const rows = [];
    for await (const row of (await two.query(failed.sql, values)).rows) rows.push(row);
    expect(
      rows.filter(([, user]) => user === 'bruno.force').map(([account, , failures]) => [account, failures]),
    ).toEqual([
      ['5f1e7c20d4a9b3086e12f00d', 6n],
      ['5f1e7c20d4a9b3086e12f00e', 6n],
    ]);
    await two.close();
  });
});

describe('a statement', () => {
  it('with a parameter that has no value is refused', async () => {
    await expect(tables.query('SELECT $user')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('user'),
    });
  });

  it.each([
    ["'198.51.100.7', ['198.51.100.0/24']", true],
    ["'198.51.101.7', ['198.51.100.0/24']", false],
    ["'10.17.0.1', ['10.16.0.0/12']", true],
    ["'10.32.0.1', ['10.16.0.0/12']", false],
    ["'1.2.3.4', ['1.2.3.4']", true],
    ["'1.2.3.400', ['0.0.0.0/0']", false],
    ["'2001:db8:85a3::8a2e:370:7334', ['2001:db8:85a3::/48']", true],
    ["'2001:db9::1', ['2001:db8::/32']", false],
    ["'::1', ['::1']", true],
    ["'fe80::1', ['fe80::/10']", true],
    ["'::ffff:1.2.3.4', ['1.2.3.0/24']", true],
    ["'nonsense', ['0.0.0.0/0', '::/0', 'rubbish', '1.2.3.4/x']", false],
    ["NULL, ['::/0']", false],
    ["'1.2.3.4', []", false],
  ])('knows networks: in_networks(%s) is %s', async (given, expected) => {
    const answer = await tables.query(`SELECT in_networks(${given})`);
    for await (const row of answer.rows) expect(row).toEqual([expected]);
  });
});

describe('the times of an answer', () => {
  const dist = new URL('../../dist/collector/', import.meta.url);
  const inZone = (zone: string, args: readonly string[]) =>
    execFileSync(process.execPath, args, {
      env: { PATH: process.env.PATH, HOME: directory, TZ: zone },
      encoding: 'utf8',
    });
  const range = { since: '2026-03-26', until: '2026-03-31T12:00:00Z' };
  const bound = (question: Question, more: Record<string, string> = {}) =>
    parameterValues(question, { parameters: new Map(Object.entries({ ...range, ...more })), lists }, storyEnd);
  const sql =
    "SELECT count(*) AS n, min(time_dt) AS first, max(time_dt) AS last FROM events WHERE time_dt > TIMESTAMPTZ '2026-03-31 12:00:00Z' - INTERVAL 30 HOUR";
  const statements: (readonly [sql: string, values: unknown])[] = [
    ...questions.map((question) => [question.sql, bound(question)] as const),
    ...questions
      .filter(({ name }) => name === 'logins-by-hour')
      .map((question) => [question.sql, bound(question, { zone: 'Europe/Berlin' })] as const),
    [sql, []],
    [
      "SELECT time_dt::DATE AS day, date_trunc('hour', time_dt) AS hour, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL",
      [],
    ],
  ];
  /** Answers statements in one process: a time zone is that of a process. */
  const answering = `
    const { openTables } = await import(${JSON.stringify(new URL('query/open-tables.js', dist))});
    const { render } = await import(${JSON.stringify(new URL('query/render.js', dist))});
    const tables = await openTables(process.argv[1]);
    for (const [sql, values] of JSON.parse(process.argv[2]))
      for await (const piece of render(await tables.query(sql, values), 'json', { width: 0 })) process.stdout.write(piece);
    await tables.close();`;

  it('are the same in every zone of the machine, over a change of its clock too', () => {
    const command = [
      fileURLToPath(new URL('cli.js', dist)),
      'query',
      '--tables-directory',
      directory,
      '--format',
      'json',
      sql,
    ];
    // All of them in each zone would take ten seconds of processor: a question that has several times is enough.
    const few = statements.filter((_, index) => index % 14 === 0 || index >= questions.length);
    const answersIn = (zone: string) => [
      inZone(zone, ['--input-type=module', '--eval', answering, directory, JSON.stringify(few)]),
      inZone(zone, command),
    ];
    const inUtc = answersIn('UTC');
    expect(inUtc.map((text) => text.includes('Z"'))).toEqual([true, true]);
    for (const zone of ['America/Los_Angeles', 'Asia/Kolkata', 'Europe/Berlin']) expect(answersIn(zone)).toEqual(inUtc);
  }, 120_000);

  it('follow the clock of the zone that a question is given, which leaps an hour at night', async () => {
    const hours = questions.find(({ name }) => name === 'changes-out-of-hours')!;
    // 19:00 UTC is 20:00 in Berlin's winter and 21:00 in its summer.
    expect(await answered(hours, { zone: 'Europe/Berlin', closes: '21' })).toContain('night.admin');
    expect(await answered(hours, { zone: 'UTC', closes: '20' })).toContain('(no rows)');
    const answer = await tables.query(
      "SELECT [hour(t AT TIME ZONE 'Europe/Berlin') FOR t IN [TIMESTAMPTZ '2026-03-29 00:30:00Z', TIMESTAMPTZ '2026-03-29 01:30:00Z']]",
    );
    for await (const [row] of answer.rows) expect(row).toEqual([1n, 3n]);
  });
});

describe('an account', () => {
  it('has its own events alone, in every view of events, and what names no account is refused', async () => {
    const one = await openTables(both, { account: '5f1e7c20d4a9b3086e12f00e' });
    const all = await openTables(both);
    const single = async (open: OpenTables, sql: string) => {
      let found = 0;
      for await (const [value] of (await open.query(sql)).rows) found = Number(value);
      return found;
    };
    for (const view of ['authentication', 'events', 'admin_activity']) {
      const count = `SELECT count(*) FROM ${view}`;
      expect(await single(one, `${count} WHERE metadata.tenant_uid <> '5f1e7c20d4a9b3086e12f00e'`)).toBe(0);
      const its = await single(all, `${count} WHERE metadata.tenant_uid = '5f1e7c20d4a9b3086e12f00e'`);
      expect(its).toBeGreaterThan(0);
      expect(await single(one, count)).toBe(its);
    }
    await expect(one.query('SELECT * FROM dead_letters')).rejects.toMatchObject({ code: 'USAGE' });
    await one.close();
    await all.close();
  });
});

describe('the views', () => {
  it('are described as statements count them', async () => {
    for (const { name, rows, first, last, bytes } of await describeViews(directory)) {
      const answer = await tables.query(`SELECT count(*), min(time_dt), max(time_dt) FROM ${name}`);
      for await (const [count, earliest, latest] of answer.rows) {
        expect([name, rows, first, last]).toEqual([name, count, earliest, latest]);
        expect(bytes > 0n).toBe(count !== 0n);
      }
    }
  });

  it.each([
    ['SELECT usr_name FROM authentication', 'user_name'],
    ['SELECT a.src_ipp FROM events AS a', 'src_ip'],
  ])('name the column that %j may have meant', async (sql, column) => {
    await expect(tables.query(sql)).rejects.toMatchObject({
      cure: `Did you mean ${column}? DESCRIBE a view for its columns.`,
    });
  });
});
