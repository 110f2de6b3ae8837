import type { CollectDependencies } from '../pipeline/collect.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import type { IdleTask } from '../pipeline/idle-task.js';
import { LedgerExtension } from './hourly-tally.js';
import type { ReconcileObserver } from './observer.js';
import { type ReconcileSettings, ReconcileState } from './reconcile-state.js';
import { Reconciler } from './scheduled-pass.js';

/**
 * What comparing with JumpCloud's count adds to a live lane. The tally is kept in any case, so that a comparison can
 * begin at once when it is turned on.
 * @param reconcile undefined: nothing is compared
 */
export function reconciliation(
  reconcile: ReconcileSettings | undefined,
  settings: FeedSettings,
  parts: CollectDependencies,
  observer: ReconcileObserver,
): { readonly extensions: readonly CommitExtension[]; readonly idleTasks: readonly IdleTask[] } {
  const tally = new LedgerExtension();
  if (reconcile === undefined) return { extensions: [tally], idleTasks: [] };
  const state = new ReconcileState(reconcile, settings.services);
  const reconciler = new Reconciler(reconcile, { settings, parts, observer, state, tally });
  return { extensions: [tally, state], idleTasks: [reconciler] };
}
