import { redactedText } from '../../fixtures/tenant/control.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

/** A record of a topic, as far as it tells what was delivered. */
interface Delivered {
  readonly headers: Readonly<Record<string, string>>;
  readonly value: unknown;
}

/** What the topics of a feed hold of JumpCloud's records. */
export interface Collected {
  readonly events: number;
  readonly deadLetters: number;
  /** Of events and dead letters, repeats included. */
  readonly uids: readonly string[];
  /** The records' texts, repeats included. */
  readonly texts: readonly string[];
}

/**
 * Everything in the topics of classes and of dead letters whose names begin with `prefix`.
 * @throws Error where a header names another uid than the event
 */
export async function readDelivered(
  read: (...topics: readonly string[]) => Promise<readonly Delivered[]>,
  prefix = 'ocsf.',
): Promise<Collected> {
  const uids: string[] = [];
  const texts: string[] = [];
  const classTopics = Object.keys(ocsfTarget.classes).map((name) => prefix + name);
  let deadLetters = 0;
  for (const { headers, value } of await read(...classTopics, `${prefix}dead_letters`)) {
    if (headers.reason !== undefined) {
      const letter = JSON.parse(String(value)) as { uid: string; raw: string };
      uids.push(letter.uid);
      texts.push(letter.raw);
      deadLetters += 1;
      continue;
    }
    const event = JSON.parse(String(value)) as { raw_data?: string; metadata: { uid: string } };
    if (event.metadata.uid !== headers.event_id) throw new Error('a header event_id is not the uid of its event');
    // The collector's own events (a key that ends) carry no record.
    if (event.raw_data === undefined) continue;
    uids.push(event.metadata.uid);
    texts.push(event.raw_data);
  }
  return { events: uids.length - deadLetters, deadLetters, uids, texts };
}

/** What `compareTopics` finds where the topics hold every record once. */
export const allOnce = { missing: 0, repeated: 0, unknown: 0, uidsTwice: 0 };

/** The topics of a feed against the ledger of its tenant. */
export async function compareTopics(
  { ledger }: Pick<Tenant, 'ledger'>,
  read: Parameters<typeof readDelivered>[0],
  prefix?: string,
): Promise<typeof allOnce> {
  const { texts, uids } = await readDelivered(read, prefix);
  const { missing, repeated, unknown } = await ledger.compare(texts, { kept: redactedText });
  return { missing, repeated, unknown, uidsTwice: uids.length - new Set(uids).size };
}
