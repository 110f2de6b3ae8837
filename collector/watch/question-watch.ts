import type { NormalisedEvent } from '../../mappings/event.js';
import { isObject } from '../../mappings/json.js';
import { questionFindingEvent } from '../../mappings/question-finding.js';
import { MS_PER_DAY } from '../../mappings/time-units.js';
import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import type { Clock } from '../clock.js';
import { asCollectorError } from '../errors.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { IdleTask, WorkQueue } from '../pipeline/idle-task.js';
import type { Lane } from '../pipeline/lane.js';
import type { FeedObserver } from '../pipeline/observer.js';
import type { AskedQuestion, FoundRow } from '../query/ask-question.js';

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
  readonly observer: FeedObserver;
  /** @throws CollectorError where the question has no answer */
  readonly ask: (asked: AskedQuestion, account: string, signal: AbortSignal) => Promise<readonly FoundRow[]>;
}

/** A row that has not been in an answer for so long is new when it comes back. */
const FORGOTTEN_AFTER_MS = MS_PER_DAY;

/** Row identity → when it was in an answer last, epoch milliseconds. */
type Seen = Map<string, number>;

/**
 * Asks ready questions at an interval between the polls: a poll waits for no answer. Each row that is new becomes a
 * Detection Finding, committed together with what remembers the row, so that it is raised once whatever ends when.
 */
export class QuestionWatch implements IdleTask, CommitExtension {
  readonly name = 'the findings of the watched questions';
  readonly key = 'watch';
  readonly queue: WorkQueue;
  #seen = new Map<string, Seen>();
  /** Of rows in `#seen` that no commit has carried yet. */
  #findings: NormalisedEvent[] = [];
  #asking: Promise<void> | undefined;
  #dueAt = Number.NEGATIVE_INFINITY;
  readonly #closed = new AbortController();

  constructor(private readonly setting: WatchSetting) {
    const isPending = () => this.#findings.length > 0 || this.#isDue();
    this.queue = {
      get isPending() {
        return isPending();
      },
      arrival: (signal) => this.#asking ?? setting.clock.sleep(this.#dueAt - setting.clock.monotonic(), signal),
    };
  }

  restore(stored: unknown): void {
    const of = isObject(stored) ? stored : {};
    this.#seen = new Map(this.setting.questions.map(({ question: { name } }) => [name, seenOf(of[name])]));
    // What a commit failed to carry is found again.
    this.#findings = [];
    this.#dueAt = Number.NEGATIVE_INFINITY;
  }

  beforeCommit(): { state: unknown; ownEvents: readonly NormalisedEvent[] } {
    const state = Object.fromEntries([...this.#seen].map(([name, seen]) => [name, Object.fromEntries(seen)]));
    return { state, ownEvents: this.#findings.splice(0) };
  }

  async run(lane: Lane): Promise<void> {
    if (this.#findings.length > 0) await lane.commitOwnEvents();
    const { organization } = lane.cursor;
    const account = this.setting.accountName ?? organization;
    if (!this.#isDue() || account === undefined) return;
    this.#asking = this.#askAll(lane.name, account, organization).finally(() => {
      this.#asking = undefined;
      this.#dueAt = this.setting.clock.monotonic() + this.setting.intervalMs;
    });
  }

  close(): void {
    this.#closed.abort();
  }

  #isDue(): boolean {
    return this.#asking === undefined && this.setting.clock.monotonic() >= this.#dueAt;
  }

  /** One after the other: each may take the memory of a statement. Never rejects. */
  async #askAll(lane: string, account: string, organization: string | undefined): Promise<void> {
    const { questions, ask, observer, clock } = this.setting;
    for (const asked of questions) {
      const question = asked.question.name;
      const started = clock.monotonic();
      try {
        const rows = await ask(asked, account, this.#closed.signal);
        const found = this.#note(asked, rows, organization);
        const durationMs = clock.monotonic() - started;
        observer({ type: 'questionAnswered', lane, question, rows: rows.length, found, durationMs });
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        observer({ type: 'questionFailed', lane, question, error: asCollectorError(error) });
      }
    }
  }

  /** @returns how many rows are new */
  #note({ question }: AskedQuestion, rows: readonly FoundRow[], organization: string | undefined): number {
    const { feed, accountName, mapper, target, clock } = this.setting;
    const { name, title, answers, technique } = question;
    const seen = this.#seen.get(name) ?? new Map();
    const now = clock.now();
    const about = { feed, organization, accountName, mapper, question: name, title, answers, technique, now };
    const fresh = rows.filter(({ identity }, index) => {
      return !seen.has(identity) && rows.findIndex((other) => other.identity === identity) === index;
    });
    // Made before anything is remembered: a row that cannot become a finding fails the question.
    const findings = fresh.map((row) => questionFindingEvent({ ...about, ...row }, target));
    for (const { identity } of rows) seen.set(identity, now);
    for (const [identity, at] of seen) if (now - at > FORGOTTEN_AFTER_MS) seen.delete(identity);
    this.#seen.set(name, seen);
    this.#findings.push(...findings);
    return findings.length;
  }
}

function seenOf(stored: unknown): Seen {
  if (!isObject(stored)) return new Map();
  return new Map(Object.entries(stored).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
