import type { InventoryKind } from '../../mappings/inventory/object.js';
import type { DirectoryList } from '../jumpcloud/directory/list.js';
import {
  administratorFields,
  applicationFields,
  groupFields,
  organizationFields,
  type Projection,
  requestedFields,
  roleFields,
  userFields,
} from '../jumpcloud/directory/projection.js';
import type { TargetType } from './entry.js';

/** What a snapshot reads, in order: those that others hang on come first. */
export const stageNames = [
  'organization',
  'administrators',
  'roles',
  'users',
  'groups',
  'applications',
  'memberships',
  'assignments',
] as const;
export type StageName = (typeof stageNames)[number];

/** What follows from the stages that were read, in the order of delivery. */
export const derivedNames = ['role_holders', 'people', 'account_edges'] as const;
export type DerivedName = (typeof derivedNames)[number];
export type DeliveredName = StageName | DerivedName;

/** A stage whose rows are objects. */
export interface ObjectStage {
  readonly name: StageName;
  readonly kind: InventoryKind;
  readonly list: DirectoryList;
  readonly projection: Projection;
  /** Named where JumpCloud refuses the list. */
  readonly scope: string;
  /** GET of one object: 404 says that it is gone. Undefined where JumpCloud documents no such route. */
  readonly one?: (id: string) => string;
}

const v1 = (projection: Projection) => ({ sort: '_id', fields: requestedFields(projection).join(' ') });

export const objectStages: readonly ObjectStage[] = [
  {
    name: 'organization',
    kind: 'organization',
    list: { path: '/api/organizations', form: 'results', withoutOrganization: true },
    projection: organizationFields,
    scope: 'organizations.readonly',
  },
  {
    name: 'administrators',
    kind: 'administrator',
    list: { path: '/api/users', form: 'results', query: v1(administratorFields) },
    projection: administratorFields,
    scope: 'administrators.readonly',
  },
  {
    name: 'roles',
    kind: 'role',
    list: { path: '/api/v2/roles', form: 'results' },
    projection: roleFields,
    scope: 'roles.readonly',
  },
  {
    name: 'users',
    kind: 'user',
    list: { path: '/api/systemusers', form: 'results', query: v1(userFields) },
    projection: userFields,
    scope: 'users.readonly',
    one: (id) => `/api/systemusers/${id}`,
  },
  {
    name: 'groups',
    kind: 'group',
    list: {
      path: '/api/v2/usergroups',
      form: 'array',
      query: { sort: 'id', fields: requestedFields(groupFields).join(',') },
    },
    projection: groupFields,
    scope: 'groups.readonly',
    one: (id) => `/api/v2/usergroups/${id}`,
  },
  {
    name: 'applications',
    kind: 'application',
    list: { path: '/api/applications', form: 'results', query: v1(applicationFields) },
    projection: applicationFields,
    scope: 'applications.readonly',
  },
];

/** A stage whose rows are edges: per parent one list for each type of target. */
export interface EdgeStage {
  readonly name: StageName;
  /** The stage whose objects are the parents. */
  readonly parents: StageName;
  readonly targets: readonly TargetType[];
  readonly list: (parent: string, target: TargetType) => DirectoryList;
  /** GET of the parent, to distinguish a list that is gone from one that cannot be read. */
  readonly parent: ((id: string) => string) | undefined;
  readonly scope: string;
}

export const edgeStages: readonly EdgeStage[] = [
  {
    name: 'memberships',
    parents: 'groups',
    targets: ['user'],
    list: (group) => ({ path: `/api/v2/usergroups/${group}/members`, form: 'array' }),
    parent: (group) => `/api/v2/usergroups/${group}`,
    scope: 'users.readonly',
  },
  {
    name: 'assignments',
    parents: 'applications',
    targets: ['user', 'user_group'],
    list: (application, targets) => ({
      path: `/api/v2/applications/${application}/associations`,
      form: 'array',
      query: { targets },
    }),
    parent: undefined,
    scope: 'associations.readonly',
  },
];
