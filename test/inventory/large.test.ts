import { expect, it } from 'vitest';
import { hasValidator, validate } from '../mappings/validator.js';
import { deliveredKeys, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';
import { faultyRelationships } from './relationships.js';

it('An inventory of 3,000 users, 300 groups and 60,000 memberships is exact, each of its events strict and each relationship as its schema says, and so are its changes (S1, S2)', async () => {
  const size = { users: 3_000, groups: 300, memberships: 60_000, administrators: 20, applications: 20 };
  const { generation, sink, directory, time } = await inventoryUnderTest({
    tenant: { directory: size },
    settings: { accountEdges: false },
  });
  let commits = 0;
  sink.fate = ({ entities }) => {
    if (entities.some(({ type }) => type === 'membership')) commits += 1;
    return 'kept';
  };
  await generation();
  expect(commits).toBeGreaterThan(1);
  const { account_edge: _, ...expected } = ledgerKeys(directory);
  const { account_edge: none, ...delivered } = deliveredKeys(sink.entities);
  expect(none?.size).toBe(0);
  expect(delivered).toEqual(expected);
  expect(faultyRelationships(sink.entities).faults).toEqual([]);
  if (hasValidator()) {
    const lines = sink.events.map(({ text }) => text);
    expect(validate(lines, time.now())).toMatchObject({ events: lines.length, total: { errors: 0, warnings: 0 } });
  }
  const before = sink.entities.length;
  for (const id of directory.ids('users').slice(0, 5)) directory.change('users', id, { department: 'Moved' });
  await generation({ stages: ['users', 'groups'] });
  expect(sink.entities.slice(before).map(({ type }) => type)).toEqual([...Array(5).fill('user'), 'snapshot']);
});
