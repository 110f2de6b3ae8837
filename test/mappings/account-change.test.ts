import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../mappings/json.js';
import { ana, change, event, laptop, ops, organization, record } from './mapping.js';

const user = { uid: ana.id, name: 'ana.lima', type_id: 1, type: 'User' };
const changed = (...changes: JsonValue[]) => event(change('user_update', { changes }));
const field = (name: string, from: JsonValue, to: JsonValue) => ({ field: name, from, to });

describe('whose account it is', () => {
  it('is the resource; the actor is who initiated the change', () => {
    const mapped = event(change('user_suspended'));
    expect(mapped).toMatchObject({
      class_uid: 3001,
      user,
      actor: { user: { uid: ops.id, name: 'ops@example.test', type_id: 2 } },
      src_endpoint: { ip: '198.51.100.7' },
    });
  });

  it('is the initiator too where people act on their own account and nothing else is named', () => {
    const { resource: _resource, ...own } = change('totp_finish_enrollment', { initiated_by: ana });
    expect(event(own)).toMatchObject({ user, actor: { user }, activity_id: 10 });
  });

  it('is never the administrator for want of a better one: without it the change is a Base Event', () => {
    const { resource: _resource, ...nobody } = change('user_suspended');
    const mapped = event(nobody);
    expect(mapped).toMatchObject({ class_uid: 0, activity_name: 'user_suspended' });
    expect(mapped).not.toHaveProperty('user');
    expect(mapped.unmapped).toHaveProperty('initiated_by', ops);
    expect(event(change('user_suspended', { resource: { id: organization, type: 'organization' } })).class_uid).toBe(0);
  });

  it('is the username of a record from a device', () => {
    const { initiated_by: _initiator, ...lockout } = record('systems', 'user_lockout', {
      username: 'ana',
      system: laptop,
    });
    expect(event(lockout)).toMatchObject({ activity_id: 9, user: { name: 'ana' }, device: { hostname: 'LT-04' } });
  });
});

describe('the actor', () => {
  it('is absent where none is named', () => {
    const { initiated_by: _initiator, ...silent } = change('user_unlocked');
    expect(event(silent)).not.toHaveProperty('actor');
    expect(event(change('user_unlocked', { initiated_by: { type: 'user' } }))).not.toHaveProperty('actor');
  });

  it('is absent where JumpCloud acted: the id of the account with a blank e-mail', () => {
    const mapped = event(change('user_lockout', { initiated_by: { id: ana.id, type: 'user', email: '' } }));
    expect(mapped).not.toHaveProperty('actor');
    expect(mapped.unmapped).toHaveProperty('initiated_by', { id: ana.id, type: 'user' });
    expect(mapped.message).toContain('JumpCloud locked the account of ana.lima');
  });

  it('is the program where that is all the record names', () => {
    expect(event(change('user_create', { initiated_by: { source: 'jumpcloud:scim' } })).actor).toEqual({
      app_name: 'jumpcloud:scim',
    });
  });
});

describe('the activity', () => {
  it.each([
    ['user_create', 1],
    ['user_create_provision', 1],
    ['user_activated', 2],
    ['user_unsuspended', 2],
    ['user_password_reset_request', 4],
    ['user_suspended', 5],
    ['user_delete', 6],
    ['user_delete_provision', 6],
    ['user_lockout', 9],
    ['totp_finish_enrollment', 10],
    ['totp_delete_enrollment', 11],
    ['user_unlocked', 12],
    ['user_password_expired', 99],
    ['totp_start_enrollment', 99],
    ['user_activation_schedule_create', 99],
  ])('of %s is %i', (eventType, activity) => {
    const mapped = event(change(eventType));
    expect(mapped).toMatchObject({ class_uid: 3001, activity_id: activity, type_uid: 300_100 + activity });
    if (activity === 99) expect(mapped.activity_name).toBe(eventType);
  });

  it.each([
    [field('suspended', false, true), 5],
    [field('suspended', true, false), 2],
    [field('state', 'ACTIVATED', 'SUSPENDED'), 5],
    [field('state', 'STAGED', 'ACTIVATED'), 2],
    [field('account_locked', false, true), 9],
    [field('account_locked', true, false), 12],
    [field('mfa', false, true), 10],
    [field('mfa', { configured: true }, { configured: false }), 11],
    [field('totp_enabled', true, false), 11],
    [field('department', 'Sales', 'Operations'), 99],
    [field('suspended', true, true), 99],
    [field('suspended', null, 'perhaps'), 99],
  ])('of an update is decided by its changes: %j', (one, activity) => {
    expect(changed(one, field('company', 'a', 'b')).activity_id).toBe(activity);
  });

  it('of several decisive changes at once is 99, unless they say the same', () => {
    expect(changed(field('suspended', true, false), field('account_locked', true, false)).activity_id).toBe(99);
    expect(changed(field('suspended', false, true), field('state', 'ACTIVATED', 'SUSPENDED')).activity_id).toBe(5);
  });

  it('of odd changes is 99', () => {
    for (const changes of [null, {}, 'suspended', [null, 7, 'x', {}, { field: 3 }]])
      expect(event(change('user_update', { changes })).activity_id).toBe(99);
  });

  it('is Password Change for an own password and Password Reset for that of another', () => {
    expect(event(change('user_password_change', { initiated_by: ana })).activity_id).toBe(3);
    expect(event(change('user_password_change')).activity_id).toBe(4);
    expect(event(change('user_password_set', { initiated_by: ana })).activity_id).toBe(3);
    expect(event(change('user_password_set')).activity_id).toBe(4);
    expect(event(change('admin_password_change', { resource: ops })).activity_id).toBe(3);
    expect(changed(field('password', '[hidden]', '[hidden]')).activity_id).toBe(4);
  });

  it('is not guessed where nobody is named', () => {
    const { initiated_by: _initiator, ...set } = change('user_password_set');
    expect(event(set)).toMatchObject({ activity_id: 99, activity_name: 'user_password_set' });
  });

  it('of a reset request has the outcome Requested: nothing is reset yet', () => {
    expect(event(change('user_password_reset_request'))).toMatchObject({
      activity_id: 4,
      status_id: 99,
      status: 'Requested',
    });
    expect(event(change('user_password_reset_request', { success: false }))).toMatchObject({ status_id: 2 });
  });

  it('names the factor of an enrolment', () => {
    expect(event(change('totp_finish_enrollment')).auth_factors).toEqual([
      { factor_type_id: 7, factor_type: 'OTP', is_totp: true },
    ]);
  });

  it('of an administrator whose role alone changes is User Access Management', () => {
    const role = (from: JsonValue, to: JsonValue) =>
      event(change('admin_update', { resource: ops, changes: [field('roleName', from, to)] }));
    expect(role('Manager', 'Administrator')).toMatchObject({
      class_uid: 3005,
      activity_id: 1,
      privileges: ['Administrator'],
    });
    expect(role('Manager', null)).toMatchObject({ class_uid: 3005, activity_id: 2, privileges: ['Manager'] });
    expect(role(null, null)).toMatchObject({ class_uid: 3001, activity_id: 99 });
    const more = [field('roleName', 'Manager', 'Administrator'), field('suspended', false, true)];
    expect(event(change('admin_update', { resource: ops, changes: more }))).toMatchObject({
      class_uid: 3001,
      activity_id: 5,
    });
  });
});

describe('what the account became', () => {
  it('is in user_result where OCSF has an attribute, and the changes are kept whole', () => {
    const changes = [
      field('email', 'ana@example.test', 'ana.lima@example.test'),
      field('department', null, 'Operations'),
      field('suspended', false, true),
      field('attributes', [{ name: 'Desk', value: null }], []),
    ];
    const mapped = changed(...changes);
    expect(mapped.user_result).toEqual({
      ...user,
      email_addr: 'ana.lima@example.test',
      ldap_person: { department: 'Operations' },
      account: { is_disabled: true, uid: ana.id, name: 'ana.lima' },
    });
    expect(mapped.unmapped).toHaveProperty('changes', changes);
  });

  it('is absent where no change has an attribute', () => {
    expect(changed(field('company', 'a', 'b'))).not.toHaveProperty('user_result');
  });
});

describe('the sentence of a change', () => {
  it('says who did what to whom, from where and with what outcome', () => {
    expect(event(change('user_delete', { success: true })).message).toBe(
      'ops@example.test deleted the account of ana.lima from 198.51.100.7 (PT): success.',
    );
    expect(event(change('user_create', { success: false, error_message: 'username already exists' })).message).toBe(
      'ops@example.test tried to create the account of ana.lima from 198.51.100.7 (PT): failure (username already exists).',
    );
  });
});
