import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { byOwnEmail, type Employees, readEmployees } from '../inventory/employees.js';
import type { InventoryParts, InventorySettings } from '../inventory/inventory.js';
import type { InventoryObserver } from '../inventory/observer.js';
import type { Client } from '../jumpcloud/client.js';
import type { Sink } from '../sinks/sink.js';
import { mapper } from '../version.js';
import { taggedAccount } from './tagged-account.js';

/** Where a feed's inventory keeps what it knows. */
export function inventoryDirectory({ inventory, name }: FeedConfig): string {
  return join(inventory.directory, name);
}

/** A feed's inventory, ready to run. */
export interface AssembledInventory {
  readonly settings: InventorySettings;
  readonly parts: InventoryParts;
}

/**
 * Assembles a feed's inventory. The list of employees is read now, so that each run sees its present content.
 * @throws CollectorError CONFIG_INVALID or CONFIG_UNREADABLE
 */
export function assembleInventory(
  config: FeedConfig,
  client: Pick<Client, 'directory'>,
  sink: Sink,
  clock: Clock,
  observer: InventoryObserver,
): AssembledInventory {
  const { account, inventory, jumpcloud, name } = config;
  const { directory: ask } = client;
  if (ask === undefined)
    throw new CollectorError('CONFIG_INVALID', 'No console belongs to jumpcloud.baseUrl.', {
      cure: 'Set jumpcloud.region.',
    });
  if (!sink.carriesEntities)
    throw new CollectorError('SINK_REFUSED', `The sink ${sink.kind} carries no entities.`, {
      cure: 'Deliver inventory to a sink that carries entities: tables, kafka or stdout.',
    });
  return {
    settings: {
      feed: name,
      baseUrl: jumpcloud.endpoints.baseUrl,
      region: jumpcloud.endpoints.region,
      organization: jumpcloud.orgId,
      accountName: taggedAccount(account),
      directory: inventoryDirectory(config),
      accountEdges: inventory.accountEdges,
      names: inventory.enrich && inventory.directoryLasts,
      mapper,
      target: ocsfTarget,
    },
    parts: { ask, sink, clock, observer, employees: employeesOf(inventory.employees) },
  };
}

function employeesOf(file: string | undefined): Employees {
  if (file === undefined) return byOwnEmail;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CollectorError('CONFIG_UNREADABLE', `The list of employees ${file} cannot be read.`, {
      cure: 'Check the path of inventory.employees and that this user may read it.',
      cause: error,
    });
  }
  return readEmployees(text, file);
}
