import type { JsonValue } from '../../../mappings/json.js';
import { deliversToKafka } from '../../config/destination.js';
import type { Settings } from '../../config/setting.js';
import type { Document } from './document.js';
import { SECRET_KEYS, valueAt } from './document.js';

/*
 * A secret follows its address. Whoever could change where a stored secret goes, and keep it, could read it: set the
 * address to a listener of one's own, press Test, and look at the Authorization header.
 */

const JUMPCLOUD = [
  'jumpcloud.baseUrl',
  'jumpcloud.region',
  'jumpcloud.consoleUrl',
  'jumpcloud.tokenUrl',
  'jumpcloud.ca',
];

/** The keys that decide where the secrets of a section go, and to whom they are shown. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  jumpcloud: [...JUMPCLOUD, 'jumpcloud.authorization'],
  respond: JUMPCLOUD,
  inventory: JUMPCLOUD,
  kafka: [
    'kafka.brokers',
    'kafka.tls.enabled',
    'kafka.tls.ca',
    'kafka.tls.cert',
    'kafka.tls.serverName',
    'kafka.sasl.tokenEndpoint',
    'kafka.sasl.mechanism',
  ],
  // JumpCloud presents these; they are sent nowhere.
  webhook: [],
};

/** Keys whose change means that a secret of this path must be entered again; empty: it may be kept. */
export function movedAddresses(secret: string, before: Document, after: Document): readonly string[] {
  const text = (document: Document, path: string) => textOf(valueAt(document, path.split('.')));
  return addressesOf(secret).filter((path) => text(before, path) !== text(after, path));
}

/**
 * Secrets of the operator's own (environment, file) that a document of the API would send to an address of its own.
 * @param own in force for a document that says nothing; undefined: such a document is not valid
 * @param settings in force for the document
 */
export function inheritedAndMoved(
  own: Settings | undefined,
  settings: Settings,
): readonly { readonly path: string; readonly moved: readonly string[] }[] {
  const value = (from: Settings | undefined, path: string) => textOf(from?.get(path)?.value);
  return SECRET_KEYS.flatMap(({ path }) => {
    const origin = settings.get(path)?.origin.kind;
    if (origin === undefined || origin === 'managed' || !isUsed(path, settings)) return [];
    const moved = addressesOf(path).filter(
      (address) => settings.get(address)?.origin.kind === 'managed' && value(settings, address) !== value(own, address),
    );
    return moved.length === 0 ? [] : [{ path, moved }];
  });
}

function addressesOf(secret: string): readonly string[] {
  return ADDRESSES[secret.split('.', 1)[0]!] ?? Object.values(ADDRESSES).flat();
}

function isUsed(secret: string, settings: Settings): boolean {
  const isAccount = settings.get('jumpcloud.authorization')?.value === 'service-account';
  if (secret === 'jumpcloud.apiKey') return !isAccount;
  if (secret === 'jumpcloud.clientSecret') return isAccount;
  // Whatever it may execute: check and watch log in with it.
  if (secret === 'respond.clientSecret') return settings.get('respond.clientId') !== undefined;
  return !secret.startsWith('kafka.') || deliversToKafka(settings);
}

function textOf(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null);
}
