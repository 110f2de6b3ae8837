import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Cluster } from './broker.js';
import { javaOptions } from './distribution.js';
import { readCommitted } from './read-committed.js';

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

/** Milliseconds without a further record after which the consumer ends: more where it was too slow to begin. */
const patience = [4_000, 10_000, 30_000];

/**
 * Reads whole topics with Kafka's console consumer, read_committed: a reader that shares no code with the collector. It
 * cannot tell the end of a topic from a slow start; so where the collector's own reader finds more, it is asked again with
 * more patience. What it prints is what counts. One consumer reads all of them: each takes seconds to start and to end.
 */
export async function readTopic(
  cluster: Pick<Cluster, 'internal' | 'distribution'>,
  ...topics: readonly string[]
): Promise<PrintedRecord[]> {
  const found = (await readCommitted(cluster, ...topics)).length;
  let printed: PrintedRecord[] = [];
  for (const quiet of patience) {
    printed = await consume(cluster, topics, quiet);
    if (printed.length >= found) break;
  }
  return printed;
}

async function consume(
  cluster: Pick<Cluster, 'internal' | 'distribution'>,
  topics: readonly string[],
  quiet: number,
): Promise<PrintedRecord[]> {
  const shown = ['timestamp', 'partition', 'offset', 'headers', 'key'].map((name) => `print.${name}=true`);
  const separators = [
    `line.separator=${endOfRecord}`,
    `key.separator=${betweenFields}`,
    `headers.separator=${betweenHeaders}`,
  ];
  const { stdout } = await run(
    'java',
    [
      ...javaOptions(cluster.distribution),
      '-Xmx256m',
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      '--bootstrap-server',
      cluster.internal.join(','),
      '--include',
      topics.map((topic) => topic.replaceAll('.', '\\.')).join('|'),
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

/** The uids of the findings about alerts in the topic of a prefix; the collector's own findings are left out. */
export async function findingsOfAlerts(
  cluster: Pick<Cluster, 'internal' | 'distribution'>,
  topicPrefix: string,
): Promise<string[]> {
  const records = await readTopic(cluster, `${topicPrefix}detection_finding`);
  return records
    .map(({ value }) => JSON.parse(String(value)) as { metadata: { uid: string; log_name: string } })
    .filter(({ metadata }) => metadata.log_name === 'alerts')
    .map(({ metadata }) => metadata.uid);
}
