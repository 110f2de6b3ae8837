import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { byOwnEmail, type Employees } from '../../collector/inventory/employees.js';
import {
  type InventoryOrder,
  type InventoryReport,
  type InventorySettings,
  runInventory,
} from '../../collector/inventory/inventory.js';
import type { InventoryEvent } from '../../collector/inventory/observer.js';
import type { Marker } from '../../collector/inventory/position.js';
import { stageNames } from '../../collector/inventory/stages.js';
import { type Client, type ClientOptions, createClient } from '../../collector/jumpcloud/client.js';
import type { Entity, Sink } from '../../collector/sinks/sink.js';
import type { DirectoryState } from '../../fixtures/tenant/directory/state.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { roleIdsOf } from '../../mappings/inventory/account.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { type VirtualTime, virtualTime } from '../pipeline/virtual-time.js';

/** An inventory of a simulated tenant, on virtual time, into a sink in memory. */
export interface InventoryUnderTest {
  readonly tenant: Tenant;
  readonly directory: DirectoryState;
  readonly sink: MemorySink;
  readonly time: VirtualTime;
  readonly client: Client;
  readonly settings: InventorySettings;
  /** What the inventory told. */
  readonly told: InventoryEvent[];
  employees: Employees;
  /** An hour passes, and one generation is read and delivered. */
  run(order?: Partial<InventoryOrder>, sink?: Sink): Promise<InventoryReport>;
  /** The same, but gives the marker of a run that nothing refused. */
  generation(order?: Partial<InventoryOrder>): Promise<Marker>;
}

/** 250 users, 12 groups, 12 administrators (3 linked, 2 with a user's e-mail, 2 With Billing), 4 applications, 10 roles. */
const smallDirectory = { users: 250, groups: 12, administrators: 12, applications: 4, customRoles: 2 };
const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 28, 9);

export interface UnderTestOptions {
  readonly tenant?: TenantOptions;
  readonly client?: Partial<ClientOptions>;
  readonly settings?: Partial<InventorySettings>;
}

export async function inventoryUnderTest(options: UnderTestOptions = {}): Promise<InventoryUnderTest> {
  const time = virtualTime(START);
  const tenant = await startTenant({
    seed: 11,
    records: 0,
    now: time.world,
    directory: smallDirectory,
    ...options.tenant,
  });
  const { client, settings } = collectorOf(tenant, time, options);
  const sink = new MemorySink();
  const told: InventoryEvent[] = [];
  onTestFinished(() => tenant.close());
  const under: InventoryUnderTest = {
    tenant,
    directory: tenant.directory,
    sink,
    time,
    client,
    settings,
    told,
    employees: byOwnEmail,
    run(order = {}, into = sink) {
      time.pass(HOUR);
      const parts = {
        ask: client.directory as NonNullable<Client['directory']>,
        sink: into,
        clock: time,
        observer: (event: InventoryEvent) => told.push(event),
        employees: under.employees,
      };
      const whole = { stages: stageNames, full: false, dryRun: false, confirmed: new Set<never>(), ...order };
      return runInventory(whole, settings, parts);
    },
    async generation(order) {
      const { marker, refused } = await under.run(order);
      if (refused !== undefined) throw refused;
      return marker;
    },
  };
  return under;
}

/** A client and settings for one organization of a tenant. */
function collectorOf(
  tenant: Tenant,
  time: VirtualTime,
  options: UnderTestOptions = {},
): { client: Client; settings: InventorySettings } {
  const client = createClient({
    baseUrl: tenant.baseUrl,
    secret: { value: tenant.apiKey, where: 'JUMPCLOUD_API_KEY' },
    authorization: 'x-api-key',
    env: {},
    timing: time,
    directoryRequestsPerSecond: 1_000,
    ...options.client,
  });
  const directory = mkdtempSync(join(tmpdir(), 'inventory-'));
  onTestFinished(() => {
    client.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const settings: InventorySettings = {
    feed: 'acme',
    baseUrl: tenant.baseUrl,
    region: 'us',
    organization: options.client?.orgId,
    accountName: 'Acme production',
    directory: join(directory, 'inventory'),
    accountEdges: true,
    names: true,
    mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
    target: ocsfTarget,
    ...options.settings,
  };
  return { client, settings };
}

/** The present state of entities by type and key. */
export function current(entities: readonly Entity[], type: string): Map<string, Record<string, unknown>> {
  const found = new Map<string, Record<string, unknown>>();
  for (const entity of entities) {
    if (entity.type !== type) continue;
    if (entity.value === undefined) found.delete(entity.key);
    else found.set(entity.key, JSON.parse(entity.value) as Record<string, unknown>);
  }
  return found;
}

/** Keys that the directory says should be there, by entity type. */
export function ledgerKeys(directory: DirectoryState): Record<string, Set<string>> {
  const org = directory.organization;
  const of = (kind: 'users' | 'groups' | 'administrators' | 'roles' | 'applications') =>
    new Set(directory.ids(kind).map((id) => `${org}/${id}`));
  const memberships = directory
    .ids('groups')
    .flatMap((group) => [...directory.members(group)].map((user) => `${org}/${group}/${user}`));
  const assignments = directory
    .ids('applications')
    .flatMap((application) => [
      ...directory.targets(application, 'user').map((id) => `${org}/${application}/user/${id}`),
      ...directory.targets(application, 'user_group').map((id) => `${org}/${application}/group/${id}`),
    ]);
  const holders = directory
    .ids('administrators')
    .flatMap((id) => roleIdsOf(directory.get('administrators', id) ?? {}).map((role) => `${org}/${role}/${id}`));
  return {
    organization: new Set([`${org}/${org}`]),
    user: of('users'),
    group: of('groups'),
    administrator: of('administrators'),
    role: of('roles'),
    application: of('applications'),
    membership: new Set(memberships),
    assignment: new Set(assignments),
    role_holder: new Set(holders),
    account_edge: new Set([
      ...directory.ids('users').map((id) => `${org}/${org}/user/${id}`),
      ...directory.ids('groups').map((id) => `${org}/${org}/group/${id}`),
    ]),
  };
}

/** What is delivered of each type now, as keys. */
export function deliveredKeys(entities: readonly Entity[]): Record<string, Set<string>> {
  const types = 'organization user group administrator role application membership assignment role_holder account_edge';
  return Object.fromEntries(types.split(' ').map((type) => [type, new Set(current(entities, type).keys())]));
}
