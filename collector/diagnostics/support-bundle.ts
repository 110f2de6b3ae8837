import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { LoadedConfig } from '../config/load-config.js';
import type { Setting } from '../config/setting.js';
import { storageFailed } from '../errors.js';
import { replaceFile } from '../files/durable-file.js';
import { isLoopback } from '../jumpcloud/http/endpoints.js';
import { maskedJson } from '../log/redactor.js';
import { version } from '../version.js';
import { answerQuestions } from './api-probes.js';
import type { CheckedFeed } from './checked-feed.js';
import { answerDirectoryQuestions } from './directory-probes.js';
import type { Finding } from './finding.js';
import type { RequestTally } from './request-stats.js';

/** What a report is made of. */
export interface ReportParts {
  /** Undefined: it has problems, which are findings. */
  readonly config: LoadedConfig | undefined;
  readonly checked: readonly CheckedFeed[];
  readonly findings: readonly Finding[];
  readonly seen: RequestTally;
  /** Masks secrets. */
  readonly mask: (text: string) => string;
  readonly signal: AbortSignal;
}

/**
 * Writes what was found to a file of mode 0600, for somebody who helps: no secret, no text of the configuration but
 * choices and numbers, no record, organizations by their last four characters, feeds by their number.
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
  const withoutNames = nameless(parts);
  const feeds = config?.feeds.map(({ name }) => name) ?? [];
  const report = {
    report: 1,
    program: { version, node: process.version, platform: `${process.platform} ${process.arch}` },
    settings: (config?.effective ?? []).map((settings) =>
      Object.fromEntries(
        [...settings].map(([path, setting]) => [path, { value: harmless(setting), from: setting.origin.kind }]),
      ),
    ),
    findings: findings.map(({ feed, ...finding }) => ({
      ...(feed === undefined ? {} : { feed: `[feed ${feeds.indexOf(feed) + 1}]` }),
      ...mapTexts(finding as Record<string, JsonValue>, (text) => withoutNames(mask(text))),
    })),
    questions: mapTexts(questions as unknown as JsonValue[], (text) => withoutNames(mask(text))),
    statuses: Object.fromEntries(seen.statuses),
  };
  try {
    await replaceFile(resolve(file), `${maskedJson(report, mask, 2)}\n`);
  } catch (error) {
    throw storageFailed(error, resolve(file));
  }
}

/** What stands in place of a text of the configuration. */
const TEXT = '[text]';

/** Numbers, switches and choices show how a feed is set, as does what nobody has set; other text may name people, hosts and places. */
function harmless(setting: Setting): JsonValue {
  const { key, value, origin } = setting;
  if (key.secret) return '[set]';
  if (origin.kind === 'default' || isChoice(setting)) return value;
  return isObject(value) ? '[set]' : mapTexts(value, () => TEXT);
}

function isChoice({ key: { schema } }: Setting): boolean {
  const kind = schema['x-kind'] ?? '';
  return (schema.enum ?? schema.items?.enum) !== undefined || /^(?:duration|moment|start|size)/.test(kind);
}

function mapTexts<Value extends JsonValue>(value: Value, change: (text: string) => string): Value {
  return JSON.parse(
    JSON.stringify(value, (_name, member: unknown) => (typeof member === 'string' ? change(member) : member)),
  ) as Value;
}

/** Takes what names the organization, its people, its machines and its places out of a sentence. */
function nameless({ config, checked }: ReportParts): (text: string) => string {
  const names = new Map<string, string>();
  const place = (path: string) => {
    for (const one of [path, resolve(path)]) names.set(one, '[path]');
  };
  for (const one of [process.cwd(), homedir()]) if (one !== '/') place(one);
  if (config?.file !== undefined) place(config.file);
  for (const { source, name } of config?.invalid ?? []) {
    place(source.where);
    names.set(name, '[feed]');
  }
  for (const settings of config?.effective ?? [])
    for (const setting of settings.values()) {
      if (setting.origin.kind === 'default' || (!setting.key.secret && isChoice(setting))) continue;
      mapTexts(setting.value, (text) => {
        const host = hostIn(text);
        if (host !== undefined && !/\.jumpcloud\.com$/.test(host) && !isLoopback(host)) names.set(host, '[host]');
        if (/^[.~]{0,2}\//.test(text)) place(text);
        else if (host === undefined) names.set(text, TEXT);
        return text;
      });
    }
  config?.feeds.forEach(({ name }, index) => {
    if (name !== DEFAULT_NAME) names.set(name, `[feed ${index + 1}]`);
  });
  const met = checked.flatMap(({ cursor, answers, config: { jumpcloud, respond } }) => [
    cursor?.organization,
    answers?.organization,
    jumpcloud.orgId,
    respond.orgId,
  ]);
  for (const organization of met) if (organization !== undefined) names.set(organization, `…${organization.slice(-4)}`);
  const longestFirst = [...names].filter(([name]) => name.length > 3).sort(([a], [b]) => b.length - a.length);
  const files = config === undefined ? ANY_FILE : YAML_FILE;
  return (text) =>
    longestFirst
      .reduce((rest, [name, instead]) => rest.replaceAll(name, instead), text.replace(files, '[path]'))
      .replace(/[^\s@"'<>:=/]+@[^\s@"'<>]+\.[a-z]+/gi, TEXT)
      .replace(/\b(?!127\.)\d{1,3}(?:\.\d{1,3}){3}\b/g, '[address]');
}

const YAML_FILE = /[^\s"'(]+\.ya?ml/g;
/** Where the configuration has problems, nobody knows which files it names. */
const ANY_FILE = /[^\s"'(]+\.ya?ml|(?<!\S)[.~]{0,2}\/[^\s"',;:]+/g;
/** The name that a feed has where nobody gives it one: a word of every other sentence. */
const DEFAULT_NAME = 'jumpcloud';

/** Of an address, or of `host:port`. */
function hostIn(text: string): string | undefined {
  if (/^https?:\/\//.test(text)) return URL.canParse(text) ? new URL(text).hostname : undefined;
  return /^([^\s/:]+|\[[^\]]+\]):\d{1,5}$/.exec(text)?.[1];
}
