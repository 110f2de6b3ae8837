import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import type { Lane } from '../../collector/pipeline/lane.js';
import type { FeedEvent } from '../../collector/pipeline/observer.js';
import { readAnswerRows } from '../../collector/query/answer-rows.js';
import type * as asking from '../../collector/query/ask-question.js';
import { questionNamed } from '../../collector/query/read-questions.js';
import { QuestionWatch, type WatchSetting } from '../../collector/watch/question-watch.js';
import { watchedQuestions } from '../../collector/watch/watched-questions.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { storyEnd, storyOrganization, writeStoryTables } from '../query/story-tables.js';

const HOUR = 3_600_000;
const account = 'Acme Corporation';
const limits = { memory: '256MB', temporarySpace: '2GB', threads: 2, timeoutMs: 60_000 };
const asked = (text: string) => {
  const [name = '', since] = text.split(' since=');
  const parameters = new Map(since === undefined ? [] : [['since', since]]);
  return { question: questionNamed(name), parameters, lists: new Map() };
};
const row = (identity: string): asking.FoundRow => ({
  identity,
  row: { account_name: 'acme', user_name: identity, failures: 3 },
});

/** A watch over a lane whose commits the test makes. */
class Bench {
  now = storyEnd;
  /** What JumpCloud's clock says beyond this machine's. */
  skewMs = 0;
  readonly events: FeedEvent[] = [];
  committed: unknown;
  readonly delivered: NormalisedEvent[] = [];
  readonly watch: QuestionWatch;

  constructor(ask: WatchSetting['ask'], names: readonly string[], stored?: unknown, intervalMs = HOUR) {
    this.watch = new QuestionWatch({
      feed: 'acme',
      questions: names.map(asked),
      intervalMs,
      accountName: account,
      mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
      target: ocsfTarget,
      clock: { now: () => this.now, monotonic: () => this.now, sleep: async () => {} },
      clocks: () => ({
        local: this.now,
        server: this.now + this.skewMs,
        confirmed: false,
        apart: Math.abs(this.skewMs) > HOUR,
      }),
      observer: (event) => this.events.push(event),
      ask,
    });
    this.committed = stored;
    this.watch.restore(stored);
  }

  commit(): void {
    const { state, ownEvents } = this.watch.beforeCommit();
    this.committed = JSON.parse(JSON.stringify(state));
    this.delivered.push(...ownEvents);
  }

  /** Asks where it is time to, and commits what was found. */
  async round(turns = 100): Promise<void> {
    const lane = {
      name: 'live',
      cursor: { organization: storyOrganization },
      commitOwnEvents: async () => this.commit(),
    };
    for (let turn = 0; turn < turns && this.watch.queue.isPending; turn++) {
      await this.watch.run(lane as unknown as Lane);
      await this.watch.queue.arrival(new AbortController().signal);
    }
  }
}

describe('a watched question', () => {
  it('raises each new row once, also after a restart and however its other columns change', async () => {
    let rows = [row('a'), row('b'), row('b')];
    const bench = new Bench(async () => rows, ['password-spraying']);
    await bench.round();
    expect(bench.delivered).toHaveLength(2);
    await bench.round();
    bench.now += HOUR;
    rows = [row('a'), row('c')];
    await bench.round();
    expect(bench.delivered).toHaveLength(3);
    const again = new Bench(async () => rows, ['password-spraying'], bench.committed);
    again.now = bench.now;
    await again.round();
    expect(again.delivered).toEqual([]);
    expect(bench.events.map((event) => event.type === 'questionAnswered' && event.found)).toEqual([2, 1]);
  });

  it('raises nothing twice and misses nothing while the clock of this machine is days ahead', async () => {
    const rows = [row('a')];
    // The question is about the last day.
    const bench = new Bench(
      async (_asked, _account, now) => (now < storyEnd + 24 * HOUR ? rows : []),
      ['password-spraying'],
    );
    await bench.round();
    rows.push(row('b'));
    bench.now += HOUR + 100 * 24 * HOUR;
    bench.skewMs = -100 * 24 * HOUR;
    await bench.round();
    expect(bench.delivered).toHaveLength(2);
    bench.now += HOUR - 100 * 24 * HOUR;
    bench.skewMs = 0;
    await bench.round();
    const again = new Bench(async () => rows, ['password-spraying'], bench.committed);
    again.now = bench.now;
    await again.round();
    expect([...bench.delivered, ...again.delivered]).toHaveLength(2);
  });

  it('finds again what a commit failed to carry, as the same finding', async () => {
    const bench = new Bench(async () => [row('a')], ['password-spraying']);
    const { committed } = bench;
    await bench.round();
    bench.watch.restore(committed);
    await bench.round();
    const [first, second] = bench.delivered.map(({ text }) => JSON.parse(text).finding_info.uid);
    expect(second).toBe(first);
  });

  it('raises a row again that comes back after an answer without it, a day after the last with it', async () => {
    let rows = [row('a')];
    const bench = new Bench(async () => rows, ['password-spraying']);
    await bench.round();
    for (const [hours, present] of [
      [23, false],
      [23, true],
      [25, false],
      [1, true],
    ] as const) {
      bench.now += hours * HOUR;
      rows = present ? [row('a')] : [];
      await bench.round();
    }
    expect(bench.delivered).toHaveLength(2);
    expect(new Set(bench.delivered.map(({ uid }) => uid)).size).toBe(2);
  });

  it('that has no answer is reported, and the others are asked', async () => {
    const bench = new Bench(
      async ({ question }) => {
        if (question.name === 'lockouts')
          throw new CollectorError('QUERY_LIMIT_REACHED', 'too long', { cure: 'Narrow it.' });
        return [row('a')];
      },
      ['lockouts', 'mfa-removed'],
    );
    await bench.round();
    expect(bench.delivered).toHaveLength(1);
    expect(bench.events).toEqual([
      expect.objectContaining({ type: 'questionFailed', question: 'lockouts' }),
      expect.objectContaining({ type: 'questionAnswered', question: 'mfa-removed', found: 1 }),
    ]);
  });

  it('delays no poll: a round returns before the answer comes', async () => {
    let answer: (rows: asking.FoundRow[]) => void = () => {};
    const bench = new Bench(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      ['mfa-removed'],
    );
    const lane = { name: 'live', cursor: { organization: storyOrganization }, commitOwnEvents: async () => {} };
    await bench.watch.run(lane as unknown as Lane);
    expect(bench.watch.queue.isPending).toBe(false);
    bench.commit();
    expect(bench.delivered).toEqual([]);
    const arrival = bench.watch.queue.arrival(new AbortController().signal);
    answer([row('a')]);
    await arrival;
    bench.commit();
    expect(bench.delivered).toHaveLength(1);
  });
});

describe('after a pause, a watched question', () => {
  /** Answers with the rows whose time is in the question's own range, a day. */
  const happened = (times: Record<string, number>, asOf: number) =>
    Object.entries(times).flatMap(([name, at]) => (at >= asOf - 24 * HOUR && at < asOf ? [row(name)] : []));
  const times = {
    early: storyEnd + 2 * HOUR,
    midway: storyEnd + 60 * HOUR,
    late: storyEnd + 119 * HOUR,
    before: storyEnd - HOUR,
  };
  const name = 'password-spraying';
  const found = (bench: Bench) => bench.delivered.map(({ text }) => JSON.parse(text).unmapped.row.user_name).toSorted();

  it('is asked as of moments within it: each row is raised once', async () => {
    const first = new Bench(async (_, __, asOf) => happened(times, asOf), [name]);
    await first.round();
    expect(found(first)).toEqual(['before']);

    const asked: number[] = [];
    const ask: WatchSetting['ask'] = async (_, __, asOf) => {
      asked.push((asOf - storyEnd) / HOUR);
      return happened(times, asOf);
    };
    const again = new Bench(ask, [name], first.committed);
    again.now = storyEnd + 120 * HOUR;
    await again.round();
    expect(asked).toEqual([12, 24, 36, 48, 60, 72, 84, 96, 108, 120]);
    expect(found(again)).toEqual(['early', 'late', 'midway']);
    again.now += HOUR;
    await again.round();
    expect(asked.slice(10)).toEqual([121]);
    expect(again.delivered).toHaveLength(3);
  });

  it('raises a row again that came back a day after its last answer, and no uid twice', async () => {
    const ask: WatchSetting['ask'] = async (_, __, asOf) => [
      ...happened({ again: times.before }, asOf),
      ...happened({ again: times.late }, asOf),
    ];
    const first = new Bench(ask, [name]);
    await first.round();
    const second = new Bench(ask, [name], first.committed);
    second.now = storyEnd + 120 * HOUR;
    await second.round();
    expect([found(first), found(second)]).toEqual([['again'], ['again']]);
    const often = new Bench(async (_, __, asOf) => (asOf % (96 * HOUR) < 24 * HOUR ? [row('often')] : []), [name], {
      seen: {},
      askedUntil: { [name]: storyEnd },
    });
    often.now = storyEnd + 400 * HOUR;
    await often.round();
    expect(often.delivered.length).toBeGreaterThan(2);
    expect(new Set(often.delivered.map(({ uid }) => uid)).size).toBe(often.delivered.length);
  });

  it('of weeks is asked in rounds that are bounded: the others wait for none of them, and the log says how far it is', async () => {
    const order: string[] = [];
    const bench = new Bench(
      async ({ question }, _, asOf) => {
        order.push(question.name);
        return question.name === name ? happened(times, asOf) : [];
      },
      [name, 'mfa-removed'],
      { seen: {}, askedUntil: { [name]: storyEnd, 'mfa-removed': storyEnd + 28 * 24 * HOUR - HOUR } },
    );
    bench.now = storyEnd + 28 * 24 * HOUR;
    await bench.round();
    expect(order.indexOf('mfa-removed')).toBe(10);
    expect(order).toHaveLength(57);
    expect(found(bench)).toEqual(['before', 'early', 'late', 'midway']);
    const progress = bench.events.flatMap((event) => (event.type === 'questionBehind' ? [event] : []));
    expect(progress.map(({ left }) => left)).toEqual([46, 36, 26, 16, 6]);
    expect(progress[0]).toMatchObject({ question: name, until: storyEnd + 120 * HOUR });
    // What is found is committed in between, and remembered with how far the question was asked.
    const halfway = new Bench(async (_, __, asOf) => happened(times, asOf), [name], {
      seen: {},
      askedUntil: { [name]: storyEnd },
    });
    halfway.now = bench.now;
    await halfway.round(2);
    expect(found(halfway)).toEqual(['before', 'early', 'late', 'midway']);
    const goesOn = new Bench(async (_, __, asOf) => happened(times, asOf), [name], halfway.committed);
    goesOn.now = bench.now;
    await goesOn.round();
    expect(found(goesOn)).toEqual([]);
  });

  it('whose answers take longer than the time between two rounds says that it does not catch up; one that gains says so too', async () => {
    const minute = 60_000;
    const behind = async (answerMs: number, pause: number) => {
      const text = `${name} since=1m`;
      const stored = { seen: {}, askedUntil: { [text]: storyEnd } };
      const bench: Bench = new Bench(
        async () => {
          bench.now += answerMs;
          return [];
        },
        [text],
        stored,
        minute,
      );
      bench.now = storyEnd + pause * minute;
      await bench.round(12);
      const left = bench.events.flatMap((event) => (event.type === 'questionAnswered' ? [event.left] : []));
      const gains = bench.events.flatMap((event) => (event.type === 'questionBehind' ? [event.isGaining] : []));
      return { left, gains };
    };
    const slow = await behind(61_000, 20);
    expect(slow.gains.slice(1)).toEqual(slow.gains.slice(1).map(() => false));
    expect(slow.gains.length).toBeGreaterThan(3);
    expect(slow.left.every((left) => left >= 10)).toBe(true);
    const fast = await behind(1000, 35);
    expect(fast.gains).toEqual([true, true, true]);
    expect(fast.left.at(-1)).toBe(0);
  });

  it('that has no answer as of one moment is asked about now, and about that moment after the interval', async () => {
    let isBroken = true;
    let asked = 0;
    const ask: WatchSetting['ask'] = async (_, __, asOf) => {
      asked += 1;
      if (isBroken && asOf < storyEnd + 72 * HOUR)
        throw new CollectorError('QUERY_LIMIT_REACHED', 'too long', { cure: 'Narrow it.' });
      return happened(times, asOf);
    };
    const bench = new Bench(ask, [name], { seen: {}, askedUntil: { [name]: storyEnd } });
    bench.now = storyEnd + 120 * HOUR;
    await bench.round();
    expect([asked, found(bench)]).toEqual([2, ['late']]);
    isBroken = false;
    bench.now += 48 * HOUR;
    await bench.round();
    expect(found(bench)).toEqual(['before', 'early', 'late', 'midway']);
  });

  it('finds again what a commit failed to carry while it was being asked', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stored = { seen: {}, askedUntil: { [name]: storyEnd } };
    const ask: WatchSetting['ask'] = async (_, __, asOf) => {
      if (asOf === storyEnd + 36 * HOUR) await held;
      return happened(times, asOf);
    };
    const bench = new Bench(ask, [name], stored);
    bench.now = storyEnd + 120 * HOUR;
    const round = bench.round();
    await new Promise(setImmediate);
    bench.watch.beforeCommit();
    bench.watch.restore(stored);
    release();
    await round;
    await bench.round();
    expect(found(bench)).toEqual(['before', 'early', 'late', 'midway']);
  });
});

describe('questions over tables', () => {
  let directory: string;
  /** The built one: it starts the program of a statement, which is in the same folder. */
  let askQuestion: typeof asking.askQuestion;
  beforeAll(async () => {
    const built = new URL('../../dist/collector/query/ask-question.js', import.meta.url).href;
    ({ askQuestion } = (await import(/* @vite-ignore */ built)) as typeof asking);
    directory = await mkdtemp(join(tmpdir(), 'watch-'));
    await writeStoryTables(directory, { accountName: account });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('become valid Detection Findings: an attack, and what a reading of the directory changed', async () => {
    const names = ['password-spraying', 'user-changes', 'membership-changes'];
    const setting = { directory, limits, mostRows: 1000 };
    const bench = new Bench(
      (question, account, now, signal) => askQuestion(question, { ...setting, account, now }, signal),
      names,
    );
    await bench.round();
    const findings = bench.delivered.map(({ text }) => JSON.parse(text));
    expect(findings.map(({ message }) => message).toSorted()).toEqual([
      expect.stringMatching(
        /^Group memberships changed .*: .*group_name On call, change added, user_name new\.directory/,
      ),
      expect.stringMatching(
        /^Group memberships changed .*: .*group_name On call, change removed, user_name ana\.directory/,
      ),
      expect.stringMatching(/^Password spraying: .*198\.51\.100\.50/),
      expect.stringMatching(/^Password spraying: .*203\.0\.113\.200/),
      expect.stringMatching(/^Users and .*: .*kind administrator, name gone\.admin@example\.test, .*change removed/),
      expect.stringMatching(
        /^Users and .*: .*kind user, name ana\.directory, .*change changed, details suspended true/,
      ),
      expect.stringMatching(/^Users and .*: .*kind user, name back\.directory, .*change added/),
      expect.stringMatching(/^Users and .*: .*kind user, name new\.directory, .*change added/),
    ]);
    for (const finding of findings)
      expect(finding).toMatchObject({
        class_uid: 2004,
        metadata: { tenant_uid: storyOrganization },
        unmapped: { feed: 'acme' },
      });
    if (!hasValidator()) return;
    const { errors, total } = validate(
      bench.delivered.map(({ text }) => text),
      storyEnd,
    );
    expect({ ...total, errors }).toMatchObject({ errors: {}, warnings: 0 });
  });

  it('are about a pause too: an attack in it becomes its finding', async () => {
    const setting = { directory, limits, mostRows: 1000 };
    const bench = new Bench(
      (question, account, now, signal) => askQuestion(question, { ...setting, account, now }, signal),
      ['password-spraying'],
      { seen: {}, askedUntil: { 'password-spraying': storyEnd - 2 * HOUR } },
    );
    bench.now = storyEnd + 24 * HOUR;
    await bench.round();
    expect(bench.delivered.map(({ text }) => JSON.parse(text).unmapped.row.src_ip).toSorted()).toEqual([
      '198.51.100.50',
      '203.0.113.200',
    ]);
  });

  it('fail alone where the system has no process for them', async () => {
    const { execPath } = process;
    onTestFinished(() => {
      process.execPath = execPath;
    });
    process.execPath = join(directory, 'nowhere');
    const setting = { directory, account: storyOrganization, limits, mostRows: 2, now: storyEnd };
    const failed = askQuestion(asked('user-changes'), setting, new AbortController().signal);
    await expect(failed).rejects.toMatchObject({
      code: 'QUERY_LIMIT_REACHED',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('with more rows than can be remembered are refused', async () => {
    const setting = { directory, account, limits, mostRows: 2, now: storyEnd };
    const refused = askQuestion(asked('user-changes'), setting, new AbortController().signal);
    await expect(refused).rejects.toMatchObject({
      code: 'QUERY_LIMIT_REACHED',
      message: expect.stringContaining('more than 2 rows'),
    });
  });
});

it.each([
  ['{"columns":[{"name":"a"}]}\n{"row":[1]}\n{"row":[', [[1]]],
  ['{"columns":[{"na', undefined],
])('An answer that is cut in the middle of a line ends there: %j', async (text, rows) => {
  const answer = await readAnswerRows(Readable.from([text]));
  expect(answer && (await Readable.from(answer.rows).toArray())).toEqual(rows);
});

it.each([
  ['password-spraying users=10', 'tables', undefined],
  ['password-sprayin', 'tables', /Did you mean|no question/],
  ['password-spraying people=10', 'tables', /no parameter "people"/],
  ['dead-letters', 'tables', /name no account/],
  ['password-spraying', 'kafka', /its sink is kafka/],
])('%s watched by a feed with the sink %s is judged before it is asked', (text, sink, message) => {
  const questions = { watch: [text], lists: new Map(), intervalMs: HOUR, limits };
  const config = { name: 'acme', sink, tables: { directory: 'tables' }, questions };
  const judge = () => watchedQuestions(config as unknown as Parameters<typeof watchedQuestions>[0]);
  if (message === undefined) expect(judge()).toHaveLength(1);
  else expect(judge).toThrow(message);
});
