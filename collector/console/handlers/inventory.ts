import type { FeedConfig } from '../../config/feed-config.js';
import type { InventoryOrder } from '../../inventory/inventory.js';
import { stageNames } from '../../inventory/stages.js';
import type { RootLog } from '../../log/logger.js';
import { degradedBy, InventoryStatus } from '../../monitoring/status/inventory-status.js';
import { inventoryPosition, orderInventory, releaseOrder } from '../../runtime/order-inventory.js';
import type { SupervisedFeed, Supervisor } from '../../runtime/supervisor.js';
import type { Job } from '../answers.js';
import { type Answer, type Asked, type Handlers, nameOf } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { refused } from '../problem.js';
import { noFeed } from './feeds.js';

export interface InventoryHandlerParts {
  readonly supervisor: Supervisor;
  readonly jobs: Jobs;
  readonly log: RootLog;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type InventoryOperation = 'feedInventory' | 'runInventory' | 'confirmRemovals';

export function inventoryHandlers(parts: InventoryHandlerParts): Pick<Handlers, InventoryOperation> {
  const { supervisor, jobs, now } = parts;
  const find = (asked: Asked): { readonly feed: SupervisedFeed; readonly config: FeedConfig } => {
    const name = asked.parameters.name!;
    asked.audit.target = { type: 'feed', name };
    const feed = supervisor.find(name);
    if (feed === undefined) throw noFeed();
    if (feed.configured === null) throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
    return { feed, config: feed.configured.config };
  };
  const logOf = ({ name }: FeedConfig) => parts.log.child({ feed: name });
  const start = (asked: Asked, config: FeedConfig, order: InventoryOrder): Answer<Job> => {
    const job = jobs.start(
      { kind: 'inventory', feed: config.name, by: nameOf(asked), message: 'reading the directory' },
      async (report, signal) => {
        const { marker, refused: failure } = await orderInventory(config, logOf(config), order, signal);
        if (failure !== undefined) throw failure;
        const changed = marker.stages.reduce((sum, stage) => sum + stage.changed + stage.gone, 0);
        const notes = degradedBy(marker, null);
        report({
          message: `generation ${marker.generation}: ${changed} changes delivered${notes === null ? '' : `; ${notes}`}`,
        });
      },
    );
    asked.audit.details.job = job.id;
    return { status: 202, json: job };
  };
  return {
    async feedInventory(asked) {
      const { feed, config } = find(asked);
      // What others delivered since, too: the running feed looks only when it reads.
      const status = new InventoryStatus(now);
      const position = await inventoryPosition(config, logOf(config));
      if (position !== undefined) status.observe({ type: 'position', position });
      const stored = status.view(config.inventory.intervalMs);
      const live = feed.view?.inventory;
      if (stored === null || live === null || live === undefined) return { json: { view: stored } };
      const { state, reading, nextAt, failure } = live;
      const degraded = degradedBy(position?.marker, failure);
      return { json: { view: { ...stored, state, reading, nextAt, failure, degraded } } };
    },
    async runInventory(asked) {
      const { config } = find(asked);
      return start(asked, config, { stages: stageNames, full: false, dryRun: false, confirmed: new Set() });
    },
    async confirmRemovals(asked) {
      const { config } = find(asked);
      const { generation } = asked.body;
      asked.audit.details.generation = generation;
      const order = releaseOrder((await inventoryPosition(config, logOf(config)))?.marker, generation);
      if (order === undefined)
        throw refused(409, 'NOTHING_HELD', 'No removals are held.', 'Look at the inventory again.');
      return start(asked, config, order);
    },
  };
}
