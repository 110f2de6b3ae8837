import type { DeadLetter, DeadLetterReason } from '../../mappings/dead-letter.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { hashOf } from '../position/dedupe-set.js';
import { replayLane } from '../position/lane-name.js';
import type { Range } from '../position/time-range.js';
import { openTables } from '../query/open-tables.js';
import { kafkaOptions } from '../runtime/open-sink.js';
import type { OperationParts } from '../sinks/kafka/operations.js';
import { deadLetterTable } from '../sinks/tables/table-catalog.js';

/** Which dead letters are wanted. */
export interface LetterSelection {
  readonly reason: string | undefined;
  /** By the record's own time, else the time it was fetched; undefined: all. */
  readonly range: Range | undefined;
}

/**
 * A feed's dead letters, but for those that were replayed.
 * @throws CollectorError USAGE for a sink that keeps none that can be read back
 */
export async function* unresolvedLetters(
  config: FeedConfig,
  selection: LetterSelection,
  parts: OperationParts,
): AsyncGenerator<DeadLetter> {
  for await (const letter of storedLetters(config, parts)) if (isWanted(letter, selection)) yield letter;
}

function storedLetters(config: FeedConfig, parts: OperationParts): AsyncGenerator<DeadLetter> {
  if (config.sink === 'tables') return tableLetters(config.tables.directory, config.name);
  if (config.sink === 'kafka') return topicLetters(config, parts);
  throw new CollectorError(
    'USAGE',
    `The dead letters of ${config.name} lie beside the state in ${config.state.directory}.`,
    {
      cure: 'Read the files *.dead-letters.ndjson there; only tables and Kafka list and replay them.',
    },
  );
}

async function* tableLetters(directory: string, feed: string): AsyncGenerator<DeadLetter> {
  const tables = await openTables(directory, { wanted: (file) => file.feed === feed });
  try {
    const columns = deadLetterTable.columns.map(({ name }) => `"${name}"`).join(', ');
    const { rows } = await tables.query(`SELECT ${columns} FROM dead_letters ORDER BY time_dt, uid`);
    for await (const row of rows) {
      const filled = deadLetterTable.columns.flatMap(({ name }, index) => {
        const value = row[index] ?? null;
        return value === null ? [] : [[name, typeof value === 'bigint' ? Number(value) : value]];
      });
      yield Object.fromEntries(filled) as DeadLetter;
    }
  } finally {
    await tables.close();
  }
}

async function* topicLetters(config: FeedConfig, parts: OperationParts): AsyncGenerator<DeadLetter> {
  const options = kafkaOptions(config);
  const { readRemembered } = await import('../sinks/kafka/operations.js');
  const { listDeadLetters } = await import('../sinks/kafka/dead-letter-topic.js');
  const replayed = await readRemembered(options, parts, replayLane);
  for await (const { letter } of listDeadLetters(options, parts)) if (!replayed.has(hashOf(letter.uid))) yield letter;
}

function isWanted({ reason, time, fetched_at }: DeadLetter, selection: LetterSelection): boolean {
  if (selection.reason !== undefined && reason !== (selection.reason as DeadLetterReason)) return false;
  if (selection.range === undefined) return true;
  const second = (time ?? fetched_at ?? Number.NaN) / 1000;
  return second >= selection.range.from && second < selection.range.to;
}
