import { CollectorError } from '../../errors.js';
import { asKafkaFailure } from './client/error-table.js';
import { grant, isRightMissing } from './client/missing-acl.js';
import type { PartitionReader } from './client/partition-reader.js';
import { withReader } from './client/with-reader.js';
import { holdingId, proveFencing } from './fencing.js';
import type { LaneContext } from './lane-context.js';
import { TopicTable } from './topics/topic-table.js';
import { topicsOf } from './topics/topics.js';

/** Neither a lane's nor that of `check`, which may run at the same time. */
const ID = 'start';

/**
 * Proves what shows only when it is too late: that a second instance is kept out, and that every topic may be read, since
 * reconciliation looks there for what was delivered.
 * @throws CollectorError
 */
export async function prove(shared: LaneContext): Promise<void> {
  const { settings } = shared;
  try {
    if (settings.delivery === 'exactly_once') await holdingId(shared, ID, (first) => proveFencing(shared, ID, first));
    await new TopicTable(shared).refresh();
  } catch (error) {
    throw asKafkaFailure(error, 'proving that a second instance is kept out');
  }
  await withReader(shared, [], undefined, async (reader) => {
    for (const { name } of topicsOf(settings)) await requireReadable(reader, name, settings);
  });
}

async function requireReadable(reader: PartitionReader, name: string, settings: LaneContext['settings']) {
  try {
    await proveReading(reader, name);
  } catch (error) {
    const failure = asKafkaFailure(error, `trying the right to read ${name}`);
    if (!isRightMissing(error)) throw failure;
    const { code, message, transient } = failure;
    const cure = grant(settings, ['Read'], { kind: 'topic', name });
    throw new CollectorError(code, message, { cure, transient, cause: error });
  }
}

/** The right to read is checked before there is anything to read: an empty topic serves as well. */
export async function proveReading(reader: PartitionReader, topic: string): Promise<void> {
  const { start } = await reader.bounds(topic, 0);
  await reader.peekAt(topic, 0, start);
}
