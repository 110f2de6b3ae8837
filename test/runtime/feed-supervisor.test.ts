import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { ConfiguredFeed } from '../../collector/config/configured-feed.js';
import { loadConfig } from '../../collector/config/load-config.js';
import { createLog } from '../../collector/log/logger.js';
import { Redactor } from '../../collector/log/redactor.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { StatusBoard } from '../../collector/monitoring/status/board.js';
import { FeedSupervisor } from '../../collector/runtime/feed-supervisor.js';
import { Webhooks } from '../../collector/runtime/webhooks.js';
import { files } from '../config/files.js';
import { virtualTime } from '../pipeline/virtual-time.js';

interface Run {
  readonly feed: ConfiguredFeed;
  readonly signal: AbortSignal;
  /** The sink is closed. */
  readonly end: () => void;
}
const runs = vi.hoisted((): Run[] => []);
vi.mock('../../collector/runtime/collect-feed.js', () => ({
  startFeedRun: (feed: ConfiguredFeed, _: unknown, signal: AbortSignal, onOpen: () => void) => {
    queueMicrotask(onOpen);
    const ended = new Promise<undefined>((resolve) => {
      runs.push({ feed, signal, end: () => resolve(undefined) });
    });
    return { ended, repairs: () => undefined, wake() {}, describe() {}, reloadCredential() {} };
  },
}));

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A supervisor of the feeds of a configuration that the test rewrites; their runs end when it says so. */
function supervisor() {
  runs.length = 0;
  const directory = mkdtempSync(join(tmpdir(), 'supervisor-'));
  const stopping = new AbortController();
  let yaml = '';
  const read = () => loadConfig({ env: {}, defaultFile: 'c.yaml', readFile: files({ 'c.yaml': yaml }) });
  const configure = (...feeds: readonly string[]) => {
    const list = feeds.map((feed) => `  - { name: ${feed}, jumpcloud: { apiKey: key-of-${feed} } }\n`);
    yaml = `feeds:\n${list.join('')}`;
  };
  configure('acme', 'other');
  const log = createLog({ level: 'error', format: 'json', stream: process.stderr, redactor: new Redactor() });
  const metrics = createMetrics({ version: 'test' });
  const board = new StatusBoard('test');
  const pauses = join(directory, 'pauses.json');
  const webhooks = new Webhooks(async () => ({ close: async () => {} }));
  const one = new FeedSupervisor({
    environment: { log, metrics, board, once: false, webhooks },
    clock: virtualTime(Date.parse('2026-11-28T12:00:00Z')),
    config: read(),
    read,
    onRead: () => undefined,
    signal: stopping.signal,
    pauses,
    staysAlive: true,
  });
  onTestFinished(() => {
    stopping.abort();
    for (const { end } of runs) end();
    one.close();
    rmSync(directory, { recursive: true });
  });
  one.begin();
  return { one, configure, pauses };
}

const runsOf = (name: string) => runs.filter(({ feed }) => feed.config.name === name);

it('a feed that is removed and put back while its sink is closing starts once, when the sink is closed', async () => {
  const { one, configure } = supervisor();
  configure('other');
  expect((await one.reload()).applied.get('acme')).toBe('stopping');
  expect(runsOf('acme')[0]!.signal.aborted).toBe(true);
  configure('acme', 'other');
  expect((await one.reload()).applied.get('acme')).toBe('stopping');
  await settled();
  expect(runsOf('acme'), 'two runs would fight over the lane').toHaveLength(1);
  runsOf('acme')[0]!.end();
  await vi.waitUntil(() => runsOf('acme').length === 2, 60_000);
  expect(one.list().map(({ name }) => name)).toContain('acme');
  expect(runsOf('other')).toHaveLength(1);
});

it('and stays away where it is removed again before that', async () => {
  const { one, configure } = supervisor();
  configure('other');
  await one.reload();
  configure('acme', 'other');
  await one.reload();
  configure('other');
  await one.reload();
  runsOf('acme')[0]!.end();
  await vi.waitUntil(() => one.find('acme') === undefined, 60_000);
  await settled();
  expect(runsOf('acme')).toHaveLength(1);
});

it('the file of the pauses is written where a pause changes, and only there', async () => {
  const { one, pauses } = supervisor();
  expect(await one.resume('acme', 'ana')).toBe('unchanged');
  runsOf('other')[0]!.end();
  await one.remove('other', 'the test');
  expect(existsSync(pauses), 'nothing was paused').toBe(false);
  runsOf('acme')[0]!.end();
  await one.pause('acme', { by: 'ana', reason: 'maintenance' });
  const { ino } = statSync(pauses);
  await one.resume('acme', 'ana');
  expect(statSync(pauses).ino, 'a file of its own in place of the last one').not.toBe(ino);
  const written = statSync(pauses).ino;
  expect(await one.resume('acme', 'ana')).toBe('unchanged');
  expect(statSync(pauses).ino).toBe(written);
});
