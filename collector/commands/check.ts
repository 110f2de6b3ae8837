import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import type { LoadedConfig } from '../config/load-config.js';
import type { CheckedFeed } from '../diagnostics/checked-feed.js';
import { exitCodeOf, type Finding, findingOf, inOrder, lineOf } from '../diagnostics/finding.js';
import { RequestTally } from '../diagnostics/request-stats.js';
import { checkFeed } from '../diagnostics/run-checks.js';
import { type ReportParts, writeReport } from '../diagnostics/support-bundle.js';
import { createLog } from '../log/logger.js';
import { printableLines } from '../log/printable.js';
import { processRedactor } from '../log/redactor.js';
import { sameRecords } from '../runtime/same-records.js';
import { version } from '../version.js';
import { readConfig } from './load.js';
import { writeJson } from './output.js';

/**
 * `check`: whether every feed of the configuration could run, one line per finding, most severe first.
 * @returns the exit code of the most severe finding
 */
export async function check(flags: Flags & { json: boolean; report?: string | undefined }): Promise<number> {
  const read = readOrFindings(flags);
  const seen = new RequestTally();
  const signal = new AbortController().signal;
  const report = async (parts: Pick<ReportParts, 'config' | 'checked' | 'findings' | 'mask'>) => {
    if (flags.report !== undefined) await writeReport(flags.report, { ...parts, seen, signal });
  };
  if ('findings' in read) {
    const { findings } = read;
    await report({ config: undefined, checked: [], findings, mask: (text) => processRedactor.mask(text) });
    return print(findings, flags.json, []);
  }
  const { config } = read;
  const level = ['debug', 'trace'].includes(config.shared.log.level) ? config.shared.log.level : 'error';
  const log = createLog({ ...config.shared.log, redactor: processRedactor, level, noColor: process.env.NO_COLOR });
  for (const secret of config.secrets) log.redact(secret.reveal());
  const checked: CheckedFeed[] = [];
  try {
    for (const feed of config.feeds) checked.push(await checkFeed(feed, log.child({ feed: feed.name }), seen, signal));
    const findings = inOrder([
      ...notes(config),
      { feed: undefined, part: 'configuration', verdict: 'ok', message: describe(config) },
      ...checked.flatMap((one) => one.findings),
      ...together(checked),
    ]);
    await report({ config, checked, findings, mask: log.mask });
    return print(findings, flags.json, config.feeds);
  } finally {
    for (const { client } of checked) client?.close();
    await log.close();
  }
}

function readOrFindings(flags: Flags): { config: LoadedConfig } | { findings: Finding[] } {
  try {
    return { config: readConfig(flags) };
  } catch (error) {
    const finding = findingOf(error, undefined);
    // The first line counts the problems, one follows a line.
    const [head = '', ...problems] = finding.message.split('\n');
    const messages = problems.length === 0 ? [head] : problems.map((problem) => problem.trim());
    return { findings: messages.map((message) => ({ ...finding, message })) };
  }
}

/** What only shows where feeds are seen together. */
function together(checked: readonly CheckedFeed[]): Finding[] {
  const feeds = checked.map(({ config, cursor, answers }) => ({
    config,
    organization: cursor?.organization ?? answers?.organization ?? config.jumpcloud.orgId,
  }));
  return feeds.flatMap((feed): Finding[] => {
    const found = sameRecords(feed, feeds);
    return found === undefined ? [] : [{ feed: feed.config.name, part: 'organization', verdict: 'warning', ...found }];
  });
}

function notes({ notes: all }: LoadedConfig): Finding[] {
  return all.map((message) => ({ feed: undefined, part: 'configuration', verdict: 'warning', message }));
}

function describe({ file, feeds }: LoadedConfig): string {
  const from = file === undefined ? 'environment and flags, no file' : file;
  return `${from}: ${feeds.length === 1 ? `feed ${feeds[0]?.name}` : `${feeds.length} feeds`}`;
}

function print(findings: readonly Finding[], json: boolean, feeds: readonly FeedConfig[]): number {
  const exitCode = exitCodeOf(findings);
  if (json) writeJson(process.stdout, { version: 1, program: version, exitCode, findings });
  else for (const finding of findings) process.stdout.write(`${printableLines(textOf(finding, feeds.length > 1))}\n`);
  return exitCode;
}

/** Masked part by part: behind the label `credential:` any value would count as a secret. */
function textOf(finding: Finding, several: boolean): string {
  const { message, cure } = finding;
  const masked = { ...finding, message: processRedactor.mask(message) };
  return lineOf(cure === undefined ? masked : { ...masked, cure: processRedactor.mask(cure) }, several);
}
