import { readFileSync } from 'node:fs';
import type { FeedConfig } from '../../config/feed-config.js';
import type { OpenSink } from '../registry.js';
import type { KafkaOptions, KafkaSasl } from './client/settings.js';
import { createKafkaSink } from './kafka-sink.js';

/** The cluster that a feed is configured with (`kafka`). */
export const openKafkaSink: OpenSink = (config, { log, clock, wait }) =>
  createKafkaSink(
    { ...kafkaOptions(config), lease: { wait } },
    { log: (level, message, fields) => log[level](message, fields), clock },
  );

/** The Kafka sink's options out of a feed's configuration. */
function kafkaOptions({ name, classes, kafka }: FeedConfig): KafkaOptions {
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
