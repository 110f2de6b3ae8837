import { relative, resolve } from 'node:path';
import { settableClock } from '../../fixtures/tenant/clock.js';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { loadConfig, readFileFromDisk } from '../config/load-config.js';
import { exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { describeLife } from '../key-expiry/lifetime.js';
import { createLog } from '../log/logger.js';
import { logKeyWarning } from '../monitoring/log-observer.js';
import { runFeed } from '../pipeline/feed.js';
import type { Cursor } from '../position/cursor.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { openTables, type QueryAnswer } from '../query/open-tables.js';
import { render } from '../query/render.js';
import type { LaneObserver } from '../reconcile/observer.js';
import { assemble } from '../runtime/assemble.js';
import { createTablesSink } from '../sinks/tables/tables-sink.js';
import { recreate } from './demo-directory.js';
import { bar, progressLine } from './progress.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Minutes before the end of the story at which the demo polls: the later polls meet what was late for the earlier ones. */
const POLLS = [40, 30, 20, 10, 0];

const QUESTION = `SELECT user_name, sum(coalesce(count, 1)) AS failures, count(DISTINCT src_ip) AS addresses,
       min(time_dt) AS first_seen, any_value(reason) AS reason
FROM authentication
WHERE outcome = 'Failure'
GROUP BY user_name
ORDER BY failures DESC, user_name
LIMIT 8`;

/**
 * `demo`: a simulated tenant, collected by the real collector into tables, and a question answered from them. It ignores
 * the environment.
 */
export async function demo(options: { records: number; directory: string }): Promise<number> {
  const directory = resolve(options.directory);
  await recreate(directory);
  const end = lastBusyMoment(Date.now());
  const clock = settableClock(end - POLLS[0]! * MINUTE);
  const tenant = await startTenant(story(options.records, end, clock.now));
  try {
    const outcome = await collectStory(tenant, directory, clock);
    await report(outcome, directory);
  } finally {
    await tenant.close();
  }
  return exitCodes.done;
}

/** The latest working afternoon: an organisation that sleeps has nothing late to show. Epoch milliseconds. */
function lastBusyMoment(now: number): number {
  const afternoon = Math.floor(now / DAY) * DAY + 15 * 60 * MINUTE;
  for (let moment = afternoon; ; moment -= DAY) {
    const weekday = new Date(moment).getUTCDay();
    if (moment <= now && weekday !== 0 && weekday !== 6) return moment;
  }
}

/** An organisation with everything that makes collecting hard. */
function story(records: number, end: number, now: () => number) {
  return {
    seed: 7,
    records,
    from: end - 7 * DAY,
    to: end,
    now,
    keys: [
      {
        createdAt: new Date(end - 77 * DAY - 60 * MINUTE).toISOString(),
        expiresAt: new Date(end + 13 * DAY - 60 * MINUTE).toISOString(),
      },
    ],
    trouble: {
      late: { share: 0.2, minDelay: 1_000, maxDelay: 25 * MINUTE },
      ties: 0.05,
      future: { share: 0.0005 },
      malformed: { share: 0.001 },
      unknown: { share: 0.002 },
      repeated: { share: 0.01 },
    },
  };
}

async function collectStory(
  tenant: Tenant,
  directory: string,
  clock: { now(): number; set(epochMs: number): void },
): Promise<{ cursor: Cursor; polls: number; seconds: number; life: string }> {
  const config = loadConfig({
    env: {
      FEED_NAME: 'demo',
      JUMPCLOUD_BASE_URL: tenant.baseUrl,
      JUMPCLOUD_API_KEY: tenant.apiKey,
      JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
      POLL_START: '8d',
      POLL_REQUESTS_PER_SECOND: '50',
      TABLES_DIRECTORY: directory,
    },
    readFile: readFileFromDisk,
  }).feeds[0]!;
  const sink = createTablesSink({ directory, feed: config.name });
  const line = progressLine(process.stderr);
  const log = createLog({ level: 'warn', format: 'text', noColor: process.env.NO_COLOR });
  const timing = { ...systemTiming, now: clock.now };
  const { settings, parts, client, guard } = assemble(config, {
    sink,
    timing,
    observer: showing(line.show, tenant.ledger.size),
    clientObserver: {},
    onKeyWarning: (status, threshold) => {
      line.clear();
      logKeyWarning(log, status, threshold, clock.now());
    },
  });
  const started = performance.now();
  const signal = new AbortController().signal;
  const end = clock.now() + POLLS[0]! * MINUTE;
  try {
    for (const minutes of POLLS) {
      clock.set(end - minutes * MINUTE);
      const life = await client.keyLife();
      if (life.kind === 'known') guard.setReportedLifetime(life);
      await runFeed(settings, parts, { once: true, signal });
    }
    const cursor = await sink.peek(LIVE_LANE);
    if (cursor === undefined) throw new Error('the lane has no position after it ran');
    const status = guard.status();
    return {
      cursor,
      polls: POLLS.length,
      seconds: (performance.now() - started) / 1000,
      life: status ? `…${status.lastFour} ${describeLife(status.life, clock.now())}` : 'unknown',
    };
  } finally {
    line.clear();
    client.close();
    await sink.close();
  }
}

function showing(show: (text: string) => void, total: number): LaneObserver {
  return (event) => {
    if (event.type !== 'committed') return;
    const { counts } = event.cursor;
    const delivered = counts.events + counts.deadLetters;
    show(`${bar(Math.min(1, delivered / total))} ${delivered} of ${total} records`);
  };
}

async function report(
  {
    cursor: { counts, organization },
    polls,
    seconds,
    life,
  }: { cursor: Cursor; polls: number; seconds: number; life: string },
  directory: string,
): Promise<void> {
  const shown = relative(process.cwd(), directory) || '.';
  const tables = await openTables(directory);
  try {
    const classes = await tables.query(
      'SELECT class_name AS class, class_uid, count(*) AS events FROM events GROUP BY ALL ORDER BY events DESC',
    );
    const delivered = await shownAs(classes);
    const answer = await shownAs(await tables.query(QUESTION));
    const lines = [
      `Collected ${counts.records} records of a simulated organisation (${organization}) in ${polls} polls, ${seconds.toFixed(1)} s.`,
      '',
      delivered,
      '',
      `  ${counts.late} late records: visible only after a poll had passed their time; delivered by the next`,
      `  ${counts.duplicates} repeats: read again by the overlap, or sent twice; delivered once`,
      `  ${counts.deadLetters} dead letters: records that are no valid event, kept with the reason`,
      `  ${counts.records} records = ${counts.events} events + ${counts.deadLetters} dead letters + ${counts.duplicates} repeats`,
      `  API key ${life}`,
      '',
      `Tables: ${shown}`,
      '',
      'Who failed to log in most often, and why?',
      '',
      answer,
      '',
      'Ask the next question:',
      `  npx jumpcloud-ocsf query --tables-directory ${shown} "SELECT time_dt, event_code, actor_name, user_name FROM admin_activity ORDER BY time_dt DESC LIMIT 10"`,
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    await tables.close();
  }
}

async function shownAs(answer: QueryAnswer): Promise<string> {
  let text = '';
  for await (const piece of render(answer, 'table', { width: process.stdout.columns ?? 120 })) text += piece;
  return text.trimEnd();
}
