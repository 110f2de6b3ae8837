import { classification } from '../../mappings/classification.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonValue } from '../../mappings/json.js';
import { ownEvent, ownMetadata } from '../../mappings/own-event.js';
import { sha256 } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import type { PlacedLine } from '../files/hash-chained-journal.js';
import { mapper } from '../version.js';

/** One line of the audit: who did what from where, and what became of it. */
export interface AuditRecord {
  /** RFC 3339 in UTC. */
  readonly time: string;
  readonly actor: { readonly name: string; readonly role: string; readonly kind: 'session' | 'token' | 'none' };
  /** Names the session; nothing can be done with it. */
  readonly session: string | undefined;
  readonly address: string;
  /** operationId of the route. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  /** What it is about: a feed, a user, a token. */
  readonly target: { readonly type: string; readonly name: string } | undefined;
  readonly status: number;
  /** Error code where it was refused. */
  readonly code: string | undefined;
  readonly request: string;
  /** Of a configuration: secrets as fingerprints. */
  readonly changes: readonly { readonly path: string; readonly from: JsonValue; readonly to: JsonValue }[];
  /** What else is worth knowing: a reason, a statement. */
  readonly details: Readonly<Record<string, JsonValue>>;
}

const LOG_IN = 1;
const LOG_OFF = 2;
const CREATE = 1;
const READ = 2;
const UPDATE = 3;
const DELETE = 4;
const SUCCESS = 1;
const FAILURE = 2;
const ADMIN = 2;
const USER = 1;
const SERVICE = 4;

/**
 * A line of the audit as an OCSF event: Authentication (3002) of logins and logouts, API Activity (6003) of all the rest:
 * operation, request, response and the client's address are first-class there.
 * @param installation distinguishes consoles whose events reach one destination
 */
export function activityEvent(
  { number, entry, position }: Pick<PlacedLine, 'number' | 'entry'> & { readonly position: { readonly hash: string } },
  installation: string,
): NormalisedEvent {
  const record = entry as unknown as AuditRecord;
  const isLogin = record.operation === 'login' || record.operation === 'logout';
  const name = isLogin ? 'authentication' : 'api_activity';
  const definition = ocsfTarget.classes[name];
  const activity = isLogin ? (record.operation === 'login' ? LOG_IN : LOG_OFF) : activityOf(record);
  const succeeded = record.status < 400;
  const status = succeeded ? SUCCESS : FAILURE;
  const severity = succeeded ? 1 : 2;
  const time = Date.parse(record.time);
  const code = `console.${record.operation}`;
  const kind = record.actor.kind === 'token' ? SERVICE : record.actor.role === 'admin' ? ADMIN : USER;
  const user = { name: record.actor.name, type_id: kind, type: ocsfTarget.captions.userType[kind] };
  const endpoint = { ip: record.address };
  const session = record.session === undefined ? {} : { session: { uid: record.session } };
  const service = { name: 'jumpcloud-ocsf console', uid: installation };
  const event = {
    ...classification(definition, activity),
    severity_id: severity,
    severity: ocsfTarget.captions.severity[severity],
    status_id: status,
    status: definition.statuses[status],
    status_code: String(record.status),
    ...(record.code === undefined ? {} : { status_detail: record.code }),
    time,
    timezone_offset: 0,
    message: sentence(record),
    src_endpoint: endpoint,
    metadata: {
      ...ownMetadata(mapper, ocsfTarget, 'console'),
      // Of the line's hash: the same however often it is made, and another in another audit.
      uid: sha256(`console activity\n${installation}\n${position.hash}`).slice(0, 32),
      event_code: code,
      original_time: record.time,
      original_event_uid: String(number),
      correlation_uid: record.request,
    },
    unmapped: {
      role: record.actor.role,
      ...(record.changes.length === 0 ? {} : { changes: record.changes }),
      ...record.details,
    },
    ...(isLogin
      ? {
          user,
          actor: { user },
          service,
          auth_protocol_id: 99,
          auth_protocol: 'Password or one-time link',
          is_remote: true,
          ...session,
        }
      : {
          actor: { user, ...session },
          api: {
            operation: record.operation,
            service,
            request: { uid: record.request },
            response: { code: record.status, ...(record.code === undefined ? {} : { error: record.code }) },
          },
          http_request: { http_method: record.method, url: { path: record.path } },
          ...(record.target === undefined
            ? {}
            : { resources: [{ uid: record.target.name, name: record.target.name, type: record.target.type }] }),
        }),
  };
  return ownEvent(name, event, record.actor.name, ocsfTarget);
}

function activityOf({ operation, method }: AuditRecord): number {
  if (operation === 'query' || operation.startsWith('test')) return READ;
  if (method === 'DELETE') return DELETE;
  return /^(create|invite|backfill|repair|replay|plan|undo)/.test(operation) ? CREATE : UPDATE;
}

function sentence({ actor, operation, target, status }: AuditRecord): string {
  const what = `${operation}${target === undefined ? '' : ` of ${target.type} ${target.name}`}`;
  return `${actor.name} ${status < 400 ? 'did' : 'was refused'} ${what} in the console (${status})`;
}
