import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { Kafka } from 'kafkajs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createConnection } from '../../../../collector/sinks/kafka/client/connection.js';
import type { KafkaSettings } from '../../../../collector/sinks/kafka/client/settings.js';
import { ocsfTarget } from '../../../../schemas/ocsf-target.js';
import { createAuthority, hasOpenssl } from '../../../jumpcloud/certificates.js';

const settings: KafkaSettings = {
  feed: 'acme',
  brokers: [],
  clientId: 'test',
  topicPrefix: 'ocsf.',
  delivery: 'exactly_once',
  compression: 'none',
  lease: { seconds: 30, wait: false },
  transactionTimeout: 60_000,
  topics: { create: 'never', partitions: 1, names: {} },
  target: ocsfTarget,
};

describe.skipIf(!hasOpenssl)('TLS to a broker', () => {
  it('sends no byte to one whose certificate nobody vouches for, also where the environment turns checks off', async () => {
    const authority = createAuthority('nobody trusts this one');
    onTestFinished(() => authority.remove());
    const received: Buffer[] = [];
    const sockets = new Set<Socket>();
    const stranger = createServer(authority.issue('localhost'), (socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('data', (chunk: Buffer) => received.push(chunk));
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      stranger.close();
    });
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    const sasl = { mechanism: 'plain', username: 'collector', password: 'password-of-the-test' } as const;
    const { config } = createConnection({ ...settings, tls: { enabled: true }, sasl }, () => {});
    const brokers = [`localhost:${(stranger.address() as AddressInfo).port}`];
    const admin = new Kafka({ ...config, brokers, connectionTimeout: 2_000, retry: { retries: 0 } }).admin();
    onTestFinished(() => admin.disconnect());
    await expect(admin.connect()).rejects.toThrow(/self-signed|unable to verify|certificate/);
    expect(Buffer.concat(received)).toHaveLength(0);
  });

  it('is of version 1.2 or newer, whatever the environment allows', () => {
    const { config } = createConnection({ ...settings, tls: { enabled: true } }, () => {});
    expect(config.ssl).toMatchObject({ minVersion: 'TLSv1.2', rejectUnauthorized: true });
  });
});
