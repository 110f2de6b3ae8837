import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import type { CollectorError } from '../../../collector/errors.js';
import { CollectorError as Failure } from '../../../collector/errors.js';
import { StatusBoard } from '../../../collector/monitoring/status/board.js';
import { feedOf, folder, start, tenant } from '../../cli/command.js';
import { HOUR, startFeed, until } from '../../cli/repairing.js';
import { freePort } from '../../free-port.js';
import { configOf, cursorAt, deadLetterOf, report, tablesAt } from '../observe-feed.js';
import { strict } from './strict-schema.js';

const schema = JSON.parse(readFileSync(new URL('../../../schemas/status.json', import.meta.url), 'utf8')) as object;

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false });
const validate = ajv.compile({ ...(strict(schema) as object), $id: 'urn:jumpcloud-ocsf:status-strict' });

function faults(status: unknown): string[] {
  validate(status);
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(' '),
  );
}

it('what /status answers is as its schema says: starting, collecting, refused by JumpCloud, repairing', async () => {
  const directory = { users: 5, groups: 1, administrators: 1, applications: 1 };
  const simulated = await tenant({
    directory,
    from: Date.now() - 48 * HOUR,
    trouble: { malformed: { share: 0.05 } },
  });
  const env = feedOf(simulated, {
    HTTP_ENABLED: 'true',
    HTTP_PORT: String(await freePort()),
    HTTP_TOKEN: 'token-of-the-listener',
    POLL_INTERVAL: '1s',
    RECONCILE_INTERVAL: '1s',
    INVENTORY_INTERVAL: '1h',
  });
  const early = start(['run'], {
    cwd: folder(),
    env: { ...env, HTTP_PORT: '0', JUMPCLOUD_BASE_URL: 'http://127.0.0.1:9/insights/directory/v1' },
  });
  await early.said(/status on http:\/\/127\.0\.0\.1:\d+/);
  const address = /status on (http:\/\/127\.0\.0\.1:\d+)/.exec(early.stderr())![1];
  const headers = { authorization: `Bearer ${env.HTTP_TOKEN}` };
  expect(faults(await (await fetch(`${address}/status`, { headers })).json())).toEqual([]);

  const feed = await startFeed(folder(), env);
  const iso = (age: number) => new Date(Date.now() - age).toISOString();
  const range = { feed: 'jumpcloud', from: iso(20 * HOUR), to: iso(10 * HOUR) };
  expect((await feed.post(range)).status).toBe(202);
  await until(feed.repair, (view) => typeof view?.endedAt === 'string');
  await until(
    async () => (await feed.status()).feeds[0]?.inventory,
    (view) => view?.generation === 1,
  );
  const collecting = await feed.status('jumpcloud');
  expect(faults(collecting)).toEqual([]);
  expect(collecting.feeds[0]).toMatchObject({ ready: true, repair: { state: 'done' } });
  expect(collecting.feeds[0]!.reconciliation.length).toBeGreaterThan(10);
  expect(collecting.feeds[0]!.lanes[0]!.deadLetters.samples.length).toBeGreaterThan(0);
  for (const key of simulated.keys) key.state = 'revoked';
  const refused = await until(feed.status, ({ ready }) => !ready);
  expect(refused.feeds[0]!.errors[0]!.code).toBe('CREDENTIAL_REFUSED');
  expect(faults(refused)).toEqual([]);
});

it('and so are a refused service, an unknown type, a late record, and an end', () => {
  const board = new StatusBoard('1.2.3');
  expect(faults(board.view())).toEqual([]);
  const key = undefined;
  const feed = board.feed({ config: configOf(), sink: tablesAt, now: Date.now, key: () => key, skewMs: () => 1_500 });
  const failure: CollectorError = new Failure('SINK_UNAVAILABLE', 'no broker answers', { cure: 'Start Kafka.' });
  const behind = {
    sso: {
      settled: '2026-11-21T00:00:00Z',
      rememberedFrom: '2026-11-21T00:00:00Z',
      active: false,
      refused: { code: 'ROLE_REFUSED', message: 'no', since: '2026-11-21T00:00:00Z', retryAt: '2026-11-22T00:00:00Z' },
    },
  };
  feed.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
  feed.observer({
    type: 'committed',
    lane: 'live',
    ...report({
      cursor: cursorAt('2026-11-21T00:00:00Z', { behind }),
      counts: { records: 2, events: 1, deadLetters: 1, late: 1 },
      lateness: [12.5],
      deadLetters: [deadLetterOf('schema_violation')],
      unknownTypes: ['directory/new_thing'],
    }),
  });
  feed.observer({ type: 'failed', lane: 'live', part: 'sink', error: failure, retryMs: 1_000 });
  feed.observer({
    type: 'failed',
    lane: 'backfill/20261001T000000Z_20261002T000000Z',
    part: 'source',
    error: failure,
    retryMs: undefined,
  });
  board.stopping();
  const view = board.view();
  expect(faults(view)).toEqual([]);
  expect(view.feeds[0]!.lanes[0]!.refusedServices).toHaveLength(1);
  expect(view.reasons.map(({ part }) => part)).toEqual(['delivery', 'process']);
});

it('the schema finds what is wrong: a field too few, another type, another word, a field that it does not describe', () => {
  const view = new StatusBoard('1.2.3').view();
  expect(faults({ ...view, ready: 'yes' })).toHaveLength(1);
  expect(faults({ ...view, version: 2 })).toHaveLength(1);
  expect(faults({ ...view, feeds: undefined })).toHaveLength(1);
  expect(faults({ ...view, reasons: [{ part: 'mood', message: 'bad' }] })).toHaveLength(1);
  expect(faults({ ...view, more: 1 })).toHaveLength(1);
});
