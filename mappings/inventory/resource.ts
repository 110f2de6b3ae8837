import { isObject, type JsonObject, type JsonValue } from '../json.js';
import { type Described, type InventoryKind, type InventoryObject, nameOf, type SnapshotContext } from './object.js';

/** What OCSF's `resources[].type` says of each kind that is not an account. */
const resourceTypes: Readonly<Partial<Record<InventoryKind, string>>> = {
  organization: 'Organization',
  group: 'User Group',
  application: 'SSO Application',
  role: 'Administrator Role',
};

/** Fields that say more than name and id, by kind. */
const dataFields: Readonly<Partial<Record<InventoryKind, readonly string[]>>> = {
  group: ['membershipMethod', 'attributes'],
  application: ['name', 'sso', 'ssoUrl', 'active'],
  role: ['isCustom', 'scopes', 'description'],
};

/** Organization, group, application or role: 5023 Cloud Resources Inventory Info. */
export function describeResource(object: InventoryObject, context: SnapshotContext): Described {
  const { kind, id, fields } = object;
  const { organization, region } = context;
  const name = nameOf(object);
  const created = Date.parse(typeof fields.created === 'string' ? fields.created : '');
  const data = dataOf(kind, fields);
  const method = typeof fields.membershipMethod === 'string' ? fields.membershipMethod : undefined;
  const description =
    typeof fields.description === 'string' && fields.description !== '' ? fields.description : undefined;
  const resource: JsonObject = {
    uid: id,
    name,
    type: resourceTypes[kind] ?? kind,
    ...(created > Date.UTC(2000, 0, 1) ? { created_time: created } : {}),
    ...(kind === 'group'
      ? { group: { uid: id, name, type: 'user_group', ...(description === undefined ? {} : { desc: description }) } }
      : {}),
    ...(method === undefined ? {} : { labels: [`membership:${method}`] }),
    ...(data === undefined ? {} : { data }),
  };
  const org: JsonObject = {
    uid: organization.id,
    ...(organization.name === undefined ? {} : { name: organization.name }),
  };
  return {
    className: 'cloud_resources_inventory_info',
    message: `${messageOf(kind, name, fields)} is in the directory`,
    attributes: {
      ...(region === undefined ? {} : { region }),
      cloud: {
        provider: 'JumpCloud',
        org,
        ...(region === undefined ? {} : { region }),
      },
      idp: { uid: organization.id, name: 'JumpCloud', tenant_uid: organization.id },
      resources: [resource],
      observables: [
        { name: 'resources[0].uid', type_id: 10, type: 'Resource UID', value: id },
        ...(kind === 'group'
          ? [{ name: 'resources[0].group.uid', type_id: 33, type: 'Group Object: uid', value: id }]
          : []),
      ],
    },
  };
}

function messageOf(kind: InventoryKind, name: string, fields: JsonObject): string {
  switch (kind) {
    case 'group':
      return `User group ${name}`;
    case 'role':
      return `Administrator role ${name}${fields.isCustom === true ? ' (custom)' : ''}`;
    case 'application': {
      const type = isObject(fields.sso) ? fields.sso.type : undefined;
      return `Application ${name}${typeof type === 'string' ? ` (${type})` : ''}`;
    }
    default:
      return `Organization ${name}`;
  }
}

function dataOf(kind: InventoryKind, fields: JsonObject): JsonObject | undefined {
  const entries = (dataFields[kind] ?? [])
    .map((field): [string, JsonValue | undefined] => [field, fields[field]])
    .filter(([, value]) => value !== undefined && value !== null && value !== '');
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as JsonObject);
}
