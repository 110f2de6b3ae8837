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
  read: (topic: string) => Promise<readonly Delivered[]>,
  prefix = 'ocsf.',
): Promise<Collected> {
  const uids: string[] = [];
  const texts: string[] = [];
  for (const name of Object.keys(ocsfTarget.classes)) {
    for (const { headers, value } of await read(prefix + name)) {
      const event = JSON.parse(String(value)) as { raw_data?: string; metadata: { uid: string } };
      if (event.metadata.uid !== headers.event_id) throw new Error('a header event_id is not the uid of its event');
      // The collector's own events (a key that ends) carry no record.
      if (event.raw_data === undefined) continue;
      uids.push(event.metadata.uid);
      texts.push(event.raw_data);
    }
  }
  const events = uids.length;
  for (const { value } of await read(`${prefix}dead_letters`)) {
    const letter = JSON.parse(String(value)) as { uid: string; raw: string };
    uids.push(letter.uid);
    texts.push(letter.raw);
  }
  return { events, deadLetters: uids.length - events, uids, texts };
}
