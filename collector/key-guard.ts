import type { NormalisedEvent } from '../mappings/event.js';
import type { Beside } from './feed.js';
import { daysLeft, dueWarning, type KeyFacts, keyLife, type LifeSpan } from './key-life.js';

/** What is remembered of a key with the position, so that it outlives restarts and needs no volume of its own. */
interface KeyMemory {
  /** RFC 3339: the first commit under this key. */
  readonly firstSeen: string;
  readonly lastFour: string;
  /** The lowest threshold, in days, that was warned of. */
  readonly warned?: number;
  /** What JumpCloud said last, epoch milliseconds. */
  readonly told?: { readonly createdAt?: number; readonly expiresAt?: number };
}

/** The key in use; undefined until it was read. */
export interface KeyInUse {
  readonly fingerprint: string | undefined;
  readonly lastFour: string | undefined;
}

/** The state of the key in use, for status, metrics, `key` and `check`. */
export interface KeyStatus {
  readonly fingerprint: string;
  readonly lastFour: string;
  readonly life: LifeSpan;
  /** Begun days counted whole; undefined: never ends. */
  readonly daysLeft: number | undefined;
}

export interface KeyGuardParts {
  readonly key: () => KeyInUse;
  readonly declared: KeyFacts['declared'];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The event that tells the stream's readers of a warning. */
  readonly event: (status: KeyStatus, warning: { threshold: number; first: boolean; now: number }) => NormalisedEvent;
  /** Once a threshold: the log's part. */
  readonly onWarning: (status: KeyStatus, threshold: number) => void;
}

/** Keys remembered: today's, and those of the rotations before. */
const REMEMBERED = 4;

/** Watches the life of the key in use; what it must remember and say goes with the position, so each warning is given once. */
export class KeyGuard implements Beside {
  #keys = new Map<string, KeyMemory>();
  /** By fingerprint: what JumpCloud said in this run, which holds whether or not it was committed. */
  readonly #told = new Map<string, KeyMemory['told']>();

  constructor(private readonly parts: KeyGuardParts) {}

  recall(memory: Readonly<Record<string, unknown>>): void {
    const stored = memory.keys;
    this.#keys = new Map(typeof stored === 'object' && stored !== null ? Object.entries(stored) : []);
  }

  next(): { memory: Readonly<Record<string, unknown>>; own: readonly NormalisedEvent[] } {
    const own: NormalisedEvent[] = [];
    const status = this.status();
    if (status) {
      const now = this.parts.now();
      const remembered = this.#memoryOf(status.fingerprint, status.lastFour);
      const due = dueWarning(status.life, now, remembered.warned);
      this.#keys.set(status.fingerprint, due === undefined ? remembered : { ...remembered, warned: due });
      if (due !== undefined) {
        own.push(this.parts.event(status, { threshold: due, first: remembered.warned === undefined, now }));
        this.parts.onWarning(status, due);
      }
    }
    const latest = [...this.#keys].slice(-REMEMBERED);
    return { memory: { keys: Object.fromEntries(latest) }, own };
  }

  /** Takes in what JumpCloud said of the key in use. Epoch milliseconds. */
  told(about: { createdAt: number | undefined; expiresAt: number | undefined }): void {
    const { fingerprint } = this.parts.key();
    if (fingerprint !== undefined) this.#told.set(fingerprint, about);
  }

  /** Undefined until a key was read. */
  status(): KeyStatus | undefined {
    const { fingerprint, lastFour } = this.parts.key();
    if (fingerprint === undefined) return undefined;
    const remembered = this.#memoryOf(fingerprint, lastFour ?? '');
    const life = keyLife({
      told: remembered.told && {
        createdAt: remembered.told.createdAt,
        expiresAt: remembered.told.expiresAt,
      },
      declared: this.parts.declared,
      firstSeen: Date.parse(remembered.firstSeen),
    });
    return { fingerprint, lastFour: remembered.lastFour, life, daysLeft: daysLeft(life, this.parts.now()) };
  }

  #memoryOf(fingerprint: string, lastFour: string): KeyMemory {
    const stored = this.#keys.get(fingerprint) ?? { firstSeen: new Date(this.parts.now()).toISOString(), lastFour };
    const told = this.#told.get(fingerprint);
    return told === undefined ? stored : { ...stored, told };
  }
}

/** Several parts that remember beside one position. */
export function besides(parts: readonly Beside[]): Beside {
  return {
    recall: (memory) => {
      for (const part of parts) part.recall(memory);
    },
    next: () => {
      const all = parts.map((part) => part.next());
      return { memory: Object.assign({}, ...all.map(({ memory }) => memory)), own: all.flatMap(({ own }) => own) };
    },
  };
}
