import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../collector/clock.js';
import { createLog } from '../../collector/log/logger.js';
import { openHistory } from '../../collector/monitoring/feed-history.js';
import { cursorAt, eventOf, report } from './observe-feed.js';

function history() {
  const directory = join(mkdtempSync(join(tmpdir(), 'history-')), 'activity');
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const lines: string[] = [];
  const stream = new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) });
  const log = createLog({ level: 'info', format: 'json', stream });
  return { directory, lines, log, open: () => openHistory(directory, log, systemClock) };
}

it('is there again after a restart, in a file that only its owner reads; a damaged file starts empty and says so', async () => {
  const { directory, lines, open } = history();
  const first = open();
  const observe = first.observe('acme');
  observe({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: true });
  observe({
    type: 'committed',
    lane: 'live',
    ...report({ counts: { records: 4, events: 4 }, events: [eventOf(3002)] }),
  });
  await first.close();
  expect(readdirSync(directory)).toEqual(['acme.json']);
  expect(statSync(join(directory, 'acme.json')).mode & 0o777).toBe(0o600);
  const second = open();
  expect(second.activity('acme', '1h'), 'before the feed has run').toBeUndefined();
  second.observe('acme');
  expect(second.activity('acme', '90d')!.series.events!.filter((events) => events !== null)).toEqual([4]);
  await second.close();
  for (const damaged of ['{"version":1', '{"version":1,"minutes":{"watched":[["x"]],"rows":[]},"hours":{}}']) {
    writeFileSync(join(directory, 'acme.json'), damaged);
    const third = open();
    third.observe('acme');
    expect(third.activity('acme', '90d')!.series.events!.every((events) => events === null)).toBe(true);
    await third.close();
  }
  expect(lines.filter((line) => line.includes('the plots start empty'))).toHaveLength(2);
});

it('keeps the lines of the log without their secrets', async () => {
  const { log, open } = history();
  const opened = open();
  log.redact('hush-hush-hush');
  log.child({ feed: 'acme' }).warn('the key hush-hush-hush was taken', { nested: { key: 'hush-hush-hush' } });
  log.child({ feed: 'acme' }).debug('is not printed, and so not kept');
  expect(opened.log('acme', 0)).toEqual([
    {
      id: 1,
      time: expect.stringMatching(/Z$/),
      level: 'warn',
      message: 'the key [secret] was taken',
      fields: { nested: { key: '[secret]' } },
    },
  ]);
  await opened.close();
});

it('that cannot be stored says so and stops nothing', async () => {
  const { directory, lines, open } = history();
  writeFileSync(directory, 'a file where the directory should be');
  const opened = open();
  opened.observe('acme')({ type: 'caughtUp', lane: 'live', nextPollMs: 1 });
  await opened.close();
  expect(lines.join('')).toMatch(/EEXIST|ENOTDIR/);
});
