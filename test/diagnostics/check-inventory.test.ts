import { expect, it } from 'vitest';
import { checkInventory } from '../../collector/diagnostics/check-inventory.js';
import { exitCodeOf } from '../../collector/diagnostics/finding.js';
import { INVENTORY_LANE } from '../../collector/position/lane-name.js';
import { inventoryUnderTest } from '../inventory/inventory-under-test.js';
import { configOf } from '../monitoring/observe-feed.js';

const { signal } = new AbortController();
const hourly = configOf({ INVENTORY_INTERVAL: '1h' });

it('check names the last generation of the directory with what it holds, and nothing where none is read', async () => {
  const under = await inventoryUnderTest();
  expect(await checkInventory(configOf(), under.client, undefined, signal)).toEqual([]);
  expect(under.tenant.requests).toEqual([]);
  const none = await checkInventory(hourly, under.client, undefined, signal);
  expect(none.map(({ verdict, message }) => [verdict, message])).toEqual([['ok', 'no generation was delivered yet']]);
  await under.generation();
  const found = await checkInventory(hourly, under.client, await under.sink.peek(INVENTORY_LANE), signal);
  expect(found).toHaveLength(1);
  expect(found[0]?.message).toMatch(/^generation 1, .* ago: .*250 users, 12 groups/);
});

it('check warns of removals that are held and of lists that the role may not read, each with its cure, and goes on with exit 0', async () => {
  const under = await inventoryUnderTest();
  await under.generation();
  const body = { results: [], totalCount: 0 };
  under.tenant.script([
    { when: { route: 'console', path: 'systemusers\\?' }, effect: { kind: 'status', status: 200, body } },
  ]);
  for (let i = 0; i < 2; i++) await under.generation();
  under.tenant.script([
    { when: { route: 'console', path: 'roles\\?' }, effect: { kind: 'status', status: 403, body: { message: 'no' } } },
  ]);
  const found = await checkInventory(hourly, under.client, await under.sink.peek(INVENTORY_LANE), signal);
  expect(found.map(({ verdict, cure }) => [verdict, cure])).toEqual([
    ['warning', expect.stringContaining('inventory status')],
    ['warning', expect.stringContaining('roles.readonly')],
  ]);
  expect(exitCodeOf(found)).toBe(0);
});
