import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { type Cluster, startCluster } from './broker.js';
import type { ServedBroker } from './shared-broker.js';

/**
 * One broker for all test files that leave it as it is: started when the first of them asks, stopped after the last test.
 * @returns what ends it
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<Cluster> | undefined;
  const server = createServer((_, response) => {
    starting ??= startCluster();
    starting
      .then(
        ({ version, distribution, brokers, internal }): ServedBroker => ({ version, distribution, brokers, internal }),
      )
      .then(
        (served) => response.end(JSON.stringify(served)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  project.provide('brokerServer', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.close();
    server.closeAllConnections();
    await (await starting?.catch(() => undefined))?.stop();
  };
}
