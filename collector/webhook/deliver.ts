import { mapNotice, type NoticeNames, type NoticeSource, noticeNames } from '../../mappings/alerts/finding.js';
import { bodyUid, keptBody, WEBHOOK_SERVICE } from '../../mappings/alerts/kept-body.js';
import type { AlertNotice } from '../../mappings/alerts/notice.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { KeptRecord, MappingSettings } from '../../mappings/normalise.js';
import type { Counts } from '../position/cursor.js';
import { noCounts } from '../position/cursor.js';
import { hashOf } from '../position/dedupe-set.js';
import type { ReadBody } from './read-body.js';

/** One body to deliver. */
export interface IncomingBody extends ReadBody {
  readonly source: NoticeSource;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** How bodies are mapped. */
export interface DeliverySettings {
  readonly mapping: MappingSettings;
  /** OCSF class_uids that are delivered as events; undefined: all. */
  readonly classes: ReadonlySet<number> | undefined;
}

/** What bodies became: the part of a batch that they make. */
export interface Delivery {
  readonly events: readonly NormalisedEvent[];
  readonly deadLetters: readonly DeadLetter[];
  readonly raw: readonly KeptRecord[];
  /** Names that the batch adds to what the lane remembers. */
  readonly remember: readonly bigint[];
  readonly counts: Counts;
  /** Names of what is new, body by body; undefined for a repeat. */
  readonly fresh: readonly (NoticeNames | undefined)[];
}

/**
 * Turns bodies into findings, and what is none into dead letters that hold the body. A notice that was delivered before,
 * whoever brought it, is a repeat.
 * @param isKnown whether a name was delivered before
 */
export function deliver(
  bodies: readonly IncomingBody[],
  organization: string,
  isKnown: (hash: bigint) => boolean,
  { mapping, classes }: DeliverySettings,
): Delivery {
  const events: NormalisedEvent[] = [];
  const deadLetters: DeadLetter[] = [];
  const raw: KeptRecord[] = [];
  const remember = new Set<bigint>();
  const counts: Counts = { ...noCounts };
  const fresh: (NoticeNames | undefined)[] = [];
  /** Whether this is the first of its names. */
  const take = (names: NoticeNames): boolean => {
    const { uid, sameAs, also } = names;
    const isNew = ![uid, ...sameAs].map(hashOf).some((hash) => isKnown(hash) || remember.has(hash));
    for (const hash of [uid, ...also].map(hashOf)) if (!isKnown(hash)) remember.add(hash);
    if (!isNew) counts.duplicates += 1;
    fresh.push(isNew ? names : undefined);
    return isNew;
  };
  for (const body of bodies) {
    counts.records += 1;
    const outcome = outcomeOf(body, organization, mapping);
    if (outcome.kind === 'kept') {
      if (!take({ uid: outcome.letter.uid, sameAs: [], also: [], heldAs: () => [] })) continue;
      counts.deadLetters += 1;
      deadLetters.push(outcome.letter);
      continue;
    }
    const { event } = outcome;
    if (!take(noticeNames(organization, outcome.notice))) continue;
    if (classes !== undefined && !classes.has(event.classUid)) {
      counts.raw += 1;
      const { uid, classUid, eventCode, time } = event;
      raw.push({ uid, classUid, eventCode, service: WEBHOOK_SERVICE, time, text: outcome.raw });
      continue;
    }
    counts.events += 1;
    events.push(event);
  }
  return { events, deadLetters, raw, remember: [...remember], counts, fresh };
}

type Outcome =
  | { readonly kind: 'event'; readonly event: NormalisedEvent; readonly notice: AlertNotice; readonly raw: string }
  | { readonly kind: 'kept'; readonly letter: DeadLetter };

function outcomeOf(body: IncomingBody, organization: string, mapping: MappingSettings): Outcome {
  const { text, value, problem, source, receivedAt, headers } = body;
  const kept = (
    reason: 'unknown_shape' | 'wrong_organization',
    message: string,
    details: readonly string[],
    whose?: string,
  ): Outcome => {
    const about = Object.entries(headers).map(([name, header]) => `${name}: ${header}`);
    const uid = bodyUid(organization, text, value);
    const letter = { reason, message, details: [...details, ...about], text, value, organization: whose, receivedAt };
    return { kind: 'kept', letter: keptBody(uid, letter) };
  };
  if (value === undefined) return kept('unknown_shape', problem ?? 'The body is not JSON.', []);
  try {
    const mapped = mapNotice(value, text, { ...mapping, source, organization, receivedAt });
    if (mapped.kind === 'event') return mapped;
    if (mapped.kind === 'unknown') return kept('unknown_shape', mapped.message, mapped.details, organization);
    return kept('wrong_organization', 'The alert is of another organization than the feed.', [], mapped.organization);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    return kept('unknown_shape', 'The mapping stopped at a defect of its own.', [name], organization);
  }
}
