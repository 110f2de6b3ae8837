import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';
import { addInitiator, type OcsfUser, readUser } from './user.js';

/** OCSF `actor`. */
export interface OcsfActor {
  user?: OcsfUser;
  app_name?: string;
  authorizations?: OcsfAuthorization[];
}

/** A conditional access policy and what it decided. */
export interface OcsfAuthorization {
  decision?: string;
  policy?: { name?: string; uid?: string };
}

/** Who initiated the event, and through what (`jumpcloud:scim`); undefined where the record names neither. */
export function readActor(reader: RecordReader): OcsfActor | undefined {
  const { initiator } = reader;
  const user = addInitiator(reader, readUser(reader, initiator));
  const source = reader.text(initiator, 'source');
  if (user === undefined && source === undefined) return undefined;
  const actor: OcsfActor = {};
  if (user !== undefined) actor.user = user;
  if (source !== undefined) actor.app_name = source;
  return actor;
}

/** The policies that were applied, as decisions about the actor. */
export function readAuthorizations(reader: RecordReader): OcsfAuthorization[] {
  const context = reader.object(reader.record, 'auth_context');
  return reader
    .objects(context, 'policies_applied')
    .map((applied) => readAuthorization(reader, applied))
    .filter((authorization) => authorization !== undefined);
}

function readAuthorization(reader: RecordReader, applied: JsonObject): OcsfAuthorization | undefined {
  const decision = reader.text(reader.object(applied, 'metadata'), 'action');
  const uid = reader.text(applied, 'id');
  const name = reader.text(applied, 'name');
  const authorization: OcsfAuthorization = {};
  if (decision !== undefined) authorization.decision = decision;
  if (uid !== undefined || name !== undefined) {
    authorization.policy = {};
    if (name !== undefined) authorization.policy.name = name;
    if (uid !== undefined) authorization.policy.uid = uid;
  }
  return decision === undefined && authorization.policy === undefined ? undefined : authorization;
}
