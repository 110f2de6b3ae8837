import { expect, it } from 'vitest';
import { settingsOf } from '../../collector/runtime/assemble.js';
import { assembleInventory } from '../../collector/runtime/assemble-inventory.js';
import { inventoryUnderTest } from '../inventory/inventory-under-test.js';
import { configOf } from '../monitoring/observe-feed.js';

it.each([
  [undefined, 'false'],
  ['Acme', 'true'],
])('An inventory names its account as the events do: %s where account.tag is %s', async (accountName, tag) => {
  const { client, sink, time } = await inventoryUnderTest();
  const config = configOf({ FEED_ACCOUNT_NAME: 'Acme', FEED_ACCOUNT_TAG: tag });
  const { settings } = assembleInventory(config, client, sink, time, () => {});
  expect(settings.accountName).toBe(accountName);
  expect(settingsOf(config, sink).accountName).toBe(accountName);
});
