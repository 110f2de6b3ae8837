import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject } from '../../mappings/json.js';
import { questionFindingEvent } from '../../mappings/question-finding.js';
import { MS_PER_DAY } from '../../mappings/time-units.js';
import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import { type Clock, type ClockReading, earlierOf } from '../clock.js';
import { asCollectorError } from '../errors.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { IdleTask, WorkQueue } from '../pipeline/idle-task.js';
import type { Lane } from '../pipeline/lane.js';
import type { FeedObserver } from '../pipeline/observer.js';
import type { AskedQuestion, FoundRow } from '../query/ask-question.js';
import { parameterValues } from '../query/question.js';

/** What watching questions needs of the program around it. */
export interface WatchSetting {
  readonly feed: string;
  readonly questions: readonly AskedQuestion[];
  readonly intervalMs: number;
  /** The account name in the feed's events; undefined: they carry the organization's id alone. */
  readonly accountName: string | undefined;
  readonly mapper: { readonly name: string; readonly version: string };
  readonly target: OcsfTarget;
  readonly clock: Clock;
  /** Events are dated by JumpCloud's clock. */
  readonly clocks: () => ClockReading;
  readonly observer: FeedObserver;
  /**
   * @param now epoch milliseconds as of which the question is asked
   * @throws CollectorError where the question has no answer
   */
  readonly ask: (
    asked: AskedQuestion,
    account: string,
    now: number,
    signal: AbortSignal,
  ) => Promise<readonly FoundRow[]>;
}

/** A row that has not been in an answer for so long is new when it comes back. */
const FORGOTTEN_AFTER_MS = MS_PER_DAY;

/** As of so many moments a question is asked in a round: one with a long pause holds up neither the others nor what was found. */
const MOST_MOMENTS = 10;

/** Row identity → as of when it was in an answer last, epoch milliseconds. */
type Seen = Map<string, number>;

/**
 * Asks ready questions at an interval between the polls: a poll waits for no answer. Each row that is new becomes a
 * Detection Finding, committed together with what remembers the row, so that it is raised once whatever ends when. After
 * a pause a question is first asked as of moments within it, as it would have been without the pause: some per round, and
 * the next round follows at once.
 */
export class QuestionWatch implements IdleTask, CommitExtension {
  readonly name = 'the findings of the watched questions';
  readonly key = 'watch';
  readonly queue: WorkQueue;
  #seen = new Map<string, Seen>();
  /** Question with its parameters → as of when it was answered last, epoch milliseconds. */
  #askedUntil = new Map<string, number>();
  /** Of rows in `#seen` that no commit has carried yet. */
  #findings: NormalisedEvent[] = [];
  #asking: Promise<void> | undefined;
  /** Question with its parameters → when it is asked again, on the monotonic clock; absent: now. */
  readonly #dueAt = new Map<string, number>();
  /** Question with its parameters → how many moments were left after its last round; absent: none. */
  readonly #leftBefore = new Map<string, number>();
  #round = new AbortController();

  constructor(private readonly setting: WatchSetting) {
    const isPending = () => this.#findings.length > 0 || this.#isDue();
    this.queue = {
      get isPending() {
        return isPending();
      },
      arrival: (signal) => this.#asking ?? setting.clock.sleep(this.#nextDueAt() - setting.clock.monotonic(), signal),
    };
  }

  restore(stored: unknown): void {
    const { seen, askedUntil } = isObject(stored) ? stored : {};
    const { questions } = this.setting;
    const rows = isObject(seen) ? seen : {};
    this.#seen = new Map(questions.map(({ question: { name } }) => [name, timesOf(rows[name])]));
    const texts = questions.map(textOf);
    this.#askedUntil = new Map([...timesOf(askedUntil)].filter(([text]) => texts.includes(text)));
    // What a commit failed to carry is found again; a round under way would note that it was asked about.
    this.#findings = [];
    this.#round.abort();
    this.#round = new AbortController();
    this.#dueAt.clear();
  }

  beforeCommit(): { state: unknown; ownEvents: readonly NormalisedEvent[] } {
    const seen = Object.fromEntries([...this.#seen].map(([name, rows]) => [name, Object.fromEntries(rows)]));
    return { state: { seen, askedUntil: Object.fromEntries(this.#askedUntil) }, ownEvents: this.#findings.splice(0) };
  }

  async run(lane: Lane): Promise<void> {
    if (this.#findings.length > 0) await lane.commitOwnEvents();
    const { organization } = lane.cursor;
    const account = this.setting.accountName ?? organization;
    if (!this.#isDue() || account === undefined) return;
    const { signal } = this.#round;
    this.#asking = this.#askAll(lane.name, account, organization, signal).finally(() => {
      this.#asking = undefined;
    });
  }

  close(): void {
    this.#round.abort();
  }

  #isDue(): boolean {
    return this.#asking === undefined && this.setting.clock.monotonic() >= this.#nextDueAt();
  }

  #nextDueAt(): number {
    return Math.min(...this.setting.questions.map((asked) => this.#dueAtOf(asked)));
  }

  #dueAtOf(asked: AskedQuestion): number {
    return this.#dueAt.get(textOf(asked)) ?? Number.NEGATIVE_INFINITY;
  }

  /** One after the other: each may take the memory of a statement. Never rejects. */
  async #askAll(lane: string, account: string, organization: string | undefined, signal: AbortSignal): Promise<void> {
    const { questions, ask, observer, clock, intervalMs } = this.setting;
    const began = clock.monotonic();
    const done: AskedQuestion[] = [];
    for (const asked of questions.filter((one) => this.#dueAtOf(one) <= began)) {
      const question = asked.question.name;
      /**
       * @param left as of how many moments it is to be asked after that
       * @returns whether there is an answer
       */
      const askAsOf = async (moment: number, left: number, answered: () => void): Promise<boolean> => {
        const started = clock.monotonic();
        try {
          const rows = await ask(asked, account, moment, signal);
          if (signal.aborted) return false;
          const found = this.#note(asked, rows, organization, moment);
          answered();
          const durationMs = clock.monotonic() - started;
          observer({ type: 'questionAnswered', lane, question, rows: rows.length, found, durationMs, left });
          return true;
        } catch (error) {
          if (!signal.aborted) observer({ type: 'questionFailed', lane, question, error: asCollectorError(error) });
          return false;
        }
      };
      const { moments, left, now } = this.#moments(asked);
      let until: number | undefined;
      for (const [index, moment] of moments.entries()) {
        const after = left + moments.length - 1 - index;
        until = (await askAsOf(moment, after, () => this.#answeredUntil(asked, moment))) ? moment : undefined;
        if (signal.aborted) return;
        if (until !== undefined) continue;
        // What has no answer is asked again after the interval: it holds up neither what is new nor the other questions.
        if (moment !== now) await askAsOf(now, after, () => {});
        if (signal.aborted) return;
        break;
      }
      const before = this.#leftBefore.get(textOf(asked)) ?? Number.POSITIVE_INFINITY;
      if (until !== undefined && left > 0) {
        this.#leftBefore.set(textOf(asked), left);
        observer({ type: 'questionBehind', lane, question, until, left, isGaining: left < before });
      } else {
        this.#leftBefore.delete(textOf(asked));
        done.push(asked);
      }
    }
    // All at once, so that they stay in one round.
    for (const asked of done) this.#dueAt.set(textOf(asked), clock.monotonic() + intervalMs);
  }

  /**
   * As of when a question is asked in this round, and how many moments are left then: since it was answered last in equal
   * steps of half its own range at most, so that what lasted half as long is seen whole, but not more often than at the
   * interval. The last of all is now.
   */
  #moments(asked: AskedQuestion): { now: number; moments: number[]; left: number } {
    const now = earlierOf(this.setting.clocks());
    const since = parameterValues(asked.question, asked, now).find(({ name }) => name === 'since')?.value;
    const range = typeof since === 'number' ? now - since : 0;
    const pause = now - (this.#askedUntil.get(textOf(asked)) ?? now);
    const steps = Math.max(1, Math.ceil(pause / Math.max(range / 2, this.setting.intervalMs)));
    const length = Math.min(steps, MOST_MOMENTS);
    const moments = Array.from({ length }, (_, index) => now - Math.floor((pause * (steps - 1 - index)) / steps));
    return { now, moments, left: steps - length };
  }

  /** @returns how many rows are new */
  #note(asked: AskedQuestion, rows: readonly FoundRow[], organization: string | undefined, askedAsOf: number): number {
    const { feed, accountName, mapper, target, clocks } = this.setting;
    const { name: question, title, answers, technique } = asked.question;
    const seen = this.#seen.get(question) ?? new Map();
    const now = earlierOf(clocks());
    const about = { feed, organization, accountName, mapper, question, title, answers, technique, now, askedAsOf };
    const fresh = rows.filter(({ identity }, index) => {
      return !seen.has(identity) && rows.findIndex((other) => other.identity === identity) === index;
    });
    // Made before anything is remembered: a row that cannot become a finding fails the question.
    const findings = fresh.map((row) => questionFindingEvent({ ...about, ...row }, target));
    for (const { identity } of rows) {
      const before = Math.min(seen.get(identity) ?? askedAsOf, now);
      seen.set(identity, Math.max(before, askedAsOf));
    }
    this.#seen.set(question, seen);
    this.#findings.push(...findings);
    return findings.length;
  }

  /** No moment before `now` is asked about again: what was in no answer for long can be forgotten. */
  #answeredUntil(asked: AskedQuestion, now: number): void {
    this.#askedUntil.set(textOf(asked), now);
    const seen = this.#seen.get(asked.question.name) ?? new Map();
    for (const [identity, at] of seen) if (now - at > FORGOTTEN_AFTER_MS) seen.delete(identity);
  }
}

/** As it stands in `questions.watch`. */
function textOf({ question, parameters }: AskedQuestion): string {
  return [question.name, ...[...parameters].map(([name, value]) => `${name}=${value}`)].join(' ');
}

function timesOf(stored: unknown): Map<string, number> {
  if (!isObject(stored)) return new Map();
  return new Map(Object.entries(stored).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
