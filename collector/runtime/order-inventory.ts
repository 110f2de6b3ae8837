import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { type InventoryOrder, type InventoryReport, runInventory } from '../inventory/inventory.js';
import { type InventoryPosition, type Marker, positionOf } from '../inventory/position.js';
import { withParents } from '../inventory/schedule.js';
import type { StageName } from '../inventory/stages.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { logInventory } from '../monitoring/inventory-log.js';
import { clientLogger } from '../monitoring/log-observer.js';
import { INVENTORY_LANE } from '../position/lane-name.js';
import { clientOf } from './assemble.js';
import { assembleInventory } from './assemble-inventory.js';
import { openSink } from './open-sink.js';

/*
 * What a person asks of a feed's inventory, by a command or in the console, besides what the running feed does on schedule.
 */

/** How far the inventory of a feed was delivered; undefined: nothing was yet. */
export async function inventoryPosition(config: FeedConfig, log: Log): Promise<InventoryPosition | undefined> {
  const sink = await openSink(config, log, systemTiming);
  try {
    return positionOf(await sink.peek(INVENTORY_LANE));
  } finally {
    await sink.close();
  }
}

/**
 * The order that releases the removals that the last generation holds: their stages are read once more, and what is still
 * gone is removed. Undefined: none are held.
 * @throws CollectorError USAGE where the last generation is another
 */
export function releaseOrder(marker: Marker | undefined, generation: number): InventoryOrder | undefined {
  if (marker?.generation !== generation)
    throw new CollectorError('USAGE', `The last generation is ${marker?.generation ?? 'none'}, not ${generation}.`, {
      cure: 'Look at `inventory status` again: what it shows may have changed.',
    });
  const held = marker.stages.filter((stage) => (stage.held ?? 0) > 0).map(({ stage }) => stage as StageName);
  if (held.length === 0) return undefined;
  return { stages: withParents(held), full: false, dryRun: false, confirmed: new Set(held) };
}

/** Reads the directory once, and delivers what changed. @throws CollectorError LANE_IN_USE while another reading delivers */
export async function orderInventory(
  config: FeedConfig,
  log: Log,
  order: InventoryOrder,
  signal: AbortSignal,
): Promise<InventoryReport> {
  const sink = await openSink(config, log, systemTiming);
  const client = clientOf(config, clientLogger(log), systemTiming);
  try {
    const { settings, parts } = assembleInventory(config, client, sink, systemTiming, logInventory(log));
    return await runInventory(order, settings, parts, signal);
  } finally {
    client.close();
    await sink.close();
  }
}
