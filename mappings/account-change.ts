import { readActor } from './actor.js';
import { factorNamed } from './auth-factors.js';
import type { CatalogueRow } from './catalogue/row.js';
import { type Change, decideActivity, readChanges, readRoleChange, readUserResult } from './changes.js';
import type { ActionPhrase, ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { readStatus } from './event-status.js';
import type { RecordReader } from './record-reader.js';
import { addName, displayNameOf, isPerson, type OcsfUser, readUser, samePerson } from './user.js';
import { accessChange } from './user-access-management.js';

const PASSWORD_CHANGE = 3;
const PASSWORD_RESET = 4;
const OTHER = 99;

/**
 * Changes of accounts (3001): `user` is whose account changes, `actor` who changed it. A change of nothing but an
 * administrator's role is User Access Management (3005). Undefined where the record does not say whose account it is.
 */
export function mapAccountChange(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const bySystem = isSystemInitiated(reader, row);
  const actor = bySystem ? undefined : readActor(reader);
  const user = readTarget(reader, row) ?? (row.options.ownAccount === true ? actor?.user : undefined);
  if (user === undefined) return undefined;
  const changes = readChanges(reader);
  const attributes: ClassAttributes = { user };
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const status = readStatus(reader, row.options.status);
  const role = row.activity === 'by_changes' ? readRoleChange(changes) : undefined;
  if (role !== undefined) return accessChange(attributes, status, role.grants, role.role);
  if (row.options.factor !== undefined) attributes.auth_factors = [factorNamed(reader, row.options.factor)];
  const result = readUserResult(changes, user);
  if (result !== undefined) attributes.user_result = result;
  const activityId = activityOf(row, changes, user, actor?.user);
  const action = phraseOf(row, activityId, user);
  return {
    className: 'account_change',
    activityId,
    status,
    attributes,
    action,
    ...(bySystem ? { actorName: 'JumpCloud' } : {}),
  };
}

/**
 * Where JumpCloud itself acts, `initiated_by` repeats the id of the account with a blank e-mail: that names no actor.
 * People do act on their own accounts in events of the other kind (`ownAccount`).
 */
function isSystemInitiated(reader: RecordReader, row: CatalogueRow): boolean {
  const initiator = reader.object(reader.record, 'initiated_by');
  if (row.options.ownAccount === true || initiator?.email !== '') return false;
  const uid = reader.peek(initiator, 'id');
  const owner = reader.peek(reader.object(reader.record, 'resource'), 'id');
  return reader.peek(initiator, 'username') === undefined && (uid === undefined || uid === owner);
}

/** Whose account it is: `resource`, else the `username` that device events carry. */
function readTarget(reader: RecordReader, row: CatalogueRow): OcsfUser | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const user = isPerson(reader, resource) ? readUser(reader, resource) : undefined;
  return row.service === 'systems' || user === undefined ? addName(reader, user, record, 'username') : user;
}

function activityOf(
  row: CatalogueRow,
  changes: readonly Change[],
  user: OcsfUser,
  actor: OcsfUser | undefined,
): number {
  if (row.activity === 'by_password_owner') return byPasswordOwner(row, user, actor);
  if (row.activity !== 'by_changes') return typeof row.activity === 'number' ? row.activity : OTHER;
  const decided = decideActivity(changes);
  return decided === PASSWORD_CHANGE ? byPasswordOwner(row, user, actor) : (decided ?? OTHER);
}

/** As Windows tells them apart: one's own password is changed, another's is reset. */
function byPasswordOwner(row: CatalogueRow, user: OcsfUser, actor: OcsfUser | undefined): number {
  if (actor !== undefined) return samePerson(user, actor) ? PASSWORD_CHANGE : PASSWORD_RESET;
  return row.eventType.endsWith('_password_change') ? PASSWORD_CHANGE : OTHER;
}

const phrases: Readonly<Record<number, ActionPhrase>> = {
  1: { done: 'created the account of', todo: 'create the account of' },
  2: { done: 'enabled the account of', todo: 'enable the account of' },
  3: { done: 'changed the password of', todo: 'change the password of' },
  4: { done: 'reset the password of', todo: 'reset the password of' },
  5: { done: 'disabled the account of', todo: 'disable the account of' },
  6: { done: 'deleted the account of', todo: 'delete the account of' },
  9: { done: 'locked the account of', todo: 'lock the account of' },
  10: { done: 'enabled an MFA factor of', todo: 'enable an MFA factor of' },
  11: { done: 'disabled an MFA factor of', todo: 'disable an MFA factor of' },
  12: { done: 'unlocked the account of', todo: 'unlock the account of' },
};

const requested: ActionPhrase = { done: 'asked for a password reset of', todo: 'ask for a password reset of' };

function phraseOf(row: CatalogueRow, activityId: number, user: OcsfUser): ActionPhrase {
  const known = row.options.status === 'requested' ? requested : phrases[activityId];
  const { done, todo } = known ?? { done: `did ${row.eventType} for`, todo: `do ${row.eventType} for` };
  const name = displayNameOf(user) ?? 'an account';
  return { done: `${done} ${name}`, todo: `${todo} ${name}` };
}
