import type { DeadLetter } from '../../../mappings/dead-letter.js';
import { CollectorError } from '../../errors.js';
import { asKafkaFailure } from './client/error-table.js';
import { type KafkaRecord, PartitionReader } from './client/partition-reader.js';
import type { LaneContext } from './lane-context.js';
import { ownTopic } from './topics/topics.js';

/**
 * The feed's dead letters in the order they were published, up to what is committed now.
 * @throws CollectorError
 */
export async function* listDeadLetters({ kafka, connection, settings }: LaneContext): AsyncGenerator<DeadLetter> {
  const topic = ownTopic(settings, 'dead_letters');
  const reader = new PartitionReader(kafka, connection);
  const collected = new Map<string, string[]>();
  try {
    await reader.connect();
    for (const partition of await reader.partitions(topic)) {
      const { start, stable } = await reader.bounds(topic, partition);
      for await (const record of reader.read(topic, partition, start, stable, 0)) {
        if (record.headers.feed !== settings.feed) continue;
        const letter = assemble(record, collected);
        if (letter) yield letter;
      }
    }
  } catch (error) {
    throw asKafkaFailure(error, `reading ${topic}`);
  } finally {
    await reader.disconnect().catch(() => undefined);
  }
}

/** The letter of a record, or of the last of its parts. Parts of one letter follow each other, others may lie between. */
function assemble(record: KafkaRecord, collected: Map<string, string[]>): DeadLetter | undefined {
  const { part, parts, ...letter } = parseLetter(record);
  if (part === undefined || parts === undefined) return letter;
  const texts = part === 1 ? [letter.raw] : [...(collected.get(letter.uid) ?? []), letter.raw];
  if (texts.length === parts) {
    collected.delete(letter.uid);
    return { ...letter, raw: texts.join('') };
  }
  collected.set(letter.uid, texts);
  return undefined;
}

function parseLetter({ value, offset }: KafkaRecord): DeadLetter & { part?: number; parts?: number } {
  try {
    return JSON.parse(value?.toString('utf8') ?? '');
  } catch (error) {
    throw new CollectorError('RESPONSE_INVALID', `The dead letter at offset ${offset} is not JSON.`, {
      cure: 'Somebody else wrote to the topic of dead letters: give it a name of its own (kafka.topics.names.dead_letters).',
      cause: error,
    });
  }
}
