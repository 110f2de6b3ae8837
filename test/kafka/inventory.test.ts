import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Marker } from '../../collector/inventory/position.js';
import { SECRET_MARK } from '../../fixtures/tenant/directory/seeded.js';
import { command, feedOf, folder, tenant } from '../cli/command.js';
import { deliveredKeys, ledgerKeys } from '../inventory/inventory-under-test.js';
import { createTopics } from './leaders.js';
import { readCommitted } from './read-committed.js';
import { readTopic } from './read-topic.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('an inventory on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  const directorySize = { users: 60, groups: 6, memberships: 200, administrators: 4, applications: 3 };

  it('holds the present state per key with tombstones, ends each generation with a marker, and is known again without local files (E3, E6)', async () => {
    const simulated = await tenant({ records: 10, directory: directorySize });
    const { directory } = simulated;
    simulated.directoryQuirks.fieldsIgnored = true;
    const cwd = folder();
    const env = feedOf(simulated, {
      SINK: 'kafka',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'inventory.',
      INVENTORY_DIRECTORY: 'inventory',
      INVENTORY_ACCOUNT_EDGES: 'true',
      INVENTORY_REQUESTS_PER_SECOND: '1000',
    });
    const run = async () => {
      const ended = await command(['inventory', 'run'], { cwd, env });
      expect(ended.code, ended.stderr).toBe(0);
    };
    /** What a consumer has that keeps the last record of each key. */
    const entities = async () =>
      (await readCommitted(cluster, 'inventory.entities')).map(({ key = '', value }) => {
        const [, type = '', name = ''] = key.split('|');
        return { type, key: name, value: value?.toString(), observedAt: 0 };
      });
    await run();
    expect(deliveredKeys(await entities())).toEqual(ledgerKeys(directory));
    const [user = ''] = directory.ids('users').slice(20);
    directory.remove('users', user);
    await run();
    await run();
    const delivered = await entities();
    expect(deliveredKeys(delivered)).toEqual(ledgerKeys(directory));
    expect(delivered.some(({ type, value }) => type === 'user' && value === undefined)).toBe(true);
    expect(delivered.filter(({ type }) => type === 'snapshot')).toHaveLength(3);
    expect(await readCommitted(cluster, 'inventory.user_inventory')).toHaveLength(60 + 4 + 1);
    const topics = (await (await cluster.admin()).listTopics()).filter((name) => name.startsWith('inventory.'));
    const published = (await readCommitted(cluster, ...topics)).map(
      ({ key, value, headers }) => `${key} ${value} ${JSON.stringify(headers)}`,
    );
    expect(
      published.some((text) => text.includes(String(directory.get('roles', directory.ids('roles')[0]!)?.name))),
    ).toBe(true);
    expect(published.filter((text) => text.includes(SECRET_MARK))).toEqual([]);
    rmSync(join(cwd, 'inventory'), { recursive: true });
    await run();
    expect(await entities()).toHaveLength(delivered.length + 1);
  });

  it('is the same directory after compaction: the newest state of each key and its tombstones stay, for consumers and for itself (E7)', async () => {
    const simulated = await tenant({ records: 10, directory: directorySize });
    const { directory } = simulated;
    const cwd = folder();
    const topic = 'compacted.entities';
    const env = feedOf(simulated, {
      SINK: 'kafka',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'compacted.',
      INVENTORY_DIRECTORY: 'inventory',
      INVENTORY_ACCOUNT_EDGES: 'true',
      INVENTORY_REQUESTS_PER_SECOND: '1000',
    });
    const eager = {
      'cleanup.policy': 'compact',
      'delete.retention.ms': '604800000',
      'min.cleanable.dirty.ratio': '0.001',
      'segment.ms': '100',
    };
    const configEntries = Object.entries(eager).map(([name, value]) => ({ name, value }));
    await createTopics(await cluster.admin(), [{ topic, numPartitions: 1, configEntries }]);
    const run = async () => {
      const ended = await command(['inventory', 'run', '--json'], { cwd, env });
      expect(ended.code, ended.stderr).toBe(0);
      const { stages } = JSON.parse(ended.stdout) as Marker;
      return stages.reduce((sum, { changed, gone }) => sum + changed + gone, 0);
    };

    await run();
    const [gone = '', changed = ''] = directory.ids('users').slice(20);
    directory.remove('users', gone);
    for (const department of ['Moved', 'Moved again']) {
      directory.change('users', changed, { department });
      await run();
    }
    // The open segment is never compacted: what is published now begins another.
    expect(await run()).toBe(0);

    const mostOfOneKey = async () => {
      const times = new Map<string | undefined, number>();
      for (const { key } of await readCommitted(cluster, topic))
        if (key?.includes('|snapshot|') === false) times.set(key, (times.get(key) ?? 0) + 1);
      return Math.max(...times.values());
    };
    await expect.poll(mostOfOneKey, { timeout: 120_000, interval: 1_000 }).toBe(1);
    const entities = (await readTopic(cluster, topic)).map(({ key, value }) => {
      const [, type = '', name = ''] = key.split('|');
      return { type, key: name, value: value === 'null' ? undefined : value, observedAt: 0 };
    });
    expect(deliveredKeys(entities)).toEqual(ledgerKeys(directory));
    const userOf = (id: string) => entities.filter(({ type, key }) => type === 'user' && key.endsWith(id));
    expect(userOf(gone)).toMatchObject([{ value: undefined }]);
    expect(userOf(changed)).toMatchObject([{ value: expect.stringContaining('"Moved again"') }]);
    rmSync(join(cwd, 'inventory'), { recursive: true });
    expect(await run()).toBe(0);
  });
});
