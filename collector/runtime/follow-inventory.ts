import type { FeedConfig } from '../config/feed-config.js';
import { runInventory } from '../inventory/inventory.js';
import type { InventoryObserver } from '../inventory/observer.js';
import { ReadingSlots } from '../inventory/reading-slots.js';
import { runInventoryService, watchInventory } from '../inventory/service.js';
import type { Client } from '../jumpcloud/client.js';
import type { Timing } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import type { Sink } from '../sinks/sink.js';
import { assembleInventory } from './assemble-inventory.js';
import { openSink } from './open-sink.js';

/** Of this process. */
const slots = new ReadingSlots();

/**
 * Reads a running feed's directory whenever it is due, until the signal aborts; where it is DISABLED, looks up what others
 * delivered. Never rejects.
 */
export async function followInventory(
  config: FeedConfig,
  client: Client,
  live: Pick<Sink, 'peek'>,
  log: Log,
  timing: Timing,
  observer: InventoryObserver,
  signal: AbortSignal,
): Promise<void> {
  const { intervalMs: interval, membershipsIntervalMs, fullIntervalMs } = config.inventory;
  if (interval === undefined) return watchInventory(live, { clock: timing, observer }, signal);
  const schedule = { interval, membershipsInterval: membershipsIntervalMs, fullInterval: fullIntervalMs };
  const open = async () => {
    // A sink of its own: a lane's commits wait for nobody else's.
    const sink = await openSink(config, log, timing);
    const { settings, parts } = assembleInventory(config, client, sink, timing, observer);
    return {
      sink,
      run: (order: Parameters<typeof runInventory>[0], until: AbortSignal) =>
        runInventory(order, settings, parts, until),
      close: () => sink.close(),
    };
  };
  await runInventoryService(schedule, { clock: timing, observer, slots, open }, signal);
}
