import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import {
  type JournalLine,
  type JournalPosition,
  journalLines,
  journalLinesAfter,
  openJournal,
  type PlacedLine,
  verifyJournal,
} from '../../collector/files/hash-chained-journal.js';

const NOVEMBER = Date.parse('2026-11-28T12:00:00Z');
const DECEMBER = Date.parse('2026-12-01T00:00:00Z');

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function written(directory: string, count: number): Promise<string> {
  const journal = await openJournal(directory, 'audit', () => NOVEMBER);
  for (let at = 1; at <= count; at++) await journal.append({ operation: `o${at}` });
  await journal.close();
  return join(directory, 'audit-2026-11.ndjson');
}

it('appends lines in the order of the calls, readable by their owner alone, and the chain is whole', async () => {
  const directory = folder();
  const journal = await openJournal(directory, 'audit', () => NOVEMBER);
  const numbers = await Promise.all([1, 2, 3].map((at) => journal.append({ at })));
  await journal.close();
  expect(numbers).toEqual([1, 2, 3]);
  const lines: JournalLine[] = [];
  for await (const line of journalLines(directory, 'audit')) lines.push(line);
  expect(lines).toEqual([1, 2, 3].map((number) => ({ number, entry: { at: number } })));
  expect(await verifyJournal(directory, 'audit')).toEqual({ lines: 3, broken: undefined });
  expect(statSync(join(directory, 'audit-2026-11.ndjson')).mode & 0o777).toBe(0o600);
});

it('the chain runs on over months and restarts, also where the clock goes back', async () => {
  const directory = folder();
  let now = NOVEMBER;
  for (const [moment, text] of [
    [NOVEMBER, 'a'],
    [DECEMBER, 'b'],
    [NOVEMBER, 'c'],
  ] as const) {
    now = moment;
    const journal = await openJournal(directory, 'audit', () => now);
    await journal.append({ text });
    await journal.close();
  }
  expect(readdirSync(directory).sort()).toEqual(['audit-2026-11.ndjson', 'audit-2026-12.ndjson']);
  expect(await verifyJournal(directory, 'audit')).toEqual({ lines: 3, broken: undefined });
});

it.each([
  ['a changed line', (lines: string[]) => lines.with(1, lines[1]!.replace('o2', 'ox')), 3],
  ['a removed line', (lines: string[]) => lines.toSpliced(1, 1), 2],
  ['a line that was put in', (lines: string[]) => lines.toSpliced(1, 0, lines[0]!), 2],
  ['a line that is no JSON', (lines: string[]) => lines.with(1, '{'), 2],
  ['a removed first line', (lines: string[]) => lines.slice(1), 1],
])('verification names the first line that does not follow: %s', async (_what, change, line) => {
  const directory = folder();
  const path = await written(directory, 4);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${change(lines).join('\n')}\n`);
  expect((await verifyJournal(directory, 'audit')).broken).toMatchObject({ file: 'audit-2026-11.ndjson', line });
});

it('a last line that a crash cut short is taken off, and the chain goes on', async () => {
  const directory = folder();
  const path = await written(directory, 2);
  appendFileSync(path, '{"number":3,"previous":"ab');
  const journal = await openJournal(directory, 'audit', () => NOVEMBER);
  expect(journal.recovered).toBe(26);
  expect(await journal.append({ operation: 'next' })).toBe(3);
  await journal.close();
  expect(await verifyJournal(directory, 'audit')).toEqual({ lines: 3, broken: undefined });
});

it('takes no further line after a torn one that could not be taken off, until it is opened again', async () => {
  const directory = folder();
  const path = await written(directory, 1);
  const journal = await openJournal(directory, 'audit', () => NOVEMBER);
  const file = await open(path, 'r');
  const prototype = Object.getPrototypeOf(file);
  await file.close();
  const append = vi.spyOn(prototype, 'appendFile').mockImplementationOnce(async () => {
    appendFileSync(path, '{"number":2,"prev');
    throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
  });
  const truncate = vi.spyOn(prototype, 'truncate').mockRejectedValueOnce(new Error('EIO: i/o error, ftruncate'));
  onTestFinished(() => {
    append.mockRestore();
    truncate.mockRestore();
  });
  const cure = expect.stringContaining('start the process again');
  const refused = { code: 'STORAGE_FAILED', message: expect.stringContaining(path), cure };
  await expect(journal.append({ operation: 'torn' })).rejects.toMatchObject(refused);
  await expect(journal.append({ operation: 'after' })).rejects.toMatchObject(refused);
  await journal.close();
  const again = await openJournal(directory, 'audit', () => NOVEMBER);
  expect(again.recovered).toBe(17);
  expect(await again.append({ operation: 'next' })).toBe(2);
  await again.close();
  expect(await verifyJournal(directory, 'audit')).toEqual({ lines: 2, broken: undefined });
});

it('is read on from a position also where its first file is empty: its first line could not be written', async () => {
  const directory = folder();
  writeFileSync(join(directory, 'audit-2026-10.ndjson'), '');
  await written(directory, 2);
  const numbersAfter = async (position?: JournalPosition) => {
    const lines: PlacedLine[] = [];
    for await (const line of journalLinesAfter(directory, 'audit', position)) lines.push(line);
    return { numbers: lines.map(({ number }) => number), end: lines.at(-1)?.position };
  };
  const first = await numbersAfter();
  expect(first.numbers).toEqual([1, 2]);
  await written(directory, 1);
  expect((await numbersAfter(first.end)).numbers).toEqual([3]);
});

it('a line in the middle that is none of a journal is refused by readers, not taken for the end', async () => {
  const directory = folder();
  const path = await written(directory, 3);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${lines[0]}\nnot a line\n${lines[2]}\n`);
  const read = async () => {
    for await (const _ of journalLines(directory, 'audit'));
  };
  await expect(read()).rejects.toMatchObject({ code: 'STATE_CORRUPT', message: expect.stringContaining(path) });
});

it('refuses to go on after a last line that is none of a journal', async () => {
  const directory = folder();
  appendFileSync(await written(directory, 1), 'rubbish\n');
  await expect(openJournal(directory, 'audit', () => NOVEMBER)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
});
