import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { unreadable } from '../config/secret.js';
import { interactiveLimits } from '../diagnostics/run-checks.js';
import { asCollectorError, CollectorError, exitCodes } from '../errors.js';
import { lastFour } from '../jumpcloud/auth/secret-source.js';
import { tidy } from '../jumpcloud/auth/tidy-secret.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { swapKeyFile, verifyKey } from '../key-expiry/replace.js';
import { describeKey, type KeyReport, reportKey } from '../key-expiry/report.js';
import type { RootLog } from '../log/logger.js';
import { clientLogger } from '../monitoring/log-observer.js';
import type { Cursor } from '../position/cursor.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { clientOf, guardOf, secretOf, settingsOf } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { writeJson, writeText } from './output.js';

/** `key`: every feed's key. The exit code is that of the first one that JumpCloud does not take. */
export async function showKeys(flags: Flags & { json: boolean; feed?: string | undefined }): Promise<number> {
  const { config, log } = setUp(flags);
  const reports: KeyReport[] = [];
  let exitCode: number = exitCodes.done;
  try {
    const feeds = flags.feed === undefined ? config.feeds : [chosen(config.feeds, flags.feed)];
    for (const feed of feeds) {
      const { report, failure } = await inspect(feed, log);
      reports.push(report);
      if (exitCode === exitCodes.done && failure !== undefined) exitCode = failure.exitCode;
    }
    if (flags.json) writeJson(process.stdout, reports);
    else writeText(process.stdout, reports.map(describeKey).join('\n'));
  } finally {
    await log.close();
  }
  return exitCode;
}

async function inspect(config: FeedConfig, log: RootLog) {
  const client = clientOf(config, clientLogger(log.child({ feed: config.name })), systemTiming, {
    ...interactiveLimits,
    pageSize: 1,
  });
  try {
    const { services } = settingsOf(config, { batchSize: 1 });
    const cursor = await positionOf(config, log).catch((error) => {
      // What the position remembers is then missing; the key can be looked at all the same.
      log.failure(error);
      return undefined;
    });
    const guard = guardOf(config, client, () => undefined);
    return await reportKey(config, services, client, guard, cursor, new AbortController().signal);
  } finally {
    client.close();
  }
}

/** `key replace`: a new key, verified before it takes the place of the old one in its file. */
export async function replaceKey(
  flags: Flags & { fromFile?: string | undefined; feed?: string | undefined },
): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const present = secretOf(feed);
    if (!('file' in present)) throw fromVariable(feed, present.where);
    const key = readNew(flags.fromFile === undefined ? await fromStdin() : fromFile(flags.fromFile), log);
    log.redact(key);
    const cursor = await positionOf(feed, log);
    const verified = await verifyNew(feed, key, present.file, cursor, log);
    await swapKeyFile(present.file, key);
    const whose = verified.organization === undefined ? '' : ` of organization ${verified.organization}`;
    writeText(
      process.stdout,
      `${feed.name}: …${lastFour(key)} is in ${present.file} now; JumpCloud takes it for ${verified.services.length} services${whose}. A running collector takes it up within seconds.\n`,
    );
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

async function verifyNew(feed: FeedConfig, key: string, file: string, cursor: Cursor | undefined, log: RootLog) {
  const client = clientOf(feed, clientLogger(log.child({ feed: feed.name })), systemTiming, {
    ...interactiveLimits,
    pageSize: 100,
    secret: { value: key, where: file },
  });
  try {
    const { services } = settingsOf(feed, { batchSize: 1 });
    return await verifyKey(client, feed.name, services, cursor, new AbortController().signal);
  } catch (error) {
    const { code, message, cure, detail } = asCollectorError(error);
    const refusal = `The new key …${lastFour(key)} was not put in place, ${file} is unchanged: ${message}`;
    throw new CollectorError(code, refusal, { cure, cause: error, ...(detail === undefined ? {} : { detail }) });
  } finally {
    client.close();
  }
}

/** Where the live lane stands. @throws CollectorError where the sink cannot read it */
async function positionOf(config: FeedConfig, log: RootLog): Promise<Cursor | undefined> {
  const sink = await openSink(config, log, systemTiming);
  try {
    return await sink.peek(LIVE_LANE);
  } finally {
    await sink.close();
  }
}

async function fromStdin(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the new key, then Enter and Ctrl-D:\n');
  return text(process.stdin);
}

function fromFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CollectorError('CREDENTIAL_MISSING', `The file with the new key, ${file}, ${unreadable(error)}.`, {
      cure: 'Name a file that holds the new key and nothing else, or give the key on standard input.',
      cause: error,
    });
  }
}

/** @throws CollectorError CREDENTIAL_MISSING for what no key can be */
function readNew(raw: string, log: RootLog): string {
  const { secret, found } = tidy(raw);
  if (found.some((what) => !what.includes('trailing newline')))
    log.warn(`the new key had ${found.join(' and ')}: taken off`);
  if (/^[\x21-\x7e]{16,4096}$/.test(secret)) return secret;
  const why = secret === '' ? 'nothing was given' : 'what was given is not a key: too short, or with spaces in it';
  throw new CollectorError('CREDENTIAL_MISSING', `The key was not replaced: ${why}.`, {
    cure: 'Give the new key, and nothing else, on standard input or with --from-file.',
  });
}

function fromVariable(feed: FeedConfig, where: string): CollectorError {
  return new CollectorError(
    'CONFIG_INVALID',
    `The key of feed ${feed.name} comes from ${where}, which only a restart can change.`,
    {
      cure: `Put the key into a file that only the collector can read and set ${where}_FILE to it: from then on it is replaced without a restart.`,
    },
  );
}
