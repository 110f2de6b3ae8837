import { resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { CollectorError, exitCodes } from '../errors.js';
import { exists } from '../files/durable-file.js';
import { checkTables, type TablesFinding } from '../sinks/tables/check-tables.js';
import { Engine, type EngineLimits } from '../sinks/tables/engine.js';
import { type MaintenanceReport, type MaintenanceSetting, maintainTables } from '../sinks/tables/maintain-tables.js';
import type { LockWait } from '../sinks/tables/table-lock.js';
import { writeJson, writeText } from './output.js';

interface TablesFlags {
  readonly tablesDirectory?: string | undefined;
  readonly json: boolean;
}

const limits: EngineLimits = { memoryLimit: '192MB', threads: 1 };
const wait: LockWait = { notice: (message) => writeText(process.stderr, `${message}\n`) };

/** `tables check`: prints what it finds; with `repair` it mends first and says what. */
export async function checkTablesVerb(flags: TablesFlags & { readonly repair: boolean }): Promise<number> {
  const directory = await directoryOf(flags);
  let mended: MaintenanceReport | undefined;
  if (flags.repair)
    mended = await maintainTables({
      directory,
      limits,
      clock: systemClock,
      parts: { merge: false, takeOutMissing: true },
      wait,
    });
  const engine = Engine.unshared(limits);
  try {
    const findings = await checkTables(directory, engine, systemClock.now());
    const exitCode = findings.some(({ verdict }) => verdict !== 'ok') ? exitCodes.difference : exitCodes.done;
    if (flags.json) writeJson(process.stdout, { version: 1, exitCode, findings, ...(mended && { mended }) });
    else writeText(process.stdout, (mended ? mendedLines(mended) : '') + findings.map(lineOf).join(''));
    return exitCode;
  } finally {
    await engine.close();
  }
}

/** `tables merge` and `tables vacuum`. */
export async function maintain(
  flags: TablesFlags & { readonly byClock?: boolean },
  parts: NonNullable<MaintenanceSetting['parts']>,
): Promise<number> {
  const directory = await directoryOf(flags);
  const report = await maintainTables({
    directory,
    limits,
    clock: systemClock,
    parts,
    wait,
    byClock: flags.byClock ?? false,
    // Whoever asks means now and all of it: readers of this moment begin again.
    rules: { settledMs: 0, mostSmall: 2 },
  });
  if (flags.json) writeJson(process.stdout, { version: 1, ...report });
  else writeText(process.stdout, mendedLines(report) + heldLine(report) + restOf(report));
  if (report.failures.length > 0)
    throw new CollectorError('STORAGE_FAILED', report.failures.join('\n'), {
      cure: 'Nothing was lost: the files are as they were. See what the message names and repeat the command.',
    });
  return exitCodes.done;
}

async function directoryOf({ tablesDirectory }: TablesFlags): Promise<string> {
  const directory = resolve(tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables');
  if (await exists(directory)) return directory;
  throw new CollectorError('STORAGE_FAILED', `There are no tables in ${directory}.`, {
    cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
    detail: 'ENOENT',
  });
}

const words = { ok: 'ok', mendable: 'differs', failed: 'failed' } as const;

function lineOf({ part, verdict, message, cure }: TablesFinding): string {
  const advice = verdict === 'mendable' ? '--repair mends it' : cure;
  return `${words[verdict].padEnd(8)}${part}: ${message}${advice === undefined ? '' : `\n        ${advice}`}\n`;
}

function mendedLines(report: MaintenanceReport): string {
  const done = [
    [report.repairs, 'lanes whose last commits were added to the logs'],
    [report.expiredFiles, 'files of days that are no longer kept taken out'],
    [report.mergedFiles, `files merged into ${report.mergedInto}`],
    [report.unlinkedFiles, `files unlinked (${Math.round(report.unlinkedBytes / 1024 / 1024)} MiB)`],
  ] as const;
  const lines = done.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}\n`);
  lines.push(...goneLines(report));
  return lines.length > 0 ? lines.join('') : 'nothing to do\n';
}

function goneLines({ goneFiles }: MaintenanceReport): string[] {
  if (goneFiles.length === 0) return [];
  const rows = goneFiles.reduce((sum, file) => sum + file.rows, 0);
  return [
    `${goneFiles.length} missing files taken out of the logs: ${rows} rows are gone\n`,
    ...goneFiles.map((one) => `        ${one.file}: ${one.rows} rows\n`),
    '        `jumpcloud-ocsf reconcile --repair` delivers again what JumpCloud still keeps\n',
  ];
}

function heldLine({ heldFiles }: MaintenanceReport): string {
  if (heldFiles === 0) return '';
  return `${heldFiles} files of days that are over by this machine's clock stay: no feed here has read that far. Where the clock is right and none collects here any more, add --by-clock\n`;
}

function restOf({ backlog }: MaintenanceReport): string {
  return backlog > 0 ? `${backlog} files are left to merge\n` : '';
}
