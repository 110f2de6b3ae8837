import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { FeedConfig } from '../../collector/config/feed-config.js';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { openJournal } from '../../collector/files/hash-chained-journal.js';
import { createLog } from '../../collector/log/logger.js';
import { Redactor } from '../../collector/log/redactor.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { append, JOURNAL, type Outcome } from '../../collector/response/action-journal.js';
import { planOf } from '../../collector/response/plan.js';
import { followActingFeeds } from '../../collector/runtime/follow-acting-feeds.js';
import { followResponse } from '../../collector/runtime/follow-response.js';
import { until } from '../cli/repairing.js';
import { ana } from '../response/targets.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const log = createLog({ level: 'error', format: 'json', redactor: new Redactor(), noColor: '1' });

function configured(directory: string, more: Readonly<Record<string, string>> = {}): FeedConfig {
  const env = {
    FEED_NAME: 'acme',
    JUMPCLOUD_API_KEY: 'none',
    JUMPCLOUD_BASE_URL: 'http://127.0.0.1:1/insights/directory/v1',
    JUMPCLOUD_CONSOLE_URL: 'http://127.0.0.1:1',
    JUMPCLOUD_TOKEN_URL: 'http://127.0.0.1:1/oauth2/token',
    TABLES_DIRECTORY: join(directory, 'tables'),
    RESPOND_DIRECTORY: directory,
    RESPOND_CLIENT_ID: '00000000-0000-4000-8000-000000000001',
    RESPOND_CLIENT_SECRET: 'no-secret-of-anybody',
    RESPOND_ALLOW: 'disable-user',
    ...more,
  };
  return loadConfig({ env, readFile: readFileFromDisk }).feeds[0]!;
}

/** A clock whose sleepers wait until they are let go on. */
function heldClock() {
  const sleepers: (() => void)[] = [];
  return {
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = () => {
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        sleepers.push(wake);
        signal?.addEventListener('abort', wake);
      }),
    sleeping: () => sleepers.length,
    goOn() {
      for (const wake of sleepers.splice(0)) wake();
    },
  };
}

/** Response of a feed that is followed, with a journal to write into. */
function followed() {
  const directory = mkdtempSync(join(tmpdir(), 'follow-'));
  const config = configured(directory);
  const { directory: place } = config.respond;
  mkdirSync(place, { recursive: true });
  const metrics = createMetrics({ version: 'test' });
  const stopping = new AbortController();
  const clock = heldClock();
  const series = async () =>
    Object.fromEntries(
      [...(await metrics.text()).matchAll(/^jumpcloud_ocsf_response_(\w+)\{(.*)\} (\S+)$/gm)].map(
        ([, name, labels, value]) => [`${name} ${/result="(\w+)"/.exec(labels!)?.[1] ?? ''}`.trim(), Number(value)],
      ),
    );
  return {
    place,
    /** An action that ended so. */
    async act(actionId: string, result: Outcome['result']) {
      const journal = await openJournal(place, JOURNAL, () => NOW);
      const asked = {
        verb: 'disable-user',
        user: ana.id,
        group: undefined,
        requester: 'j.doe',
        reason: 'INC-1',
      } as const;
      const more = { ticket: undefined, actionId, forceScheduled: false, notOurs: false, undoes: undefined };
      const target = {
        user: ana,
        group: undefined,
        member: undefined,
        groupsOfUser: [],
        administrators: [],
        scheduled: [],
      };
      const policy = { allow: ['disable-user'], groups: [], protectedUsers: [], protectedGroups: [] } as const;
      const plan = planOf({ ...asked, ...more }, target, policy, { disabledByUs: false, undone: undefined }, NOW);
      const at = new Date(NOW).toISOString();
      const none = { status: undefined, code: undefined, refusal: undefined, requestId: undefined, reads: 1 };
      await append(journal, { type: 'planned', plan });
      await append(journal, { type: 'intent', actionId, at, hash: plan.hash });
      await append(journal, { type: 'outcome', actionId, outcome: { result, at, detail: 'It is.', ...none } });
      await journal.close();
    },
    begin() {
      const ended = followResponse(config, log, metrics, clock, stopping.signal);
      onTestFinished(async () => {
        stopping.abort();
        await ended;
        await rm(directory, { recursive: true, force: true, maxRetries: 10 });
      });
      return { ended, stop: () => stopping.abort() };
    },
    series,
    /** Steps in the tables; 0 before there are any. */
    async delivered(): Promise<number> {
      try {
        const [row] = await rowsOf(join(place, 'response'), 'SELECT count(*) FROM remediation_activity');
        return Number(row?.[0]);
      } catch {
        // There are no tables yet.
        // There are no tables yet.
        return 0;
      }
    },
    /** Passes until the series are so. */
    passesUntil: (holds: (found: Awaited<ReturnType<typeof series>>) => boolean) =>
      until(async () => {
        if (clock.sleeping() > 0) clock.goOn();
        return series();
      }, holds),
  };
}

it('a journal that is broken while it is followed shows as undelivered, and the actions before it stay counted', async () => {
  const { act, begin, place, passesUntil, delivered } = followed();
  await act('act-1', 'verified');
  begin();
  const first = await passesUntil((found) => found['actions verified'] === 1);
  expect(first).toMatchObject({ 'actions unknown': 0, events_undelivered: 0 });
  await until(
    () => delivered(),
    (events) => events === 3,
  );
  appendFileSync(join(place, readdirSync(place).find((name) => name.endsWith('.ndjson'))!), 'no line of a journal\n');
  const broken = await passesUntil((found) => found.events_undelivered === 1);
  expect(broken['actions verified']).toBe(1);
});

it('a journal that begins again is counted from its first line: what the one before it held is no longer there', async () => {
  const { act, begin, place, passesUntil } = followed();
  await act('act-1', 'unknown');
  begin();
  await passesUntil((found) => found['actions unknown'] === 1);
  const away = join(place, 'evidence');
  mkdirSync(away);
  for (const name of readdirSync(place).filter((one) => one.endsWith('.ndjson')))
    renameSync(join(place, name), join(away, name));
  await act('act-2', 'verified');
  const after = await passesUntil((found) => found['actions verified'] === 1);
  expect(after['actions unknown']).toBe(0);
});

it('the series of a feed that is no longer followed are gone', async () => {
  const { act, begin, series, passesUntil } = followed();
  await act('act-1', 'verified');
  const { ended, stop } = begin();
  await passesUntil((found) => found['actions verified'] === 1);
  stop();
  await ended;
  expect(await series()).toEqual({});
});

it('feeds that may act are followed, each until another configuration of it, or none, is in force', async () => {
  const acting = configured('/nowhere');
  const changed = configured('/nowhere', { RESPOND_CLIENT_SECRET: 'another-secret-of-nobody' });
  const idle = [
    configured('/nowhere', { FEED_NAME: 'idle', RESPOND_ALLOW: '' }),
    loadConfig({ env: { JUMPCLOUD_API_KEY: 'none', RESPOND_ALLOW: 'disable-user' }, readFile: readFileFromDisk })
      .feeds[0]!,
  ];
  let now: readonly FeedConfig[] = [acting, ...idle];
  const said: string[] = [];
  const nameOf = (config: FeedConfig) => (config === acting ? 'acting' : config === changed ? 'changed' : 'idle');
  const clock = heldClock();
  const stopping = new AbortController();
  const ended = followActingFeeds(
    () => now,
    async (config, signal) => {
      said.push(`${nameOf(config)} begins`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      said.push(`${nameOf(config)} ends`);
    },
    clock,
    stopping.signal,
  );
  const passes = async (feeds: readonly FeedConfig[]) => {
    now = feeds;
    clock.goOn();
    await until(
      async () => clock.sleeping(),
      (sleeping) => sleeping === 1,
    );
    return said.splice(0);
  };
  expect(await passes([acting, ...idle])).toEqual(['acting begins']);
  expect(await passes([acting])).toEqual([]);
  expect(await passes([changed])).toEqual(['acting ends', 'changed begins']);
  expect(await passes([])).toEqual(['changed ends']);
  expect(await passes([acting])).toEqual(['acting begins']);
  stopping.abort();
  await ended;
  expect(said).toEqual(['acting ends']);
});
