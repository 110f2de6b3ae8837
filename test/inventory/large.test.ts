import { expect, it } from 'vitest';
import { deliveredKeys, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

it('An inventory of 5,000 users, 500 groups and 100,000 memberships is exact, and so are its changes', async () => {
  const size = { users: 5_000, groups: 500, memberships: 100_000, administrators: 20, applications: 20 };
  const { generation, sink, directory } = await inventoryUnderTest({
    tenant: { directory: size },
    settings: { accountEdges: false },
  });
  await generation();
  const { account_edge: _, ...expected } = ledgerKeys(directory);
  const { account_edge: none, ...delivered } = deliveredKeys(sink.entities);
  expect(none?.size).toBe(0);
  expect(delivered).toEqual(expected);
  const before = sink.entities.length;
  for (const id of directory.ids('users').slice(0, 5)) directory.change('users', id, { department: 'Moved' });
  await generation({ stages: ['users', 'groups'] });
  expect(sink.entities.slice(before).map(({ type }) => type)).toEqual([...Array(5).fill('user'), 'snapshot']);
});
