import type { Admin } from 'kafkajs';
import { inject } from 'vitest';
import { type Cluster, client } from './broker.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Starts the shared broker at the first request, and says where it is. */
    brokerServer: string;
  }
}

/** What is said of the shared broker. */
export type ServedBroker = Pick<Cluster, 'version' | 'distribution' | 'brokers' | 'internal'>;

/** The broker that test files share; `stop` ends what this file has connected, and nothing else. */
export type SharedBroker = ServedBroker & Pick<Cluster, 'admin' | 'stop'>;

/**
 * A single broker with the usual settings, for tests that neither break nor change it. Others use it at the same time: topics and
 * transactional ids need a prefix that no other file has.
 * @throws Error where it did not start, with the broker's last lines
 */
export async function sharedBroker(): Promise<SharedBroker> {
  const answer = await fetch(inject('brokerServer'));
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  const served = JSON.parse(text) as ServedBroker;
  const admins: Admin[] = [];
  return {
    ...served,
    async admin() {
      const admin = client(served.internal).admin();
      await admin.connect();
      admins.push(admin);
      return admin;
    },
    async stop() {
      await Promise.all(admins.map((admin) => admin.disconnect()));
    },
  };
}
