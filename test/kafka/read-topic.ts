import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Cluster } from './broker.js';
import { sourceFile } from './distribution.js';

const run = promisify(execFile);
// Separators that no key, header or JSON text contains.
const endOfRecord = '\u0003';
const betweenFields = '\u0001';
const betweenHeaders = '\u0002';

/** A record as Kafka's own console consumer printed it. */
export interface PrintedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Epoch milliseconds; the record's own time. */
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string;
  readonly value: string;
}

/**
 * Reads a whole topic with Kafka's console consumer, read_committed: a reader that shares no code with the collector.
 * @param quiet milliseconds without a further record after which the topic counts as read.
 */
export async function readTopic(cluster: Cluster, topic: string, quiet = 5_000): Promise<PrintedRecord[]> {
  const shown = ['timestamp', 'partition', 'offset', 'headers', 'key'].map((name) => `print.${name}=true`);
  const separators = [
    `line.separator=${endOfRecord}`,
    `key.separator=${betweenFields}`,
    `headers.separator=${betweenHeaders}`,
  ];
  const { stdout } = await run(
    'java',
    [
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${sourceFile('log4j2.properties')}`,
      '-cp',
      cluster.distribution.classPath,
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      '--bootstrap-server',
      cluster.internal.join(','),
      '--topic',
      topic,
      '--from-beginning',
      '--isolation-level',
      'read_committed',
      '--timeout-ms',
      String(quiet),
      ...[...shown, ...separators].flatMap((property) => ['--property', property]),
    ],
    { maxBuffer: 1 << 30, encoding: 'utf8' },
  );
  return stdout.split(endOfRecord).slice(0, -1).map(readPrinted);
}

function readPrinted(line: string): PrintedRecord {
  const [time, partition, offset, headers, key, value] = line.split(betweenFields);
  if (value === undefined) throw new Error(`not a line of the console consumer: ${line.slice(0, 200)}`);
  return {
    timestamp: numberAfterColon(time),
    partition: numberAfterColon(partition),
    offset: numberAfterColon(offset),
    headers: readHeaders(headers ?? ''),
    key: key ?? '',
    value,
  };
}

function numberAfterColon(field: string | undefined): number {
  return Number(field?.split(':')[1]);
}

function readHeaders(field: string): Record<string, string> {
  if (field === '' || field === 'NO_HEADERS') return {};
  return Object.fromEntries(
    field.split(betweenHeaders).map((header) => {
      const colon = header.indexOf(':');
      return [header.slice(0, colon), header.slice(colon + 1)];
    }),
  );
}
