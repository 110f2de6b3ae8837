import type { EventClassName } from '../../schemas/ocsf-target.js';
import type { StatusRule } from '../event-status.js';

/** What a feed can be asked to collect (`jumpcloud.eventTypes`). */
export type Family = 'login' | 'admin' | 'other';

/** How an activity is found where the event type alone does not tell. */
export type ActivityRule =
  /** 3001: the one activity that `changes[]` decides, else 99; a change of an administrator's role is 3005. */
  | 'by_changes'
  /** 3001: 3 where the account's owner acts, 4 where another does. */
  | 'by_password_owner'
  /** 3006, 3005 or 3004 by what the association connects. */
  | 'by_association'
  /** 3005, or 3006 where a group is what is given the privilege. */
  | 'by_grantee'
  /** 2004: 3 where the new status closes the finding, else 2. */
  | 'by_finding_status';

/** What a mapper needs beyond the class and the activity of an event type. */
export interface RowOptions {
  readonly status?: StatusRule;
  /** 3002: JumpCloud's own service that people log in to. */
  readonly service?: string;
  /** 3002: `auth_protocol_id`, or the source's word for a protocol that OCSF lacks. */
  readonly protocol?: number | string;
  /** 3002: `logon_type_id`. */
  readonly logonType?: number;
  /** 3002: whether such a login always comes over a network. */
  readonly isRemote?: boolean;
  /** 3001: with no `resource` it is the initiator's own account that changes. */
  readonly ownAccount?: boolean;
  /** 3001: the factor that was enrolled or removed. */
  readonly factor?: 'totp';
  /** 3004: what kind of thing is managed; a key of `entityKinds`, or the word for a kind that OCSF lacks. */
  readonly entity?: string;
  /** 3004: the part of JumpCloud that is switched or set, where no thing is named. */
  readonly feature?: string;
  /** 3005, 3006: our word for the privilege, where the record has none. */
  readonly privilege?: string;
  /** 3005, 3006: 1 Assign Privileges or 2 Revoke Privileges. */
  readonly grants?: boolean;
  /** 2004: whether it is an alert that JumpCloud raised for people. */
  readonly isAlert?: boolean;
}

/** One event type: the family that collects it and the OCSF class and activity it becomes. */
export interface CatalogueRow {
  /** As a search asks for it (`ai_admin`; records may say `ai-admin`). */
  readonly service: string;
  /** `*`: every type of the service that has no row of its own. */
  readonly eventType: string;
  readonly family: Family;
  /** False for what JumpCloud sends but no row describes. */
  readonly known: boolean;
  readonly className: EventClassName;
  readonly activity: number | ActivityRule;
  readonly options: RowOptions;
}

/** The part of a row that the event type's name stands before. */
export type RowTarget = Pick<CatalogueRow, 'className' | 'activity' | 'options'>;

export const login = (options: RowOptions): RowTarget => ({ className: 'authentication', activity: 1, options });
export const account = (
  activity: number | 'by_changes' | 'by_password_owner',
  options: RowOptions = {},
): RowTarget => ({
  className: 'account_change',
  activity,
  options,
});
export const entity = (activity: number, kind: string, options: RowOptions = {}): RowTarget => ({
  className: 'entity_management',
  activity,
  options: { entity: kind, ...options },
});
export const group = (activity: number, options: RowOptions = {}): RowTarget => ({
  className: 'group_management',
  activity,
  options,
});
export const association = (): RowTarget => ({
  className: 'group_management',
  activity: 'by_association',
  options: {},
});
export const grant = (grants: boolean, privilege: string): RowTarget => ({
  className: 'user_access',
  activity: 'by_grantee',
  options: { grants, privilege },
});
export const api = (activity: number, options: RowOptions = {}): RowTarget => ({
  className: 'api_activity',
  activity,
  options,
});
export const finding = (activity: number | 'by_finding_status', options: RowOptions = {}): RowTarget => ({
  className: 'detection_finding',
  activity,
  options,
});
export const software = (activity: number): RowTarget => ({
  className: 'application_lifecycle',
  activity,
  options: {},
});
export const base = (): RowTarget => ({ className: 'base_event', activity: 99, options: {} });

/** The rows of one service and family. */
export function rows(service: string, family: Family, table: Readonly<Record<string, RowTarget>>): CatalogueRow[] {
  return Object.entries(table).map(([eventType, target]) => ({
    service,
    eventType,
    family,
    known: eventType !== '*',
    ...target,
  }));
}
