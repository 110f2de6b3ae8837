import { describe, expect, it } from 'vitest';
import { current, deliveredKeys, inventoryUnderTest, ledgerKeys } from './inventory-under-test.js';

describe('an inventory', () => {
  it('delivers every object and relationship of the directory, and a marker that says the generation is complete (I1)', async () => {
    const { generation, sink, directory } = await inventoryUnderTest();
    const marker = await generation();
    expect(marker.incomplete).toEqual([]);
    expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(directory));
    expect(sink.events).toHaveLength(1 + 250 + 30 + 12 + 8 + 10);
    expect(new Set(sink.events.map(({ uid }) => uid)).size).toBe(sink.events.length);
    expect(current(sink.entities, 'person').size).toBe(250 + 12);
  });

  it('delivers nothing but a marker where nothing changed (I2)', async () => {
    const { generation, sink } = await inventoryUnderTest();
    await generation();
    const before = [sink.entities.length, sink.events.length];
    await generation();
    expect([sink.entities.length, sink.events.length]).toEqual([before[0]! + 1, before[1]]);
    expect(sink.entities.at(-1)?.type).toBe('snapshot');
  });
});
