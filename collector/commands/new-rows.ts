import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { CollectorError } from '../errors.js';
import { isMissing, replaceFile, storageFailed } from '../files/durable-file.js';
import { put } from '../files/put.js';
import { type AnswerFormat, render } from '../query/render.js';
import { runStatement } from '../query/run-statement.js';
import type { StatementReport, StatementRequest } from '../query/statement-request.js';

/** Rows that have not been in an answer for so long are forgotten. */
const FORGOTTEN_AFTER_MS = 90 * 86_400_000;
/** A row whose only change is here is the same row: they move while something goes on. */
const MOVING: ReadonlySet<string> = new Set(['first_seen', 'last_seen']);

/** Row identity → when it was in an answer last, epoch milliseconds. */
type Seen = ReadonlyMap<string, number>;

/**
 * Shows the rows that earlier runs have not shown. They are remembered once they are shown: a run that breaks off between
 * the two shows them again.
 * @param file remembers rows; made by the first run, to which every row is new
 * @returns how many rows are new
 */
export async function showNewRows(
  request: StatementRequest,
  { file, format, now, signal }: { file: string; format: AnswerFormat; now: number; signal: AbortSignal },
): Promise<{ report: StatementReport; count: number }> {
  const seen = await readSeen(file);
  const stdout = new PassThrough();
  const [report, answer] = await Promise.all([
    runStatement({ ...request, format: 'ndjson' }, { signal, stdout }),
    text(stdout),
  ]);
  if (report.fault !== undefined || signal.aborted) return { report, count: 0 };
  const rows = answer.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonObject]));
  const named = rows.map((row) => ({ row, identity: identityOf(request.sql, row) }));
  const fresh = named.filter(({ identity }) => !seen.has(identity)).map(({ row }) => row);
  if (fresh.length > 0) await show(fresh, format);
  const kept = [...seen].filter(([, at]) => now - at < FORGOTTEN_AFTER_MS);
  const remembered = Object.fromEntries([...kept, ...named.map(({ identity }) => [identity, now] as const)]);
  await replaceFile(file, `${JSON.stringify({ version: 1, rows: remembered })}\n`).catch((error: unknown) => {
    throw storageFailed(error, dirname(file));
  });
  return { report, count: fresh.length };
}

/** Counts and lists grow while something goes on; what is left says which row it is. */
function identityOf(sql: string, row: JsonObject): string {
  const lasting = Object.entries(row).filter(
    ([name, value]) => !MOVING.has(name) && typeof value !== 'number' && !Array.isArray(value),
  );
  const kept = lasting.length > 0 ? lasting : Object.entries(row);
  return createHash('sha256')
    .update(`${sql}\n${JSON.stringify(kept)}`)
    .digest('hex')
    .slice(0, 32);
}

async function show(rows: readonly JsonObject[], format: AnswerFormat): Promise<void> {
  const names = Object.keys(rows[0] ?? {});
  const isNumber = (name: string) => rows.every((row) => row[name] === null || typeof row[name] === 'number');
  const answer = {
    columns: names.map((name) => ({ name, type: isNumber(name) ? 'DOUBLE' : 'VARCHAR' })),
    rows: (async function* () {
      for (const row of rows) yield names.map((name) => plain(row[name]));
    })(),
  };
  const { columns, isTTY } = process.stdout;
  for await (const piece of render(answer, format, { width: columns || 160, terminal: isTTY }))
    await put(process.stdout, piece);
}

function plain(value: JsonValue | undefined): string | number | boolean | null {
  return typeof value === 'object' ? (value === null ? null : JSON.stringify(value)) : (value ?? null);
}

async function readSeen(file: string): Promise<Seen> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return new Map();
    throw storageFailed(error, dirname(file));
  }
  try {
    const stored: JsonValue = JSON.parse(content);
    if (isObject(stored) && stored.version === 1 && isObject(stored.rows)) {
      const entries = Object.entries(stored.rows).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      );
      return new Map(entries);
    }
  } catch {
    // Said below: a file of somebody else is not overwritten.
  }
  throw new CollectorError('USAGE', `${file} is no file of --seen.`, {
    cure: 'Name one that does not exist: the first run makes it.',
  });
}
