/*
 * The words for the state of a feed: one table for the server, the pages and the document of the API.
 * This file runs in browsers too: it imports nothing.
 */

export type Tone = 'neutral' | 'good' | 'warn' | 'bad';

/**
 * What a feed is doing, as one word per fact. `missing`, `silent` and `keyEnding` are of a feed that is connected; one in
 * another state that misses records says so behind its own word.
 */
export type StateCode = keyof typeof STATES;

/** The state of one feed. Absent members are not known or do not apply; times are RFC 3339. */
export interface FeedState {
  readonly code: StateCode;
  readonly tone: Tone;
  /** Since when it is in this state. */
  readonly since?: string;
  /** Who the feed waits for, or who paused it. */
  readonly by?: string;
  /** Why: of a failure its message, of a pause what its author wrote. */
  readonly reason?: string;
  /** What to do about it. */
  readonly cure?: string;
  /** Error code of the failure behind it. */
  readonly error?: string;
  readonly nextTry?: string;
  /** When a pause ends by itself. */
  readonly until?: string;
  readonly lastRun?: string;
  /** Records that JumpCloud counts and that were not delivered, of the last 72 hours. */
  readonly missing?: number;
  readonly silentSeconds?: number;
  readonly silenceLimitSeconds?: number;
  readonly keyDaysLeft?: number;
  /** Share of the first synchronization that is read, 0 to 1. */
  readonly progress?: number;
  /** Up to which moment it has read. */
  readonly readUpTo?: string;
  readonly secondsLeft?: number;
  /** The day from which on records are lost, because JumpCloud forgets them. */
  readonly runBefore?: string;
}

/** The word of each state and its tone, worst first within a tone. */
export const STATES = {
  invalid: { word: 'Invalid configuration', tone: 'bad' },
  stopped: { word: 'Stopped, needs you', tone: 'bad' },
  failing: { word: 'Not reading', tone: 'bad' },
  blocked: { word: 'Not delivering', tone: 'bad' },
  missing: { word: 'Incomplete', tone: 'warn' },
  silent: { word: 'Connected, silent', tone: 'warn' },
  keyEnding: { word: 'Connected, key ends soon', tone: 'warn' },
  setup: { word: 'Setup incomplete', tone: 'neutral' },
  stopping: { word: 'Stopping…', tone: 'neutral' },
  starting: { word: 'Starting', tone: 'neutral' },
  syncing: { word: 'Syncing', tone: 'neutral' },
  paused: { word: 'Paused', tone: 'neutral' },
  manual: { word: 'DISABLED', tone: 'neutral' },
  connected: { word: 'Connected', tone: 'good' },
} as const satisfies Record<string, { readonly word: string; readonly tone: Tone }>;

/** How a reader wants moments and spans written. */
export interface StatePrinter {
  /** An RFC 3339 instant with its zone. */
  readonly instant: (rfc3339: string) => string;
  /** A span of seconds, such as `26 h`. */
  readonly span: (seconds: number) => string;
}

/** The sentence that a person reads: `Incomplete: 12 records missing`. */
export function stateSentence(state: FeedState, print: StatePrinter): string {
  const { word } = STATES[state.code];
  const detail = DETAILS[state.code]?.(state, print) ?? '';
  const also = state.code !== 'missing' && isIncomplete(state) ? `; incomplete: ${missingRecords(state)}` : '';
  return (detail === '' ? word : `${word}: ${detail}`) + also;
}

/** Whether records are missing of it, whatever else it is. */
export function isIncomplete({ missing = 0 }: FeedState): boolean {
  return missing > 0;
}

function missingRecords({ missing = 0 }: FeedState): string {
  return `${missing} ${missing === 1 ? 'record' : 'records'} missing`;
}

type Detail = (state: FeedState, print: StatePrinter) => string;

const because: Detail = ({ reason = '', nextTry }, { instant }) =>
  joined(reason, nextTry && `next try ${instant(nextTry)}`);

const DETAILS: Readonly<Partial<Record<StateCode, Detail>>> = {
  invalid: ({ reason = '' }) => reason,
  stopped: ({ reason = '' }) => reason,
  failing: because,
  blocked: (state, print) => joined(because(state, print), 'records wait at JumpCloud'),
  missing: missingRecords,
  silent: ({ silentSeconds, silenceLimitSeconds }, { span }) =>
    joined(
      silentSeconds === undefined ? '' : `no new record for ${span(silentSeconds)}`,
      silenceLimitSeconds === undefined ? '' : `limit ${span(silenceLimitSeconds)}`,
    ),
  keyEnding: ({ keyDaysLeft = 0 }) =>
    keyDaysLeft < 0 ? 'it may have ended' : `in ${keyDaysLeft === 1 ? '1 day' : `${keyDaysLeft} days`}`,
  setup: ({ by }) => `waiting for a key${by === undefined ? '' : ` from ${by}`}`,
  syncing: ({ readUpTo, progress, secondsLeft }, { instant, span }) =>
    joined(
      readUpTo && `read up to ${instant(readUpTo)}`,
      progress === undefined ? '' : `${Math.floor(progress * 100)} %`,
      secondsLeft === undefined ? '' : `about ${span(secondsLeft)} left`,
    ),
  paused: ({ by, since, reason, until, runBefore }, { instant }) =>
    joined(
      by && `by ${by}`,
      since && `since ${instant(since)}`,
      reason,
      until && `until ${instant(until)}`,
      runBefore && `resume before ${instant(runBefore)} or records are lost`,
    ),
  manual: ({ lastRun, runBefore }, { instant }) =>
    joined(
      lastRun === undefined ? 'it has not run yet' : `last run ${instant(lastRun)}`,
      runBefore && `run before ${instant(runBefore)} or records are lost`,
    ),
};

function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}
