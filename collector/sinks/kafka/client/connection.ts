import { isIP } from 'node:net';
import * as tls from 'node:tls';
import { Kafka, type KafkaConfig, type LogEntry, logLevel, type SASLOptions } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import { useZstd } from './compression.js';
import { keepIdleConnectionsIdle, requireKafkajsVersion } from './kafkajs.js';
import { createTokenProvider } from './oauth-bearer.js';
import type { KafkaSasl, KafkaSettings, KafkaTls } from './settings.js';

/** Takes kafkajs' and the sink's own log lines: they never go to stdout. `fields` hold no secrets. */
export type KafkaLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** How to reach the cluster: what every client of it is made from. */
export interface Connection {
  readonly brokers: readonly string[];
  readonly config: Omit<KafkaConfig, 'brokers'>;
}

/**
 * Makes kafkajs' configuration from the settings. Touches no network.
 * @param socketFactory for tests that cut connections
 * @throws CollectorError CONFIG_INVALID for what no broker could accept
 */
export function createConnection(
  settings: KafkaSettings,
  log: KafkaLog,
  socketFactory?: KafkaConfig['socketFactory'],
): Connection {
  requireKafkajsVersion();
  keepIdleConnectionsIdle();
  if (settings.compression === 'zstd') useZstd();
  const ssl = tlsOptions(settings.tls);
  const sasl = settings.sasl && saslOptions(settings.sasl);
  return {
    brokers: settings.brokers,
    config: {
      clientId: settings.clientId,
      // The library's default of one second is too short for clouds.
      connectionTimeout: 10_000,
      authenticationTimeout: 10_000,
      // Longer than the brokers may wait for replicas, so that a slow answer is not taken for a lost one.
      requestTimeout: 20_000,
      retry: { retries: 5, initialRetryTime: 80, maxRetryTime: 2_000 },
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl }),
      ...(socketFactory === undefined ? {} : { socketFactory }),
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => forward(entry, log),
    },
  };
}

export function createKafka(connection: Connection): Kafka {
  return new Kafka({ ...connection.config, brokers: [...connection.brokers] });
}

/** kafkajs calls every retried request an error; what really failed comes back as a rejection and is logged by us. */
function forward(entry: LogEntry, log: KafkaLog): void {
  const { message, timestamp: _, logger: __, stack: ___, ...fields } = entry.log;
  log('debug', `kafkajs: ${message}`, { component: entry.namespace, ...fields });
}

function tlsOptions(given: KafkaTls | undefined): tls.ConnectionOptions | undefined {
  if (given === undefined) return undefined;
  const { enabled, ...rest } = given;
  if (!(enabled ?? Object.values(rest).some((value) => value !== undefined))) return undefined;
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new CollectorError('CONFIG_INVALID', 'kafka.tls.cert and kafka.tls.key are given only together.', {
      cure: 'Give both, or neither.',
    });
  }
  const { ca, cert, key, passphrase, serverName } = given;
  const options: tls.ConnectionOptions = {
    // Said outright, because NODE_TLS_REJECT_UNAUTHORIZED and NODE_OPTIONS would otherwise decide.
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...systemAuthorities(), ca] }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
  };
  return refuseUnreadable(options);
}

/** A certificate or key that OpenSSL cannot read would otherwise show as an endless failure to connect. */
function refuseUnreadable(options: tls.ConnectionOptions): tls.ConnectionOptions {
  try {
    tls.createSecureContext(options);
    return options;
  } catch (error) {
    throw new CollectorError('CONFIG_INVALID', 'kafka.tls holds a certificate or key that cannot be read.', {
      cure: 'Give PEM text: kafka.tls.ca, kafka.tls.cert and kafka.tls.key, and the key without a wrong passphrase.',
      detail: error instanceof Error && 'code' in error ? String(error.code) : undefined,
    });
  }
}

/** Node replaces its authorities by `ca`; since 22.15 it can say what they are, NODE_EXTRA_CA_CERTS included. */
function systemAuthorities(): readonly string[] {
  const known = tls as { getCACertificates?: (type: string) => string[] };
  return known.getCACertificates?.('default') ?? tls.rootCertificates;
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'oauthbearer') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: createTokenProvider(sasl) };
  }
  return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password };
}
