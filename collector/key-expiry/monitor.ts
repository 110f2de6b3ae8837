import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import type { KeyTrigger } from '../../mappings/key-warning.js';
import { MS_PER_DAY } from '../../mappings/time-units.js';
import { type ClockReading, earlierOf, laterOf, serverTime } from '../clock.js';
import type { Attachment, CommitExtension, PendingCommit } from '../pipeline/commit-extension.js';
import {
  type CredentialKind,
  daysLeft,
  describeBasis,
  describeLife,
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
  /** The end that it was warned of, epoch milliseconds. */
  readonly warnedOf?: number;
  /** What JumpCloud said last, epoch milliseconds. */
  readonly told?: { readonly createdAt?: number; readonly expiresAt?: number };
  /** What was declared of this key, epoch milliseconds. */
  readonly declared?: Declared;
  /** RFC 3339: JumpCloud refuses the key since then, and a warning was given. */
  readonly refusedSince?: string;
  /** Uses of a revoked key that were reported: dated before this key was first used here, or after. */
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

/** A key's life as JSON shows it. Dates are RFC 3339; null: unknown, or there is none. */
export interface KeyView {
  readonly lastFour: string;
  readonly fingerprint: string;
  readonly createdAt: string | null;
  readonly expiresAt: string | null;
  readonly daysLeft: number | null;
  /** False where it may expire sooner. */
  readonly certain: boolean;
  readonly basis: string;
  readonly description: string;
  readonly rotation: string;
}

/** @param now epoch milliseconds, as JumpCloud's clock has it */
export function viewKey({ life, lastFour, fingerprint, daysLeft, rotation }: KeyStatus, now: number): KeyView {
  const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    lastFour,
    fingerprint,
    createdAt: date(life.createdAt),
    expiresAt: date(life.expiresAt),
    daysLeft: daysLeft ?? null,
    certain: life.certain,
    basis: describeBasis(life),
    description: describeLife(life, now),
    rotation,
  };
}

/** What the event of a warning is made of, besides the key's status. */
export interface WarningFacts {
  readonly trigger: KeyTrigger;
  /** True where the key was not warned of before. */
  readonly first: boolean;
  readonly now: number;
  readonly organization: string | undefined;
}

export interface KeyExpiryOptions {
  readonly key: () => KeyInUse;
  readonly declared: KeyFacts['declared'];
  readonly clocks: () => ClockReading;
  /** The event that carries a warning to the consumers of the stream. */
  readonly event: (status: KeyStatus, warning: WarningFacts) => NormalisedEvent;
  /** Called once per trigger, also where its commit is repeated. */
  readonly onWarning: (status: KeyStatus, trigger: KeyTrigger) => void;
}

/** Keys remembered: today's, and those of the rotations before. */
const REMEMBERED = 4;

/** Watches the life of the key in use; what it must remember and say goes with the position, so each warning is given once. */
export class KeyExpiryMonitor implements CommitExtension {
  readonly key = 'keys';
  #keys = new Map<string, KeyMemory>();
  /** By fingerprint: the lifetime that JumpCloud reported in this run, valid whether or not it was committed. */
  readonly #reported = new Map<string, KeyMemory['told']>();
  /** Triggers that were logged in this run. */
  readonly #warned = new Set<string>();

  constructor(private readonly options: KeyExpiryOptions) {}

  restore(stored: unknown): void {
    const keys = isObject(stored as JsonValue) ? (stored as JsonObject) : {};
    this.#keys = new Map(Object.entries(keys).flatMap(([key, value]) => (isMemory(value) ? [[key, value]] : [])));
  }

  beforeCommit({ events, after }: Pick<PendingCommit, 'events' | 'after'>): Attachment {
    const status = this.status();
    if (status === undefined) return { state: undefined };
    const clocks = this.options.clocks();
    const now = nowOf(clocks);
    let remembered = this.#memoryOf(status.fingerprint, status.lastFour);
    const own: NormalisedEvent[] = [];
    for (const { trigger, memory } of triggers(status, remembered, events, clocks)) {
      const first = hasNoWarning(remembered);
      own.push(this.options.event(status, { trigger, first, now, organization: after.organization }));
      remembered = { ...remembered, ...memory };
      this.#warn(status, trigger);
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

  /** Sets the lifetime that JumpCloud reports for the key in use. Epoch milliseconds. */
  setReportedLifetime(about: { createdAt: number | undefined; expiresAt: number | undefined }): void {
    const { fingerprint } = this.options.key();
    if (fingerprint === undefined) return;
    this.#reported.set(fingerprint, {
      ...(about.createdAt === undefined ? {} : { createdAt: about.createdAt }),
      ...(about.expiresAt === undefined ? {} : { expiresAt: about.expiresAt }),
    });
  }

  /** Epoch milliseconds of the first commit under the key in use; undefined where there was none. */
  firstSeen(): number | undefined {
    const stored = this.#keys.get(this.options.key().fingerprint ?? '');
    return stored && Date.parse(stored.firstSeen);
  }

  /** Undefined until a key was read. */
  status(): KeyStatus | undefined {
    const { kind, fingerprint, lastFour, refused } = this.options.key();
    if (fingerprint === undefined) return undefined;
    const remembered = this.#memoryOf(fingerprint, lastFour ?? '');
    const { declared } = this.options;
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
      daysLeft: daysLeft(life, nowOf(this.options.clocks())),
      refused,
      declaredOfAnother: Object.entries(this.#declaredNow()).some(([day, at]) => own[day as keyof Declared] !== at),
      rotation: rotationSteps(kind),
    };
  }

  #memoryOf(fingerprint: string, lastFour: string): KeyMemory {
    const clocks = this.options.clocks();
    const known = this.#keys.get(fingerprint);
    const firstSeen = known === undefined ? serverTime(clocks) : Date.parse(known.firstSeen);
    const seen = new Date(Math.min(firstSeen, latestOf(clocks) ?? firstSeen)).toISOString();
    const stored = { lastFour, ...known, firstSeen: seen };
    const told = this.#reported.get(fingerprint);
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
    const { created, expires } = this.options.declared;
    return {
      ...(created === undefined ? {} : { created }),
      ...(typeof expires === 'number' ? { expires } : {}),
    };
  }

  /** A refusal is logged by the poll that met it. */
  #warn(status: KeyStatus, trigger: KeyTrigger): void {
    const ofEnd = trigger.kind === 'expires' && `${trigger.threshold} ${status.life.expiresAt}`;
    const detail = ofEnd || (trigger.kind === 'old_key' && trigger.when);
    const said = `${status.fingerprint} ${trigger.kind} ${detail}`;
    if (trigger.kind === 'refused' || this.#warned.has(said)) return;
    this.#warned.add(said);
    this.options.onWarning(status, trigger);
  }
}

/** The warnings that are due, each with the state to store once it is given. */
function triggers(
  status: KeyStatus,
  remembered: KeyMemory,
  events: readonly NormalisedEvent[],
  clocks: ClockReading,
): { trigger: KeyTrigger; memory: Partial<KeyMemory> }[] {
  const now = nowOf(clocks);
  const due: { trigger: KeyTrigger; memory: Partial<KeyMemory> }[] = [];
  const { expiresAt = 0 } = status.life;
  const { warned, warnedOf = expiresAt } = remembered;
  // An end that turned out to be days later is warned of like any other, and so is one by a clock that was ahead.
  const mostLeft = daysLeft(status.life, latestOf(clocks) ?? expiresAt) ?? 0;
  const isLater = expiresAt - warnedOf > MS_PER_DAY || mostLeft > (warned ?? 0) + 1;
  const threshold = dueWarning(status.life, now, isLater ? undefined : warned);
  const memory = { warned: threshold, warnedOf: expiresAt };
  if (threshold !== undefined) due.push({ trigger: { kind: 'expires', threshold }, memory });
  if (status.refused && remembered.refusedSince === undefined) {
    const refusedSince = new Date(now).toISOString();
    // A warning about expiry needs no second one about refusal.
    if (threshold === 0) due[0] = { ...due[0]!, memory: { ...memory, refusedSince } };
    else due.push({ trigger: { kind: 'refused', since: refusedSince }, memory: { refusedSince } });
  }
  let oldKey = remembered.oldKey ?? [];
  for (const trigger of readOldKeyAttempts(events, Date.parse(remembered.firstSeen))) {
    if (oldKey.includes(trigger.when)) continue;
    oldKey = [...oldKey, trigger.when];
    due.push({ trigger, memory: { oldKey } });
  }
  return due;
}

/** By which warnings are given: of clocks that are apart the earlier, since a wrong one must use up no warning. */
function nowOf(clocks: ClockReading): number {
  if (clocks.confirmed) return serverTime(clocks);
  return clocks.apart ? earlierOf(clocks) : clocks.local;
}

/** After this nothing was used or warned of; undefined while JumpCloud's time is not known. */
function latestOf(clocks: ClockReading): number | undefined {
  if (clocks.server === undefined) return undefined;
  return clocks.confirmed ? clocks.server : laterOf(clocks);
}

function hasNoWarning({ warned, refusedSince, oldKey }: KeyMemory): boolean {
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
