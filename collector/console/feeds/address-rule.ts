import type { Document } from './document.js';
import { valueAt } from './document.js';

/*
 * A secret follows its address. Whoever could change where a stored secret goes, and keep it, could read it: set the
 * address to a listener of one's own, press Test, and look at the Authorization header.
 */

/** The keys that decide where the secrets of a section go, and to whom they are shown. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  jumpcloud: [
    'jumpcloud.baseUrl',
    'jumpcloud.region',
    'jumpcloud.consoleUrl',
    'jumpcloud.tokenUrl',
    'jumpcloud.authorization',
    'jumpcloud.ca',
  ],
  kafka: [
    'kafka.brokers',
    'kafka.tls.enabled',
    'kafka.tls.ca',
    'kafka.tls.cert',
    'kafka.tls.serverName',
    'kafka.sasl.tokenEndpoint',
    'kafka.sasl.mechanism',
  ],
};

/** Keys whose change means that a secret of this path must be entered again; empty: it may be kept. */
export function movedAddresses(secret: string, before: Document, after: Document): readonly string[] {
  const section = secret.split('.', 1)[0]!;
  const own = ADDRESSES[section] ?? Object.values(ADDRESSES).flat();
  const text = (document: Document, path: string) => JSON.stringify(valueAt(document, path.split('.')) ?? null);
  return own.filter((path) => text(before, path) !== text(after, path));
}
