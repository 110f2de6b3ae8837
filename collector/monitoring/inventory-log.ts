import { namesUnreadableCure } from '../inventory/names.js';
import type { InventoryObserver } from '../inventory/observer.js';
import type { Log } from '../log/logger.js';

/** Logs the events of an inventory. */
export function logInventory(log: Log): InventoryObserver {
  return (event) => {
    switch (event.type) {
      case 'started':
        log.info(`inventory: reading generation ${event.generation}`, {
          stages: event.stages.join(' '),
          full: event.full,
        });
        break;
      case 'read':
        if (event.incomplete !== undefined)
          log.warn(`inventory: ${event.stage} is incomplete, nothing of it is removed: ${event.incomplete}`);
        log.debug(`inventory: read ${event.stage}`, { ids: event.ids, requests: event.requests, nulls: event.nulls });
        break;
      case 'held':
        log.warn(`inventory: ${event.held} removals of ${event.stage} are held: ${event.reason ?? 'unknown'}`);
        break;
      case 'delivered':
        if (event.upserts + event.gone > 0)
          log.info(`inventory: delivered ${event.stage}`, {
            changed: event.upserts,
            gone: event.gone,
            known: event.known,
          });
        break;
      case 'resumed':
        log.info(`inventory: delivering generation ${event.generation}, which was interrupted, to its end`);
        break;
      case 'rebuilt':
        log.warn(`inventory: what was known locally was lost and was read back from the sink`, {
          records: event.records,
        });
        break;
      case 'finished':
        log.info(`inventory: generation ${event.marker.generation} is delivered`, {
          incomplete: event.marker.incomplete.join(' '),
          held: event.marker.removals_held,
          ms: event.durationMs,
        });
        break;
      case 'failed':
        log.warn(`inventory: ${event.error.message} ${event.error.cure}`, { code: event.error.code });
        break;
      case 'names_not_kept':
        log.warn(`inventory: the names of the directory are not kept: ${event.reason}`, { cure: namesUnreadableCure });
        break;
      case 'position':
      case 'waiting':
        break;
      default:
        event satisfies never;
    }
  };
}

/** Logs why names of the directory cannot be looked up. */
export function logUnreadableNames(log: Log): (reason: string) => void {
  return (reason) => log.warn(`names of the directory: ${reason}`, { cure: namesUnreadableCure });
}

/** One observer that reports to all of them, in order. */
export function combineInventoryObservers(observers: readonly InventoryObserver[]): InventoryObserver {
  return (event) => {
    for (const observer of observers) observer(event);
  };
}
