import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../mappings/json.js';
import { ana, change, event, laptop, ops, organization, record, type Tree } from './mapping.js';

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
    expect(mapped.actor).toMatchObject({ user: { uid: ops.id } });
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

  it('of several decisive changes at once is that of the gravest', () => {
    expect(changed(field('suspended', true, false), field('account_locked', true, false)).activity_id).toBe(2);
    expect(changed(field('suspended', false, true), field('state', 'ACTIVATED', 'SUSPENDED')).activity_id).toBe(5);
    expect(changed(field('account_locked', false, true), field('suspended', false, true))).toMatchObject({
      activity_id: 5,
      message:
        'ops@example.test disabled the account of ana.lima and locked the account of ana.lima from 198.51.100.7 (PT): unknown.',
      user_result: { account: { is_disabled: true, is_locked: true } },
    });
    expect(
      changed(
        field('activated', false, true),
        field('password_date', null, '2026-04-21T14:37:20.000Z'),
        field('state', 'STAGED', 'ACTIVATED'),
      ),
    ).toMatchObject({
      activity_id: 4,
      message:
        'ops@example.test reset the password of ana.lima and enabled the account of ana.lima from 198.51.100.7 (PT): unknown.',
      user_result: { account: { is_disabled: false } },
    });
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

  it('of an administrator whose role changes is User Access Management', () => {
    const role = (from: JsonValue, to: JsonValue) =>
      event(change('admin_update', { resource: ops, changes: [field('roleName', from, to)] }));
    expect(role('Manager', 'Administrator')).toMatchObject({
      class_uid: 3005,
      activity_id: 1,
      privileges: ['Administrator'],
    });
    expect(role('Manager', null)).toMatchObject({ class_uid: 3005, activity_id: 2, privileges: ['Manager'] });
    expect(role(null, null)).toMatchObject({ class_uid: 3001, activity_id: 99 });
  });

  it('of a role and more at once is that of the role, and the rest is in the message and the state of the user', () => {
    const more = [
      field('suspended', true, false),
      field('roleName', 'Manager', 'Administrator'),
      field('apiKeyAllowed', false, true),
    ];
    expect(event(change('admin_update', { resource: ops, changes: more }))).toMatchObject({
      class_uid: 3005,
      activity_id: 1,
      privileges: ['Administrator', 'API access'],
      user: { account: { is_disabled: false } },
      message:
        'ops@example.test gave Administrator and API access to ops@example.test, took Manager from ops@example.test and enabled the account of ops@example.test from 198.51.100.7 (PT): unknown.',
    });
  });

  it('of several roles assigns those that are new, and revokes those that are gone', () => {
    const roles = (from: JsonValue, to: JsonValue) =>
      event(change('admin_update', { resource: ops, changes: [field('roles', from, to)] }));
    expect(roles(['A'], [{ name: 'A' }, 'B'])).toMatchObject({ activity_id: 1, privileges: ['B'] });
    expect(roles(['A', 'B'], ['A'])).toMatchObject({ activity_id: 2, privileges: ['B'] });
  });
});

describe('MFA', () => {
  const mfa = (from: JsonValue, to: JsonValue) => changed(field('mfa', from, to));
  const until = '2026-05-21T00:00:00Z';

  it('is taken away by an exemption, whatever is configured', () => {
    const exempted = mfa(
      { configured: true, exclusion: false },
      { configured: true, exclusion: true, exclusionUntil: until },
    );
    expect(exempted).toMatchObject({
      activity_id: 11,
      message: `ops@example.test exempted ana.lima from MFA until ${until} from 198.51.100.7 (PT): unknown.`,
    });
    expect(exempted).not.toHaveProperty('user_result');
    expect(changed(field('mfa.exclusion', false, true), field('mfa.exclusionUntil', null, until))).toMatchObject({
      activity_id: 11,
      message: exempted.message,
    });
    expect(mfa({ exclusion: true, exclusionUntil: 'a' }, { exclusion: true, exclusionUntil: 'b' }).message).toContain(
      'exempted ana.lima from MFA until b',
    );
  });

  it('comes back with the end of an exemption', () => {
    expect(mfa({ exclusion: true, exclusionUntil: until }, { exclusion: false })).toMatchObject({
      activity_id: 10,
      message: 'ops@example.test ended the exemption of ana.lima from MFA from 198.51.100.7 (PT): unknown.',
    });
  });

  it('is switched off by the flag of the user portal', () => {
    expect(changed(field('enable_user_portal_multifactor', true, false))).toMatchObject({
      activity_id: 11,
      message: 'ops@example.test switched off MFA for ana.lima from 198.51.100.7 (PT): unknown.',
      user_result: { has_mfa: false },
    });
    expect(changed(field('enable_user_portal_multifactor', false, true)).activity_id).toBe(10);
  });

  it('is taken away with the whole object or a member of it, and not by a member that never was', () => {
    for (const gone of [null, false, {}, { configured: false }] as JsonValue[])
      expect(mfa({ configured: true }, gone)).toMatchObject({ activity_id: 11, user_result: { has_mfa: false } });
    expect(mfa({}, { configured: false, exclusion: false }).activity_id).toBe(99);
  });
});

describe('the decision of an update', () => {
  const values = fc.constantFrom<JsonValue>(true, false, null, 'ACTIVATED', 'SUSPENDED', 'x', 7, { configured: true });
  const names = [
    'suspended',
    'state',
    'account_locked',
    'mfa',
    'mfa.exclusion',
    'totp_enabled',
    'password_date',
    'sudo',
  ];
  const member = fc.record({ field: fc.constantFrom(...names, 'department'), from: values, to: values });
  const facts = ({ class_uid, activity_id, user, user_result, privileges, message }: Tree) => ({
    class_uid,
    activity_id,
    user,
    user_result,
    privileges,
    message,
  });

  it('depends on nothing that stayed as it was', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), fc.constantFrom(...names), values, (changes, name, stayed) => {
        const objects = changes.map(({ field: one, from, to }) => ({
          field: one,
          from: { same: stayed, exclusion: true, value: from },
          to: { same: stayed, exclusion: true, value: to },
        }));
        const plain = objects.map(({ field: one, from, to }) => ({
          field: one,
          from: { value: from.value },
          to: { value: to.value },
        }));
        expect(facts(changed(...objects))).toEqual(facts(changed(...plain)));
        const unchanged = field(name, stayed, stayed);
        expect(facts(changed(unchanged, ...changes))).toEqual(facts(changed(...changes)));
      }),
    );
  });

  it('depends on no order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(member, { maxLength: 5, selector: (one) => one.field }), (changes) => {
        const { message: _one, privileges: _given, ...forwards } = facts(changed(...changes));
        const { message: _other, privileges: _taken, ...backwards } = facts(changed(...changes.toReversed()));
        expect(backwards).toEqual(forwards);
      }),
    );
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

  it('has no doer where nobody is known, or where the owner is named for want of one', () => {
    const { initiated_by: _initiator, ...silent } = change('user_lockout');
    expect(event(silent).message).toBe('The account ana.lima was locked from 198.51.100.7 (PT): unknown.');
    expect(event(change('user_lockout', { initiated_by: ana })).message).toBe(
      'The account ana.lima was locked from 198.51.100.7 (PT): unknown.',
    );
    expect(event(change('user_delete', { initiated_by: null, success: false, error_message: 'in use' })).message).toBe(
      'The account ana.lima was not deleted from 198.51.100.7 (PT): failure (in use).',
    );
    expect(event(change('user_password_expired')).message).toBe(
      'The password of ana.lima expired from 198.51.100.7 (PT): unknown.',
    );
    expect(event(change('user_password_change', { initiated_by: ana })).message).toContain(
      'ana.lima changed the password of ana.lima',
    );
  });
});
