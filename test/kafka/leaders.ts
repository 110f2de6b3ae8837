import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { expect } from 'vitest';

/** Brokers learn of what the controller has decided a little later than its answer says. */
const SPREAD_MS = 1_000;

/** Creates a topic whose partitions have one replica each, on these brokers. */
export async function createOn(
  admin: Admin,
  topic: string,
  leaders: readonly number[],
  policy = 'delete',
): Promise<void> {
  const replicaAssignment = leaders.map((leader, partition) => ({ partition, replicas: [leader] }));
  const configEntries = [{ name: 'cleanup.policy', value: policy }];
  await admin.createTopics({
    waitForLeaders: false,
    topics: [{ topic, replicaAssignment, numPartitions: -1, replicationFactor: -1, configEntries }],
  });
  await sleep(SPREAD_MS);
}

/** Moves a partition to another broker and waits until that one leads it. */
export async function move(admin: Admin, topic: string, partition: number, leader: number): Promise<void> {
  await admin.alterPartitionReassignments({
    topics: [{ topic, partitionAssignment: [{ partition, replicas: [leader] }] }],
  });
  await expect
    .poll(async () => (await leadersOf(admin, topic))[partition], { timeout: 20_000, interval: 100 })
    .toBe(leader);
  await sleep(SPREAD_MS);
}

async function leadersOf(admin: Admin, topic: string): Promise<number[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = [...(topics[0]?.partitions ?? [])].sort((a, b) => a.partitionId - b.partitionId);
  return partitions.map(({ leader }) => leader);
}
