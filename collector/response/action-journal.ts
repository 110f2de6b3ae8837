import { dirname, join } from 'node:path';
import { CollectorError } from '../errors.js';
import { namesIn } from '../files/durable-file.js';
import type { Journal, JournalLine } from '../files/hash-chained-journal.js';
import type { Refusal } from './guards.js';
import { decodePlan, encodePlan, type Plan, type ResponseAsk } from './plan.js';

/** How an action ended. */
export type Result =
  /** Sent, and found as wanted when read again. */
  | 'verified'
  /** As wanted before anything was sent. */
  | 'no_change'
  /** JumpCloud refused it, and it is not as wanted. */
  | 'failed'
  /** Whether it was done cannot be said. */
  | 'unknown'
  /** A guard refused it at the last moment; nothing was sent. */
  | 'refused';

export interface Outcome {
  readonly result: Result;
  /** RFC 3339 */
  readonly at: string;
  /** One sentence. */
  readonly detail: string;
  /** HTTP status of the answer to the write; undefined: none came, or nothing was sent. */
  readonly status: number | undefined;
  /** Code of the error list, of a failure or a lost answer. */
  readonly code: string | undefined;
  /** The code of the guard that refused. */
  readonly refusal: string | undefined;
  readonly requestId: string | undefined;
  /** How often the target was read to verify it. */
  readonly reads: number;
}

export interface Approval {
  readonly by: string;
  /** RFC 3339 */
  readonly at: string;
  readonly hash: string;
}

/** The journal's name in its directory. */
export const JOURNAL = 'response';

/** One line of the journal of response. */
export type ActionEntry =
  | { readonly type: 'planned'; readonly plan: Plan }
  | { readonly type: 'approved'; readonly actionId: string; readonly approval: Approval }
  /** From here on a request may have left. */
  | { readonly type: 'intent'; readonly actionId: string; readonly at: string; readonly hash: string }
  | { readonly type: 'outcome'; readonly actionId: string; readonly outcome: Outcome }
  /** Refused before there was anything to execute: an approval, an undo, or an ask that became no plan. */
  | {
      readonly type: 'denied';
      readonly actionId: string;
      readonly at: string;
      readonly by: string;
      readonly attempt: 'plan' | 'approve' | 'undo';
      readonly refusal: Refusal;
      /** Of an ask that became no plan. */
      readonly asked?: Asked;
    };

/** What somebody asked for, user and group as they were named. */
export type Asked = Pick<ResponseAsk, 'verb' | 'user' | 'group' | 'reason' | 'ticket' | 'undoes'>;

/** What the journal holds of one action. */
export interface ActionRecord {
  readonly plan: Plan;
  readonly approvals: readonly Approval[];
  /** RFC 3339 of the intent; undefined: nothing was sent. */
  readonly intentAt: string | undefined;
  readonly outcome: Outcome | undefined;
}

export async function append(journal: Journal, entry: ActionEntry): Promise<void> {
  await journal.append(
    entry.type === 'planned'
      ? { type: entry.type, plan: encodePlan(entry.plan) }
      : (JSON.parse(JSON.stringify(entry)) as Record<string, never>),
  );
}

/** The entry of a line. @throws CollectorError STATE_CORRUPT */
export function entryOf({ entry }: Pick<JournalLine, 'entry'>): ActionEntry {
  return entry.type === 'planned'
    ? { type: 'planned', plan: decodePlan(entry.plan) }
    : (entry as unknown as ActionEntry);
}

/** Folds the journal into its actions, by id, oldest first. @throws CollectorError STATE_CORRUPT */
export async function readActions(lines: AsyncIterable<JournalLine>): Promise<Map<string, ActionRecord>> {
  const actions = new Map<string, ActionRecord>();
  for await (const line of lines) applyEntry(actions, entryOf(line));
  return actions;
}

export function applyEntry(actions: Map<string, ActionRecord>, entry: ActionEntry): void {
  if (entry.type === 'planned') {
    const known = actions.get(entry.plan.actionId);
    // A plan may be made again until something was sent; approvals of another hash do not count.
    if (known?.intentAt === undefined)
      actions.set(entry.plan.actionId, {
        plan: entry.plan,
        approvals: known?.approvals ?? [],
        intentAt: undefined,
        outcome: undefined,
      });
    return;
  }
  const known = actions.get(entry.actionId);
  if (known === undefined) return;
  if (entry.type === 'approved')
    actions.set(entry.actionId, { ...known, approvals: [...known.approvals, entry.approval] });
  else if (entry.type === 'intent') actions.set(entry.actionId, { ...known, intentAt: entry.at });
  else if (entry.type === 'outcome') actions.set(entry.actionId, { ...known, outcome: entry.outcome });
}

/**
 * Refuses a journal of before: it lay in one directory for all feeds, and an action that it holds would not be known here.
 * @param directory of one feed's response
 * @throws CollectorError STATE_OUTDATED
 */
export async function refuseEarlierJournal(directory: string): Promise<void> {
  const parent = dirname(directory);
  const earlier = (await namesIn(parent)).find((name) => name.startsWith(`${JOURNAL}-`) && name.endsWith('.ndjson'));
  if (earlier !== undefined)
    throw new CollectorError(
      'STATE_OUTDATED',
      `${join(parent, earlier)} is a journal of response as it was kept before.`,
      {
        cure: `Keep ${parent} as evidence and move its journal away; every feed has a directory of its own now.`,
      },
    );
}

/** Whether response itself disabled this user and nothing has enabled it since. */
export function disabledByUs(actions: ReadonlyMap<string, ActionRecord>, user: string): boolean {
  let disabled = false;
  for (const { plan, outcome } of actions.values()) {
    if (plan.user.id !== user || outcome?.result !== 'verified') continue;
    if (plan.verb === 'disable-user') disabled = true;
    if (plan.verb === 'enable-user') disabled = false;
  }
  return disabled;
}
