import { resolve } from 'node:path';
import type { LoadedConfig } from '../config/load-config.js';
import { storageFailed } from '../errors.js';
import { replaceFile } from '../files/durable-file.js';
import { maskedJson } from '../log/redactor.js';
import { version } from '../version.js';
import { answerQuestions } from './api-probes.js';
import type { CheckedFeed } from './checked-feed.js';
import { answerDirectoryQuestions } from './directory-probes.js';
import type { Finding } from './finding.js';
import type { RequestTally } from './request-stats.js';

/** What a report is made of. */
export interface ReportParts {
  readonly config: LoadedConfig;
  readonly checked: readonly CheckedFeed[];
  readonly findings: readonly Finding[];
  readonly seen: RequestTally;
  /** Masks secrets. */
  readonly mask: (text: string) => string;
  readonly signal: AbortSignal;
}

/**
 * Writes what was found to a file of mode 0600, for somebody who helps: no secret, no text of the configuration but
 * choices and numbers, no record, organizations by their last four characters.
 * @throws CollectorError STORAGE_FAILED
 */
export async function writeReport(file: string, parts: ReportParts): Promise<void> {
  const { config, checked, findings, seen, mask, signal } = parts;
  const questions = await Promise.all(
    checked.map(async (feed) => [
      ...(await answerQuestions(feed, seen, signal)),
      ...(await answerDirectoryQuestions(feed.client, signal)),
    ]),
  );
  const report = {
    report: 1,
    program: { version, node: process.version, platform: `${process.platform} ${process.arch}` },
    settings: config.effective.map((settings) =>
      Object.fromEntries(
        [...settings].map(([path, { value, origin }]) => [path, { value: harmless(value), from: origin.kind }]),
      ),
    ),
    findings,
    questions,
    statuses: Object.fromEntries(seen.statuses),
  };
  const text = withoutNames(maskedJson(report, mask, 2), parts);
  try {
    await replaceFile(resolve(file), `${text}\n`);
  } catch (error) {
    throw storageFailed(error, resolve(file));
  }
}

/** Numbers, switches and choices show how a feed is set; other text may name people, hosts and places. */
function harmless(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string')
    return /^(\d+(\.\d+)?[a-z]{0,2}|[a-z]+([_-][a-z0-9]+)*)$/.test(value) ? value : '[text]';
  if (Array.isArray(value)) return value.map(harmless);
  return '[set]';
}

/** Takes what names the organisation, its people and its machines out of the findings' sentences. */
function withoutNames(text: string, { config, checked }: ReportParts): string {
  const names = new Map<string, string>();
  for (const { cursor, answers } of checked)
    for (const organization of [cursor?.organization, answers?.organization])
      if (organization !== undefined) names.set(organization, `…${organization.slice(-4)}`);
  for (const { name, contact, jumpcloud, tables, state, kafka } of config.feeds) {
    if (jumpcloud.orgId !== undefined) names.set(jumpcloud.orgId, `…${jumpcloud.orgId.slice(-4)}`);
    for (const place of [resolve(tables.directory), tables.directory, resolve(state.directory), config.file])
      if (place !== undefined) names.set(place, '[path]');
    for (const secret of [jumpcloud.apiKey, jumpcloud.clientSecret]) if (secret?.file) names.set(secret.file, '[path]');
    for (const broker of kafka.brokers) names.set(broker, '[broker]');
    for (const person of [contact.name, contact.email, jumpcloud.clientId]) if (person) names.set(person, '[text]');
    if (name.length > 3) names.set(name, '[feed]');
  }
  const longestFirst = [...names].sort(([one], [other]) => other.length - one.length);
  let redacted = text;
  for (const [name, instead] of longestFirst)
    redacted = redacted.replaceAll(JSON.stringify(name).slice(1, -1), instead);
  return redacted;
}
