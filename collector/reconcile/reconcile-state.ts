import { SECONDS_PER_MINUTE } from '../../mappings/time-units.js';
import type { CommitExtension, PendingCommit, SearchProgress } from '../pipeline/commit-extension.js';
import { type Cursor, serviceOwnedFrom } from '../position/cursor.js';
import { type CountLedger, cutBack, extended, forServices, fromStored, toStored, trimmed } from './minute-counts.js';

/** How far back a live lane compares what it read with JumpCloud's count, and how often. */
export interface ReconcileSettings {
  /** Milliseconds between two passes over the short reach. */
  readonly interval: number;
  /** Seconds. */
  readonly reach: number;
  /** Milliseconds between two passes over the long reach. */
  readonly longInterval: number;
  /** Seconds. */
  readonly longReach: number;
}

/** What the passes keep with the position. */
export interface PassState {
  readonly ledger: CountLedger;
  /** RFC 3339: the last finished passes. */
  readonly short: string | undefined;
  readonly long: string | undefined;
}

/** The ledger keeps single minutes for this long beyond the short reach, then hours. */
const FINE_MARGIN_MINUTES = 60;

/** Keeps with a live lane's position what its searches have shown, and when it was last compared. */
export class ReconcileState implements CommitExtension {
  readonly key = 'reconcile';
  #state: PassState | undefined;

  /** @param services those that the lane collects */
  constructor(
    private readonly settings: ReconcileSettings,
    private readonly services: readonly string[],
  ) {}

  /** As of the last commit that was begun. */
  of(cursor: Cursor): PassState {
    return (
      this.#state ?? { ledger: { services: cursor.position.services, spans: [] }, short: undefined, long: undefined }
    );
  }

  restore(stored: unknown, cursor: Cursor): void {
    const { grid, short, long } = (typeof stored === 'object' && stored !== null ? stored : {}) as Record<
      string,
      unknown
    >;
    this.#state =
      stored === undefined
        ? undefined
        : {
            ledger: fromStored(grid) ?? this.of(cursor).ledger,
            short: typeof short === 'string' ? short : undefined,
            long: typeof long === 'string' ? long : undefined,
          };
  }

  /** Puts another state in place, which the next commit stores. */
  replace(state: PassState): void {
    this.#state = state;
  }

  beforeCommit(commit: PendingCommit): { state: unknown } {
    if (commit.isStepBack) this.#state = { ...this.of(commit.before), ledger: this.#cutBack(commit) };
    if (commit.search !== undefined)
      this.#state = { ...this.of(commit.before), ledger: this.#followed(commit, commit.search) };
    return { state: this.#state && toJson(this.#state) };
  }

  /** The next pass compares everything within the long reach, and reads what the damaged position may have passed over. */
  #cutBack({ after }: PendingCommit): CountLedger {
    const { ledger } = this.of(after);
    const to = Math.floor(after.position.watermark / SECONDS_PER_MINUTE);
    const origin = Math.max(...this.services.map((service) => serviceOwnedFrom(after, service)));
    const from = Math.max(Math.ceil(origin / SECONDS_PER_MINUTE), to - this.settings.longReach / SECONDS_PER_MINUTE);
    return cutBack(ledger.services.length === 0 ? { services: this.services, spans: [] } : ledger, from, to);
  }

  /** The ledger after (part of) a search of the common services: the minutes that now lie behind the position, as shown. */
  #followed({ before, after }: PendingCommit, { start, end, complete, readTo, minutes }: SearchProgress): CountLedger {
    const settled = after.position.watermark;
    const to = Math.floor(settled / SECONDS_PER_MINUTE);
    const origin = Math.max(...before.position.services.map((service) => serviceOwnedFrom(before, service)));
    const first = Math.max(
      Math.ceil(origin / SECONDS_PER_MINUTE),
      Math.floor(before.position.watermark / SECONDS_PER_MINUTE),
    );
    const readEnd = complete && end === undefined ? settled : (readTo ?? start);
    const read = {
      start: Math.ceil(start / SECONDS_PER_MINUTE),
      end: Math.floor(readEnd / SECONDS_PER_MINUTE),
      minutes,
    };
    const reach = this.settings.reach / SECONDS_PER_MINUTE;
    const same = forServices(this.of(before).ledger, before.position.services);
    const longReach = this.settings.longReach / SECONDS_PER_MINUTE;
    return trimmed(extended(same, first, to, read), to - longReach, to - reach - FINE_MARGIN_MINUTES);
  }
}

function toJson({ ledger, short, long }: PassState): unknown {
  return { grid: toStored(ledger), ...(short && { short }), ...(long && { long }) };
}
