/*
 * The feed that is being added: kept over a reload, without its secrets, which stay in this page's memory alone.
 */
import { useEffect, useState } from 'preact/hooks';
import { type Document, withoutSecrets, withValue } from './feed-document.js';

const KEY = 'console.new-feed';
/** Keys that hold a secret; more of them stand in *All settings*. */
let secretPaths: readonly string[] = [
  'jumpcloud.apiKey',
  'jumpcloud.clientSecret',
  'kafka.tls.key',
  'kafka.sasl.password',
  'kafka.sasl.clientSecret',
];
let document: Document = stored();
const listeners = new Set<() => void>();

function stored(): Document {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Document;
  } catch {
    return {};
  }
}

/** What a new feed begins with. */
export function beginning(baseUrl: string, today: string): Document {
  return {
    name: '',
    jumpcloud: { baseUrl, eventTypes: ['login', 'admin'], keyCreated: today },
    poll: { interval: '60s', start: '24h' },
    sink: 'tables',
  };
}

export function keepDocument(next: Document, secrets: readonly string[] = secretPaths): void {
  document = next;
  secretPaths = secrets;
  sessionStorage.setItem(KEY, JSON.stringify(withoutSecrets(next, secrets)));
  for (const listener of listeners) listener();
}

export function forgetDocument(): void {
  document = {};
  sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** What is sent: empty names are left to the server to refuse. */
export function useDocument(): Document {
  const [seen, setSeen] = useState(document);
  useEffect(() => {
    const look = () => setSeen(document);
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return seen;
}

/** Under another name, for *Duplicate*. */
export function keepCopy(of: Document, secrets: readonly string[]): void {
  let copy = withValue(of, 'name', `${String(of.name)}-2`);
  for (const path of secrets) copy = withValue(copy, path, undefined);
  keepDocument(copy, secrets);
}
