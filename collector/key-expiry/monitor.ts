import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import type { KeyOccasion } from '../../mappings/key-warning.js';
import { MS_PER_DAY } from '../../mappings/time-units.js';
import type { Attachment, CommitExtension, PendingCommit } from '../pipeline/commit-extension.js';
import {
  type CredentialKind,
  daysLeft,
  dueWarning,
  type KeyFacts,
  keyLife,
  type LifeSpan,
  rotationSteps,
} from './lifetime.js';
import { readOldKeyAttempts } from './revoked-key-use.js';

/** The days an operator declared. They speak of one key: the next one has days of its own. */
interface Declared {
  readonly created?: number;
  readonly expires?: number;
}

/** What is remembered of a key with the position, so that it outlives restarts and needs no volume of its own. */
interface KeyMemory {
  /** RFC 3339: the first commit under this key. */
  readonly firstSeen: string;
  readonly lastFour: string;
  /** The lowest threshold, in days, that was warned of. */
  readonly warned?: number;
  /** What JumpCloud said last, epoch milliseconds. */
  readonly told?: { readonly createdAt?: number; readonly expiresAt?: number };
  /** What was declared of this key, epoch milliseconds. */
  readonly declared?: Declared;
  /** RFC 3339: JumpCloud refuses the key since then, and that was told. */
  readonly refusedSince?: string;
  /** Uses of a revoked key that were told: dated before this key was first used here, or after. */
  readonly oldKey?: readonly ('before' | 'after')[];
}

/** The key in use; fingerprint and last four characters are undefined until it was read. */
export interface KeyInUse {
  readonly kind: CredentialKind;
  readonly fingerprint: string | undefined;
  readonly lastFour: string | undefined;
  /** JumpCloud refused it and has not accepted it since. */
  readonly refused: boolean;
}

/** The state of the key in use, for status, metrics, `key` and `check`. */
export interface KeyStatus {
  readonly kind: CredentialKind;
  readonly fingerprint: string;
  readonly lastFour: string;
  readonly life: LifeSpan;
  /** Begun days counted whole; undefined: never ends. */
  readonly daysLeft: number | undefined;
  readonly refused: boolean;
  /** True where the configuration declares a day that was claimed by another key: it is of the key before. */
  readonly declaredOfAnother: boolean;
  /** What an operator does about a key that ends. */
  readonly rotation: string;
}

/** What the event of a warning is made of, besides the key's status. */
export interface WarningFacts {
  readonly occasion: KeyOccasion;
  /** True where the key was not warned of before. */
  readonly first: boolean;
  readonly now: number;
  readonly organization: string | undefined;
}

export interface KeyExpiryOptions {
  readonly key: () => KeyInUse;
  readonly declared: KeyFacts['declared'];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The event that tells the stream's readers of a warning. */
  readonly event: (status: KeyStatus, warning: WarningFacts) => NormalisedEvent;
  /** The log's part: once an occasion, also where its commit had to be repeated. */
  readonly onWarning: (status: KeyStatus, occasion: KeyOccasion) => void;
}

/** Keys remembered: today's, and those of the rotations before. */
const REMEMBERED = 4;

/** Watches the life of the key in use; what it must remember and say goes with the position, so each warning is given once. */
export class KeyExpiryMonitor implements CommitExtension {
  readonly key = 'keys';
  #keys = new Map<string, KeyMemory>();
  /** By fingerprint: what JumpCloud said in this run, which holds whether or not it was committed. */
  readonly #told = new Map<string, KeyMemory['told']>();
  /** What the log was told in this run. */
  readonly #said = new Set<string>();

  constructor(private readonly parts: KeyExpiryOptions) {}

  restore(stored: unknown): void {
    const keys = isObject(stored as JsonValue) ? (stored as JsonObject) : {};
    this.#keys = new Map(Object.entries(keys).flatMap(([key, value]) => (isMemory(value) ? [[key, value]] : [])));
  }

  beforeCommit({ events, after }: Pick<PendingCommit, 'events' | 'after'>): Attachment {
    const status = this.status();
    if (status === undefined) return { state: undefined };
    const now = this.parts.now();
    let remembered = this.#memoryOf(status.fingerprint, status.lastFour);
    const own: NormalisedEvent[] = [];
    for (const { occasion, memory } of occasions(status, remembered, events, now)) {
      const first = isUntold(remembered);
      own.push(this.parts.event(status, { occasion, first, now, organization: after.organization }));
      remembered = { ...remembered, ...memory };
      this.#say(status, occasion);
    }
    if (!status.refused) remembered = withoutRefusal(remembered);
    // A key that never opened anything may be a slip: what was declared waits for the right one.
    else if (this.#keys.get(status.fingerprint)?.declared === undefined) remembered = withoutDeclared(remembered);
    // The key in use stands last: the oldest are forgotten.
    this.#keys.delete(status.fingerprint);
    this.#keys.set(status.fingerprint, remembered);
    const latest = [...this.#keys].slice(-REMEMBERED);
    return { state: Object.fromEntries(latest), ownEvents: own };
  }

  /** Takes in what JumpCloud said of the key in use. Epoch milliseconds. */
  told(about: { createdAt: number | undefined; expiresAt: number | undefined }): void {
    const { fingerprint } = this.parts.key();
    if (fingerprint === undefined) return;
    this.#told.set(fingerprint, {
      ...(about.createdAt === undefined ? {} : { createdAt: about.createdAt }),
      ...(about.expiresAt === undefined ? {} : { expiresAt: about.expiresAt }),
    });
  }

  /** Epoch milliseconds of the first commit under the key in use; undefined where there was none. */
  firstSeen(): number | undefined {
    const stored = this.#keys.get(this.parts.key().fingerprint ?? '');
    return stored && Date.parse(stored.firstSeen);
  }

  /** Undefined until a key was read. */
  status(): KeyStatus | undefined {
    const { kind, fingerprint, lastFour, refused } = this.parts.key();
    if (fingerprint === undefined) return undefined;
    const remembered = this.#memoryOf(fingerprint, lastFour ?? '');
    const { declared } = this.parts;
    const own = remembered.declared ?? {};
    const life = keyLife({
      told: remembered.told && {
        createdAt: remembered.told.createdAt,
        expiresAt: remembered.told.expiresAt,
      },
      declared: {
        created: own.created,
        expires: declared.expires === 'never' ? 'never' : own.expires,
        lifetime: declared.lifetime,
      },
      firstSeen: Date.parse(remembered.firstSeen),
    });
    return {
      kind,
      fingerprint,
      lastFour: remembered.lastFour,
      life,
      daysLeft: daysLeft(life, this.parts.now()),
      refused,
      declaredOfAnother: Object.entries(this.#declaredNow()).some(([day, at]) => own[day as keyof Declared] !== at),
      rotation: rotationSteps(kind),
    };
  }

  #memoryOf(fingerprint: string, lastFour: string): KeyMemory {
    const stored = this.#keys.get(fingerprint) ?? { firstSeen: new Date(this.parts.now()).toISOString(), lastFour };
    const told = this.#told.get(fingerprint);
    const declared = this.#declaredOf(fingerprint, stored);
    return {
      ...stored,
      ...(told === undefined ? {} : { told }),
      ...(declared === undefined ? {} : { declared }),
    };
  }

  /** The configuration's days, where they are of this key; else those that were of it before. */
  #declaredOf(fingerprint: string, { firstSeen, declared: stored }: KeyMemory): Declared | undefined {
    const now = this.#declaredNow();
    // A key was used after it was made: a later day is that of its successor, which is not in place yet.
    if (now.created !== undefined && now.created > Date.parse(firstSeen) + MS_PER_DAY) return stored;
    const free = Object.entries(now).filter(([day, at]) => !this.#isOfAnother(fingerprint, day as keyof Declared, at));
    return free.length === 0 ? stored : { ...stored, ...Object.fromEntries(free) };
  }

  /** A day that was declared while another key was in use is that key's: a rotation does not change the configuration. */
  #isOfAnother(fingerprint: string, day: keyof Declared, at: number): boolean {
    return [...this.#keys].some(([key, { declared }]) => key !== fingerprint && declared?.[day] === at);
  }

  #declaredNow(): Declared {
    const { created, expires } = this.parts.declared;
    return {
      ...(created === undefined ? {} : { created }),
      ...(typeof expires === 'number' ? { expires } : {}),
    };
  }

  /** The log hears of a refusal from the poll that met it. */
  #say(status: KeyStatus, occasion: KeyOccasion): void {
    const detail = occasion.kind === 'expires' ? occasion.threshold : occasion.kind === 'old_key' && occasion.when;
    const said = `${status.fingerprint} ${occasion.kind} ${detail}`;
    if (occasion.kind === 'refused' || this.#said.has(said)) return;
    this.#said.add(said);
    this.parts.onWarning(status, occasion);
  }
}

/** Everything that is to be told now, each with what is then to be remembered. */
function occasions(
  status: KeyStatus,
  remembered: KeyMemory,
  events: readonly NormalisedEvent[],
  now: number,
): { occasion: KeyOccasion; memory: Partial<KeyMemory> }[] {
  const due: { occasion: KeyOccasion; memory: Partial<KeyMemory> }[] = [];
  const threshold = dueWarning(status.life, now, remembered.warned);
  if (threshold !== undefined) due.push({ occasion: { kind: 'expires', threshold }, memory: { warned: threshold } });
  if (status.refused && remembered.refusedSince === undefined) {
    const refusedSince = new Date(now).toISOString();
    // An end that is told needs no second alarm.
    if (threshold === 0) due[0] = { ...due[0]!, memory: { warned: 0, refusedSince } };
    else due.push({ occasion: { kind: 'refused', since: refusedSince }, memory: { refusedSince } });
  }
  let oldKey = remembered.oldKey ?? [];
  for (const occasion of readOldKeyAttempts(events, Date.parse(remembered.firstSeen))) {
    if (oldKey.includes(occasion.when)) continue;
    oldKey = [...oldKey, occasion.when];
    due.push({ occasion, memory: { oldKey } });
  }
  return due;
}

function isUntold({ warned, refusedSince, oldKey }: KeyMemory): boolean {
  return warned === undefined && refusedSince === undefined && oldKey === undefined;
}

function withoutRefusal({ refusedSince: _, ...memory }: KeyMemory): KeyMemory {
  return memory;
}

function withoutDeclared({ declared: _, ...memory }: KeyMemory): KeyMemory {
  return memory;
}

function isMemory(value: JsonValue | undefined): value is JsonObject & KeyMemory {
  if (value === undefined || !isObject(value)) return false;
  const { firstSeen, lastFour, warned } = value;
  const soundDay = typeof firstSeen === 'string' && !Number.isNaN(Date.parse(firstSeen));
  return soundDay && typeof lastFour === 'string' && (warned === undefined || typeof warned === 'number');
}
