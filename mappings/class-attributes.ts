import type { EventClassName } from '../schemas/ocsf-target.js';
import type { OcsfActor } from './actor.js';
import type { OcsfAuthFactor } from './auth-factors.js';
import type { OcsfDevice } from './device.js';
import type { OcsfEndpoint } from './endpoint.js';
import type { EventStatus } from './event-status.js';
import type { JsonValue } from './json.js';
import type { ActionPhrase } from './phrase.js';
import type { OcsfUser } from './user.js';

/** OCSF objects that name a thing: `group`, `resource_details`, `managed_entity`, `service`. */
export interface OcsfNamed {
  uid?: string;
  name?: string;
  type?: string;
  type_id?: number;
  /** `resource_details`: the part that it plays. */
  role_id?: number;
  role?: string;
  /** `managed_entity`: whose account it is. */
  user?: OcsfUser;
}

/** The attributes that a class's mapper fills; those of every class are added by `buildEvent`. */
export interface ClassAttributes {
  access_list?: string[];
  actor?: OcsfActor;
  api?: { operation: string; service?: OcsfNamed };
  app?: { name: string; version?: string; path?: string; vendor_name?: string };
  auth_factors?: OcsfAuthFactor[];
  auth_protocol_id?: number;
  auth_protocol?: string;
  device?: OcsfDevice;
  dst_endpoint?: OcsfEndpoint;
  entity?: OcsfNamed;
  evidences?: { user?: OcsfUser; src_endpoint?: OcsfEndpoint; data?: JsonValue }[];
  finding_info?: { uid: string; title?: string; desc?: string; types?: string[] };
  group?: OcsfNamed;
  http_request?: { user_agent: string };
  is_alert?: boolean;
  is_cleartext?: boolean;
  is_mfa?: boolean;
  is_remote?: boolean;
  logon_type_id?: number;
  logon_type?: string;
  privileges?: string[];
  resource?: OcsfNamed;
  risk_level_id?: number;
  risk_level?: string;
  resources?: OcsfNamed[];
  service?: OcsfNamed;
  session?: { uid: string };
  src_endpoint?: OcsfEndpoint;
  subgroup?: OcsfNamed;
  user?: OcsfUser;
  user_result?: OcsfUser;
}

/** What a class's mapper makes of a record. */
export interface ClassMapping {
  readonly className: EventClassName;
  readonly activityId: number;
  /** The source's own word for activity 99, where it is another than the event type. */
  readonly activityName?: string;
  readonly status: EventStatus;
  readonly attributes: ClassAttributes;
  /** For `message`: the action with its object, done (`locked …`) and tried (`lock …`). */
  readonly action: ActionPhrase;
  /** For `message`, where the event has no actor. */
  readonly actorName?: string;
}
