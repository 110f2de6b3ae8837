import type { ClassName } from '../../schemas/ocsf-target.js';
import type { JsonObject } from '../json.js';

/** What kind of object of a directory this is. */
export type InventoryKind = 'organization' | 'administrator' | 'role' | 'user' | 'group' | 'application';

/** One object of a directory as it was read, projected to what may be passed on. */
export interface InventoryObject {
  readonly kind: InventoryKind;
  readonly id: string;
  readonly fields: JsonObject;
}

/** What an inventory event says of its snapshot. Times are epoch milliseconds. */
export interface SnapshotContext {
  readonly feed: string;
  readonly organization: { readonly id: string; readonly name: string | undefined };
  /** Tag on everything; undefined: none is configured. */
  readonly accountName: string | undefined;
  readonly region: string | undefined;
  readonly generation: number;
  readonly snapshotId: string;
  /** When the object was read. */
  readonly observedAt: number;
  readonly mapper: { readonly name: string; readonly version: string };
}

/** The list of the API that a kind comes from, as it stands in `metadata`. */
export const sourceOf: Readonly<Record<InventoryKind, string>> = {
  organization: 'organizations',
  administrator: 'users',
  role: 'roles',
  user: 'systemusers',
  group: 'usergroups',
  application: 'applications',
};

/** What a class says of an object besides what all inventory events have. */
export interface Described {
  readonly className: ClassName;
  readonly message: string;
  readonly attributes: JsonObject;
  readonly unmapped?: JsonObject;
}

/** What people call an object; its id where it has no name. */
export function nameOf({ kind, id, fields }: InventoryObject): string {
  const candidates =
    kind === 'user'
      ? [fields.username, fields.email]
      : kind === 'administrator'
        ? [fields.email]
        : [fields.displayLabel, fields.displayName, fields.name];
  return (candidates.find((name) => typeof name === 'string' && name.trim() !== '') as string | undefined) ?? id;
}
