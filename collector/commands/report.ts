import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QuestionLists } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { defaultConfigFile, loadQuerySettings, readFileFromDisk } from '../config/load-config.js';
import { CollectorError, exitCodes, storageFailed } from '../errors.js';
import { replaceFile } from '../files/durable-file.js';
import { accountedRecords } from '../pipeline/outcome-counts.js';
import { decodeCursor } from '../position/cursor-codec.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { type OpenTables, openTables } from '../query/open-tables.js';
import { readParameter } from '../query/parameters.js';
import { parameterValues, type Question } from '../query/question.js';
import { questionNamed, readQuestions } from '../query/read-questions.js';
import { type Answered, type FeedState, questionsOf, renderReport } from '../query/report/report.js';
import { ledgerOf } from '../reconcile/hourly-ledger.js';
import { readLaneStates } from '../sinks/tables/lane-state.js';
import { version } from '../version.js';
import { writeText } from './output.js';

const HOUR_MS = 3_600_000;

/** `report`: asks the report's questions over one snapshot and writes the file whole. */
export async function report(
  options: Flags & {
    since: string;
    until: string;
    account?: string | undefined;
    output: string;
    tablesDirectory?: string | undefined;
  },
): Promise<number> {
  const { limits, lists } = loadQuerySettings({
    flags: options,
    env: process.env,
    readFile: readFileFromDisk,
    defaultFile: defaultConfigFile,
  });
  const now = Date.now();
  const [since, until] = (['since', 'until'] as const).map((name) => instantOf(name, options[name], now)) as [
    number,
    number,
  ];
  if (since >= until)
    throw new CollectorError('USAGE', `--since ${options.since} is not before --until ${options.until}.`, {
      cure: 'Swap them, or widen the range.',
    });
  const directory = options.tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables';
  const temporaryDirectory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-report-'));
  try {
    const tables = await openTables(directory, { limits, temporaryDirectory, account: options.account });
    try {
      const questions = readQuestions();
      const answered = new Map<string, Answered>();
      for (const name of questionsOf(options.account))
        answered.set(name, await ask(tables, questionNamed(name, questions), { since, until, now, lists }));
      const feeds = options.account === undefined ? await feedStates(directory, since, until, now) : [];
      const html = renderReport({ since, until, madeAt: now, account: options.account, answered, feeds, version });
      await replaceFile(options.output, html).catch((error: unknown) => {
        throw storageFailed(error, options.output);
      });
    } finally {
      await tables.close();
    }
  } finally {
    await rm(temporaryDirectory, { recursive: true, force: true });
  }
  writeText(process.stderr, `Wrote ${options.output}.\n`);
  return exitCodes.done;
}

function instantOf(name: string, text: string, now: number): number {
  const { value } = readParameter(name, 'instant', text, now);
  return Number(value);
}

async function ask(
  tables: OpenTables,
  question: Question,
  { since, until, now, lists }: { since: number; until: number; now: number; lists: QuestionLists },
): Promise<Answered> {
  const range = new Map([
    ['since', new Date(since).toISOString()],
    ['until', new Date(until).toISOString()],
  ]);
  const parameters = parameterValues(question, { parameters: range, lists }, now);
  const answer = await tables.query(question.sql, parameters);
  const rows = [];
  for await (const row of answer.rows) rows.push(row);
  const { name, title, answers, sql } = question;
  return { name, title, answers, sql, parameters, columns: answer.columns.map((column) => column.name), rows };
}

/** What the live lanes' states say of completeness and of the key. */
async function feedStates(directory: string, since: number, until: number, now: number): Promise<FeedState[]> {
  const states = await readLaneStates(directory);
  return [...states.values()]
    .map(({ state }) => decodeCursor(state.cursor))
    .filter(({ lane }) => lane === LIVE_LANE)
    .map((cursor) => {
      const first = Math.floor(since / HOUR_MS);
      const end = Math.ceil(Math.min(until, now) / HOUR_MS);
      let counted = 0;
      let missing = 0;
      const compared = new Set<number>();
      for (const [hour, rows] of ledgerOf(cursor).hours) {
        const all = [...rows.values()];
        if (hour < first || hour >= end || all.length === 0) continue;
        if (!all.every(({ count }) => typeof count === 'number')) continue;
        compared.add(hour);
        for (const { count, explained, ...row } of all) {
          counted += count ?? 0;
          missing += Math.max(0, (count ?? 0) - explained - accountedRecords(row));
        }
      }
      const known = compared.size > 0;
      return {
        feed: cursor.feed,
        counted: known ? counted : undefined,
        missing: known ? missing : undefined,
        hoursCompared: compared.size,
        hoursNotCompared: Math.max(0, end - first - compared.size),
        key: keyText(cursor.extensions.keys),
      };
    });
}

/** The key in use stands last. */
function keyText(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const last = Object.values(stored).at(-1) as
    | { lastFour?: unknown; firstSeen?: unknown; told?: { expiresAt?: unknown }; refusedSince?: unknown }
    | undefined;
  if (typeof last?.lastFour !== 'string') return undefined;
  const expires =
    typeof last.told?.expiresAt === 'number'
      ? `expires on ${new Date(last.told.expiresAt).toISOString().slice(0, 10)}`
      : 'JumpCloud has not said when it expires';
  const refused = typeof last.refusedSince === 'string' ? `; refused since ${last.refusedSince}` : '';
  return `…${last.lastFour}, first used ${String(last.firstSeen).slice(0, 10)}, ${expires}${refused}`;
}
