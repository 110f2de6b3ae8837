import { expect, it } from 'vitest';
import { CollectorError } from '../../../collector/errors.js';
import { FeedStatus } from '../../../collector/monitoring/status/feed-status.js';
import { InventoryStatus } from '../../../collector/monitoring/status/inventory-status.js';
import { inventoryUnderTest } from '../../inventory/inventory-under-test.js';
import { configOf, cursorAt, inventoryPosition, tablesAt } from '../observe-feed.js';

const HOUR = 3_600_000;

it('An inventory that was read shows its stages, what is complete, and nothing that is wrong', async () => {
  const under = await inventoryUnderTest();
  const { generation } = await under.generation();
  const status = new InventoryStatus(under.time.now);
  for (const event of under.told) status.observe(event);
  const view = status.view(HOUR);
  expect(view).toMatchObject({ state: 'waiting', generation, complete: { generation }, degraded: null, failure: null });
  expect(view?.stages.find(({ stage }) => stage === 'users')).toMatchObject({ complete: true, known: 250, held: 0 });
  expect(
    view?.stages.every(({ completeAt, stage }) => completeAt !== null || /role_h|people|account/.test(stage)),
  ).toBe(true);
});

it('Removals that are held and stages that are incomplete degrade an inventory until a later reading mends them, also one that does not read these', async () => {
  const under = await inventoryUnderTest();
  await under.generation();
  const [group = ''] = under.directory.ids('groups');
  under.tenant.script([
    {
      when: { route: 'console', path: 'systemusers\\?' },
      effect: { kind: 'status', status: 200, body: { results: [], totalCount: 0 } },
    },
    { when: { route: 'console', path: `${group}/members` }, effect: { kind: 'status', status: 500 } },
  ]);
  await under.run();
  await under.run();
  under.tenant.clearScript();
  const status = new InventoryStatus(under.time.now);
  const view = async (order: Parameters<typeof under.run>[0]) => {
    under.told.length = 0;
    await under.run(order);
    for (const event of under.told) status.observe(event);
    return status.view(HOUR);
  };
  const held = await view({ stages: ['administrators'] });
  expect(held).toMatchObject({ removalsHeld: 250, generation: 4, complete: { generation: 1 } });
  expect(held?.degraded).toContain('250 removals of users are held: nothing is left of 250');
  expect(held?.degraded).toContain('memberships is incomplete');
  expect(held?.stages.find(({ stage }) => stage === 'users')?.generation).toBe(3);
  expect(await view({})).toMatchObject({ removalsHeld: 0, degraded: null, complete: { generation: 5 } });
});

it('A reading under way shows how far it is, one that failed why, and the next one when it is due', () => {
  const status = new InventoryStatus(() => 0);
  expect(status.view(undefined)).toBeNull();
  expect(status.view(HOUR)).toMatchObject({ state: 'waiting', generation: null });
  status.observe({ type: 'started', generation: 1, stages: ['users', 'groups'], full: false });
  status.observe({ type: 'read', stage: 'users', ids: 1, requests: 1, nulls: 0, incomplete: undefined });
  expect(status.view(HOUR)).toMatchObject({ state: 'reading', reading: { generation: 1, stagesRead: 1 } });
  const error = new CollectorError('TIMED_OUT', 'no answer came', { cure: 'Wait.' });
  status.observe({ type: 'failed', error });
  status.observe({ type: 'waiting', until: HOUR });
  expect(status.view(HOUR)).toMatchObject({
    state: 'failing',
    reading: null,
    nextAt: '1970-01-01T01:00:00.000Z',
    failure: { code: 'TIMED_OUT', cure: 'Wait.' },
    degraded: 'the last reading failed, TIMED_OUT: no answer came',
  });
  expect(status.view(undefined)).toBeNull();
  status.observe({ type: 'position', position: inventoryPosition() });
  expect(status.view(undefined)?.state).toBe('disabled');
});

it('A feed stays ready while its inventory is degraded', () => {
  const config = configOf();
  const feed = new FeedStatus({ config, sink: tablesAt, now: () => 0 });
  const lane = 'live';
  feed.observer({ type: 'opened', lane, cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: false });
  feed.observer({
    type: 'searched',
    lane,
    search: { services: ['sso'], start: 0 },
    pages: 1,
    records: 0,
    durationMs: 1,
  });
  feed.observer({ type: 'caughtUp', lane, nextPollMs: 1_000 });
  feed.inventory({ type: 'position', position: inventoryPosition() });
  const { ready, inventory } = feed.view();
  expect([ready, inventory?.degraded?.includes('held')]).toEqual([true, true]);
});
