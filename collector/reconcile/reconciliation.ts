import { UNDOCUMENTED } from '../../mappings/catalogue/index-by-type.js';
import type { CollectDependencies } from '../pipeline/collect.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import type { IdleTask } from '../pipeline/idle-task.js';
import { LedgerExtension } from './hourly-ledger.js';
import type { ReconcileObserver } from './observer.js';
import { type ReconcileSettings, ReconcileState } from './reconcile-state.js';
import { Reconciler } from './scheduled-pass.js';
import { UnaskedServicesLook } from './unasked-services.js';

/**
 * What comparing with JumpCloud's count adds to a live lane, and the look for services that are not asked for. The hourly ledger is kept in any case, so that a comparison can
 * begin at once when it is turned on.
 * @param reconcile undefined: nothing is compared
 */
export function reconciliation(
  reconcile: ReconcileSettings | undefined,
  settings: FeedSettings,
  parts: CollectDependencies,
  observer: ReconcileObserver,
): { readonly extensions: readonly CommitExtension[]; readonly idleTasks: readonly IdleTask[] } {
  const hourly = new LedgerExtension();
  // Whoever asks for everything has nothing to look for.
  const asksAll = settings.services.some((service) => service === UNDOCUMENTED || service === 'all');
  const looks = asksAll ? [] : [new UnaskedServicesLook(parts, observer)];
  if (reconcile === undefined) return { extensions: [hourly, ...looks], idleTasks: looks };
  const state = new ReconcileState(reconcile, settings.services);
  const reconciler = new Reconciler(reconcile, { settings, parts, observer, state, hourly });
  return { extensions: [hourly, state, ...looks], idleTasks: [reconciler, ...looks] };
}
