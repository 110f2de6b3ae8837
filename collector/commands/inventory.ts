import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { exitCodes } from '../errors.js';
import { put } from '../files/put.js';
import type { InventoryOrder } from '../inventory/inventory.js';
import type { Marker } from '../inventory/position.js';
import { withParents } from '../inventory/schedule.js';
import { type StageName, stageNames } from '../inventory/stages.js';
import type { Log } from '../log/logger.js';
import { printable, printableJson } from '../log/printable.js';
import { inventoryPosition, orderInventory, releaseOrder } from '../runtime/order-inventory.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { listenForStop } from './shutdown.js';

interface CommonFlags extends Flags {
  readonly feed?: string | undefined;
  readonly json: boolean;
}

/** `inventory run`. @returns exit code 75 where a stage is incomplete, 79 where removals are held */
export async function runInventoryVerb(
  flags: CommonFlags & { stages?: readonly StageName[] | undefined; full: boolean; dryRun: boolean },
): Promise<number> {
  const { stages, full, dryRun } = flags;
  return withInventory(flags, (config, log, signal) => {
    const chosenStages = stages === undefined ? stageNames : withParents(stages);
    return runOnce(config, log, { stages: chosenStages, full, dryRun, confirmed: new Set() }, flags.json, signal);
  });
}

/** `inventory status`. @returns exit code 79 where removals are held */
export async function inventoryStatus(flags: CommonFlags): Promise<number> {
  return withInventory(flags, async (config, log) => {
    const marker = (await inventoryPosition(config, log))?.marker;
    if (marker === undefined) {
      await put(process.stdout, flags.json ? 'null\n' : `${config.name}: no inventory was delivered yet\n`);
      return exitCodes.done;
    }
    await print(config, marker, flags.json);
    return marker.removals_held > 0 ? exitCodes.difference : exitCodes.done;
  });
}

/** `inventory confirm-removals`: the stages whose removals are held are read once more, and what is still gone is removed. */
export async function confirmRemovals(flags: CommonFlags & { generation: number }): Promise<number> {
  return withInventory(flags, async (config, log, signal) => {
    const order = releaseOrder((await inventoryPosition(config, log))?.marker, flags.generation);
    if (order === undefined) {
      await put(process.stdout, flags.json ? 'null\n' : `${config.name}: no removals are held\n`);
      return exitCodes.done;
    }
    return runOnce(config, log, order, flags.json, signal);
  });
}

async function withInventory(
  flags: CommonFlags,
  action: (config: FeedConfig, log: Log, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const { config, log } = setUp(flags);
  const stopping = listenForStop(log, config.shared.shutdown.graceMs);
  try {
    const feed = chosen(config.feeds, flags.feed);
    return await action(feed, log.child({ feed: feed.name }), stopping.signal);
  } finally {
    stopping.release();
    await log.close();
  }
}

async function runOnce(
  config: FeedConfig,
  log: Log,
  order: InventoryOrder,
  json: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { marker, refused } = await orderInventory(config, log, order, signal);
  await print(config, marker, json);
  if (refused !== undefined) throw refused;
  if (marker.removals_held > 0) return exitCodes.difference;
  const isIncomplete = marker.stages.some(({ complete, generation }) => !complete && generation === undefined);
  return isIncomplete ? exitCodes.tryAgain : exitCodes.done;
}

async function print({ name }: FeedConfig, marker: Marker, json: boolean): Promise<void> {
  if (json) {
    await put(process.stdout, `${printableJson(JSON.stringify({ feed: name, ...marker }))}\n`);
    return;
  }
  const lines = marker.stages.map(({ stage, complete, reason, count, changed, gone, held = 0, generation }) =>
    [
      `  ${stage.padEnd(16)}${String(count).padStart(9)} known`,
      `${String(changed).padStart(8)} changed`,
      `${String(gone).padStart(8)} gone`,
      generation === undefined ? '' : `read by generation ${generation}`,
      held > 0 ? `${held} removals held` : '',
      complete ? '' : `incomplete: ${reason}`,
    ]
      .filter((part) => part !== '')
      .join('  '),
  );
  const head = `${name}: generation ${marker.generation}, ${new Date(marker.started).toISOString()}${marker.full ? ', full' : ''}`;
  const foot =
    marker.removals_held > 0
      ? [
          `To remove what is still gone after another reading: inventory confirm-removals --generation ${marker.generation}`,
        ]
      : [];
  for (const line of [head, ...lines, ...foot]) await put(process.stdout, `${printable(line)}\n`);
}
