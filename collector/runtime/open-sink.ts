import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Log } from '../log/logger.js';
import type { KafkaOptions, KafkaSasl } from '../sinks/kafka/client/settings.js';
import type { Sink } from '../sinks/sink.js';

/**
 * Opens the sink that a feed is configured with; each sink's libraries are loaded only when it is used.
 * @param wait Kafka: whether opening a lane that another instance holds waits for its lease to end, or is refused
 */
export async function openSink(config: FeedConfig, log: Log, clock: Clock, wait = false): Promise<Sink> {
  switch (config.sink) {
    case 'tables': {
      const { createTablesSink } = await import('../sinks/tables/tables-sink.js');
      const { directory, keepDays } = config.tables;
      const notice = (message: string) => log.warn(message);
      return createTablesSink({
        directory,
        feed: config.name,
        clock,
        notice,
        ...(keepDays === undefined ? {} : { keepDays }),
      });
    }
    case 'kafka': {
      const { createKafkaSink } = await import('../sinks/kafka/kafka-sink.js');
      return createKafkaSink(
        { ...kafkaOptions(config), lease: { wait } },
        {
          log: (level, message, fields) => log[level](message, fields),
          clock,
        },
      );
    }
    case 'stdout': {
      const { createStdoutSink } = await import('../sinks/stdout/stdout-sink.js');
      const notice = (message: string) => log.warn(message);
      return createStdoutSink({ directory: config.state.directory, feed: config.name, notice });
    }
  }
}

/** The Kafka sink's options out of a feed's configuration. */
export function kafkaOptions({ name, classes, kafka }: FeedConfig): KafkaOptions {
  const { tls, topics } = kafka;
  const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  const given = <T extends object>(value: T): T =>
    Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
  const sasl = saslOf(kafka.sasl);
  return given({
    feed: name,
    brokers: kafka.brokers,
    clientId: kafka.clientId,
    topicPrefix: kafka.topicPrefix,
    delivery: kafka.delivery,
    compression: kafka.compression,
    classes,
    sasl,
    tls: tls.enabled
      ? given({
          enabled: true,
          ca: pem(tls.ca),
          cert: pem(tls.cert),
          key: tls.key?.reveal(),
          serverName: tls.serverName,
        })
      : undefined,
    topics: given({
      create: topics.create,
      partitions: topics.partitions,
      replication: topics.replication,
      names: Object.fromEntries(topics.names),
    }),
  }) as KafkaOptions;
}

/** The configuration's checks have made sure that what a mechanism needs is there. */
function saslOf(sasl: FeedConfig['kafka']['sasl']): KafkaSasl | undefined {
  const { mechanism } = sasl;
  if (mechanism === undefined) return undefined;
  if (mechanism === 'oauthbearer') {
    return {
      mechanism,
      tokenEndpoint: sasl.tokenEndpoint ?? '',
      clientId: sasl.clientId ?? '',
      clientSecret: sasl.clientSecret?.reveal() ?? '',
      ...(sasl.scope === undefined ? {} : { scope: sasl.scope }),
    };
  }
  return { mechanism, username: sasl.username ?? '', password: sasl.password?.reveal() ?? '' };
}
