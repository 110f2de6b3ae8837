import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import { ana, event, laptop, ops, record } from './mapping.js';

const end = (type: string, name: string) => ({ type, name, object_id: `id of ${name}` });
const associate = (op: string, from: JsonObject, to: JsonObject) =>
  event(record('directory', 'association_change', { success: true, association: { op, connection: { from, to } } }));
const engineers = end('user_group', 'Engineers');
const laptops = end('system_group', 'Laptops');
const person = end('user', 'ana.lima');
const wiki = end('application', 'Wiki');
const encryption = end('policy', 'Disk encryption');
const device = end('system', 'LT-04');

describe('an association', () => {
  it('of a user and a group of users is Group Management, whichever end is which', () => {
    for (const [from, to] of [
      [person, engineers],
      [engineers, person],
    ] as const) {
      expect(associate('add', from, to)).toMatchObject({
        class_uid: 3006,
        activity_id: 3,
        group: { uid: 'id of Engineers', name: 'Engineers', type: 'user_group' },
        user: { uid: 'id of ana.lima', name: 'ana.lima' },
        status_id: 1,
      });
    }
    expect(associate('remove', engineers, person).activity_id).toBe(4);
  });

  it('of a user and anything else is User Access Management', () => {
    expect(associate('add', person, wiki)).toMatchObject({
      class_uid: 3005,
      activity_id: 1,
      user: { name: 'ana.lima' },
      privileges: ['access'],
      resources: [{ uid: 'id of Wiki', name: 'Wiki', type: 'application' }],
    });
    expect(associate('remove', device, person)).toMatchObject({ class_uid: 3005, activity_id: 2 });
  });

  it('of a group of users and what it is given is Group Management', () => {
    expect(associate('add', engineers, wiki)).toMatchObject({
      class_uid: 3006,
      activity_id: 1,
      group: { name: 'Engineers' },
      resource: { name: 'Wiki' },
      privileges: ['access'],
    });
    expect(associate('remove', laptops, engineers)).toMatchObject({ activity_id: 2, resource: { name: 'Laptops' } });
  });

  it('of two groups of a kind is about a subgroup', () => {
    expect(associate('add', engineers, end('user_group', 'Juniors'))).toMatchObject({
      class_uid: 3006,
      activity_id: 7,
      group: { name: 'Engineers' },
      subgroup: { name: 'Juniors' },
    });
  });

  it('of devices and what applies to them is Entity Management', () => {
    expect(associate('add', encryption, device)).toMatchObject({
      class_uid: 3004,
      activity_id: 3,
      entity: { name: 'LT-04', type_id: 1, type: 'Device' },
    });
    expect(associate('add', encryption, laptops)).toMatchObject({
      class_uid: 3004,
      entity: { name: 'Laptops', type_id: 3 },
    });
  });

  describe('with sudo', () => {
    const withSudo = (op: string, from: JsonObject, to: JsonObject, sudo: JsonValue) =>
      event(
        record('directory', 'association_change', {
          success: true,
          association: { op, connection: { from, to }, attributes: { sudo } },
        }),
      );

    it('gives it with the access to a device, and takes it with the access', () => {
      expect(withSudo('add', device, person, { enabled: true, withoutPassword: false })).toMatchObject({
        class_uid: 3005,
        activity_id: 1,
        privileges: ['access', 'sudo'],
        message: 'ops@example.test gave access and sudo to ana.lima on LT-04 from 198.51.100.7 (PT): success.',
      });
      expect(withSudo('remove', device, person, { enabled: true, withoutPassword: true })).toMatchObject({
        activity_id: 2,
        privileges: ['access', 'sudo', 'sudo without password'],
      });
      expect(withSudo('add', device, person, { enabled: false, withoutPassword: true }).privileges).toEqual(['access']);
    });

    it('gives or takes sudo alone where the association stays', () => {
      expect(withSudo('update', device, person, { enabled: true, withoutPassword: true })).toMatchObject({
        class_uid: 3005,
        activity_id: 1,
        privileges: ['sudo', 'sudo without password'],
        message:
          'ops@example.test gave sudo and sudo without password to ana.lima on LT-04 from 198.51.100.7 (PT): success.',
      });
      expect(withSudo('update', device, person, { enabled: false })).toMatchObject({
        activity_id: 2,
        privileges: ['sudo'],
        message: 'ops@example.test took sudo from ana.lima on LT-04 from 198.51.100.7 (PT): success.',
      });
    });

    it('is decided by the operation and the two flags alone', () => {
      const op = fc.constantFrom('add', 'remove', 'update');
      fc.assert(
        fc.property(op, fc.boolean(), fc.boolean(), (change, enabled, withoutPassword) => {
          const sudo = enabled && withoutPassword ? ['sudo', 'sudo without password'] : ['sudo'];
          const access = change === 'update' ? [] : ['access'];
          expect(withSudo(change, device, person, { enabled, withoutPassword })).toMatchObject({
            activity_id: change === 'add' || (change === 'update' && enabled) ? 1 : 2,
            privileges: [...access, ...(enabled || change === 'update' ? sudo : [])],
          });
        }),
      );
    });

    it('gives it to a group of users on a group of devices', () => {
      expect(withSudo('add', engineers, laptops, { enabled: true, withoutPassword: true })).toMatchObject({
        class_uid: 3006,
        activity_id: 1,
        group: { name: 'Engineers' },
        resource: { name: 'Laptops' },
        privileges: ['access', 'sudo', 'sudo without password'],
      });
    });
  });

  it('by another operation than add and remove keeps that word and claims no activity', () => {
    const mapped = associate('update', person, wiki);
    expect(mapped).toMatchObject({ class_uid: 3005, activity_id: 99, activity_name: 'association_change' });
    expect(mapped.unmapped).toHaveProperty('association.op', 'update');
    expect(mapped.message).toBe(
      'ops@example.test changed the access of ana.lima on Wiki from 198.51.100.7 (PT): success.',
    );
  });

  it('without two named ends is a Base Event', () => {
    const broken: JsonValue[] = [
      null,
      {},
      { op: 'add' },
      { op: 'add', connection: { from: person, to: { type: 'user' } } },
    ];
    for (const association of broken)
      expect(event(record('directory', 'association_change', { association })).class_uid).toBe(0);
  });
});

describe('groups and privileges', () => {
  it('are made, changed and deleted', () => {
    const resource = { id: '7', name: 'Engineers', type: 'user_group' };
    expect(event(record('directory', 'group_create', { resource }))).toMatchObject({ class_uid: 3006, activity_id: 6 });
    expect(event(record('directory', 'group_delete', { resource }))).toMatchObject({ class_uid: 3006, activity_id: 5 });
    expect(event(record('directory', 'group_update', { resource }))).toMatchObject({
      activity_id: 99,
      group: { uid: '7' },
    });
  });

  it('are given to a person or, as Group Management, to a group', () => {
    expect(event(record('directory', 'user_admin_granted', { resource: ana, system: laptop }))).toMatchObject({
      class_uid: 3005,
      activity_id: 1,
      user: { name: 'ana.lima' },
      privileges: ['device administrator'],
      resources: [{ uid: laptop.id, type: 'system' }],
    });
    const resource = { id: '7', name: 'Engineers', type: 'user_group' };
    expect(event(record('directory', 'user_group_admin_revoke', { resource }))).toMatchObject({
      class_uid: 3006,
      activity_id: 2,
      group: { name: 'Engineers' },
    });
  });
});

describe('managed things', () => {
  it.each([
    ['directory', 'policy_update', 5, 'Policy', 3],
    ['directory', 'iplist_create', 7, 'Network Zone', 1],
    ['directory', 'organization_update', 4, 'Organization', 3],
    ['directory', 'application_delete', 99, 'Application', 4],
    ['directory', 'integration_activate', 99, 'Integration', 10],
    ['ai_admin', 'server_create', 99, 'AI Server', 1],
    ['notifications', 'notification_channel_created', 99, 'Notification Channel', 1],
  ])('%s %s is of kind %i %s', (service, eventType, typeId, type, activity) => {
    const resource = { id: '9', name: 'The thing', type: 'word' };
    expect(event(record(service, eventType, { resource }))).toMatchObject({
      class_uid: 3004,
      activity_id: activity,
      entity: { uid: '9', name: 'The thing', type_id: typeId, type },
      unmapped: { resource: { type: 'word' } },
    });
  });

  it('are devices by system, resource or the ids of MDM', () => {
    expect(event(record('systems', 'os_major_upgrade', { system: laptop }))).toMatchObject({
      activity_id: 3,
      entity: { uid: laptop.id, name: 'Laptop 4', type: 'Device' },
    });
    expect(
      event(record('mdm', 'mdm_command_result', { device_object_id: '61', status: 'Acknowledged' })),
    ).toMatchObject({
      entity: { uid: '61', type_id: 1 },
      status_id: 1,
      status_code: 'Acknowledged',
    });
    expect(event(record('mdm', 'mdm_command_result', { device_object_id: '61', status: 'NotNow' }))).toMatchObject({
      status_id: 99,
      status: 'NotNow',
    });
  });

  it('are features of JumpCloud where an event type switches or sets one', () => {
    expect(event(record('asset_management', 'asset_management_enable'))).toMatchObject({
      activity_id: 8,
      entity: { name: 'Asset management', type_id: 99, type: 'Feature' },
    });
  });

  it('that the record does not name leave a Base Event', () => {
    expect(event(record('directory', 'policy_update')).class_uid).toBe(0);
  });
});

describe('uses of services', () => {
  it('are API Activity by their verb', () => {
    const resource = { id: '4', name: 'Users to applications', type: 'report' };
    expect(event(record('reports', 'report_export', { resource }))).toMatchObject({
      class_uid: 6003,
      activity_id: 2,
      api: { operation: 'report_export', service: { name: 'JumpCloud reports' } },
      actor: { user: { name: 'ops@example.test' } },
      src_endpoint: { ip: '198.51.100.7' },
      resources: [{ uid: '4' }],
    });
    expect(event(record('directory', 'command_run')).activity_id).toBe(99);
    expect(event(record('aigw', 'aigw_session_opened', { session_id: 's-1' })).resources).toEqual([
      { uid: 's-1', type: 'session' },
    ]);
  });

  it('without an actor or an address are Base Events: neither is invented', () => {
    expect(event(record('reports', 'report_run', { client_ip: '' }))).toMatchObject({
      class_uid: 0,
      activity_name: 'report_run',
    });
    expect(event(record('reports', 'report_run', { initiated_by: null })).class_uid).toBe(0);
  });
});

describe('findings', () => {
  const alert = { id: 'a-1', type: 'alert', context: 'Many lockouts', source_id: 'r-1', source_type: 'RULE' };

  it('have the state, the severity and the uid of the alert', () => {
    expect(
      event(record('alerts', 'alert_created', { resource: alert, severity: 'CRITICAL', category: 'IDENTITY' })),
    ).toMatchObject({
      class_uid: 2004,
      activity_id: 1,
      is_alert: true,
      severity_id: 5,
      severity: 'Critical',
      status_id: 1,
      status: 'New',
      finding_info: { uid: 'a-1', title: 'Many lockouts', types: ['IDENTITY'] },
      resources: [{ uid: 'r-1', type: 'RULE' }],
    });
  });

  it('close when their status does', () => {
    const status = (word: string) => event(record('alerts', 'alert_status_updated', { resource: alert, status: word }));
    expect(status('RESOLVED')).toMatchObject({ activity_id: 3, status_id: 4, status: 'Resolved' });
    expect(status('ACKNOWLEDGED')).toMatchObject({ activity_id: 2, status_id: 2 });
    expect(status('SNOOZED')).toMatchObject({ activity_id: 2, status_id: 99, status: 'SNOOZED' });
  });

  it('of risk name the person and the level, and have the id of the record where nothing else names them', () => {
    const resource = { name: 'ana.lima' };
    expect(
      event(record('generic-di', 'risk_event_created', { resource, risk_level: 'HIGH', risk_type: 'TRAVEL' })),
    ).toMatchObject({
      class_uid: 2004,
      finding_info: { uid: '66a0c0ffee0000000000a001', types: ['TRAVEL'] },
      evidences: [{ user: { name: 'ana.lima' }, src_endpoint: { ip: '198.51.100.7' } }],
      risk_level_id: 3,
      risk_level: 'High',
    });
  });
});

describe('software', () => {
  const application = { name: 'openssl', version: '3.2', path: '/usr/bin', publisher: 'Example' };

  it('is installed, updated and removed on a device', () => {
    expect(event(record('software', 'software_add', { application, system: laptop, initiated_by: ops }))).toMatchObject(
      {
        class_uid: 6002,
        activity_id: 1,
        app: { name: 'openssl', version: '3.2', path: '/usr/bin', vendor_name: 'Example' },
        device: { hostname: 'LT-04' },
        actor: { user: { name: 'ops@example.test' } },
        metadata: { profiles: ['host'] },
      },
    );
    expect(event(record('software', 'software_change', { application })).activity_id).toBe(8);
    expect(event(record('software', 'software_remove', { application })).activity_id).toBe(2);
  });

  it('has the actor under the profile host, also without a device', () => {
    expect(event(record('software', 'software_add_request', { application }))).toMatchObject({
      actor: { user: { uid: ops.id } },
      metadata: { profiles: ['host'] },
      message: expect.stringContaining('requested the installation of'),
    });
  });

  it('appears, changes and goes without an actor where the device reports of itself', () => {
    const report = { application, system: laptop, initiated_by: { id: laptop.id, type: 'system' } };
    expect(event(record('software', 'software_remove', report)).message).toContain('was removed on LT-04: unknown.');
  });
});

describe('a command to a device', () => {
  const command = (more: JsonObject) => {
    const {
      initiated_by: _initiator,
      client_ip: _address,
      ...silent
    } = record('mdm', 'mdm_command_result', {
      mdm_device_id: 'd1',
      request_type: 'EraseDevice',
      command: { request_type: 'EraseDevice' },
      ...more,
    });
    return event(silent);
  };
  const failure = { error_code: 12021, error_domain: 'MCMDMErrorDomain', localized_description: 'Nicht unterstützt' };

  it('has its name as activity, and reason and code of the first error of the chain', () => {
    const mapped = command({
      status: 'Error',
      error_chain: [{ ...failure, us_english_description: 'Not supported' }, { error_code: 7 }],
    });
    expect(mapped).toMatchObject({
      activity_id: 99,
      activity_name: 'EraseDevice',
      status_id: 2,
      status_detail: 'Not supported',
      status_code: '12021',
      message: 'EraseDevice failed on the device d1: failure (Not supported).',
      unmapped: {
        status: 'Error',
        error_chain: [
          { error_domain: 'MCMDMErrorDomain', localized_description: 'Nicht unterstützt' },
          { error_code: 7 },
        ],
      },
    });
    expect(command({ status: 'Error', error_chain: [failure] })).toMatchObject({ status_detail: 'Nicht unterstützt' });
  });

  it('keeps the word of its status as code where there is no other', () => {
    expect(command({ status: 'Acknowledged', error_chain: null })).toMatchObject({
      status_id: 1,
      status_code: 'Acknowledged',
      message: 'EraseDevice was sent to the device d1: success.',
    });
    expect(command({ status: 'NotNow' })).toMatchObject({ status_id: 99, status: 'NotNow' });
  });

  it('has reason and code wherever the chain has them', () => {
    const texts = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '' && text !== '[redacted]');
    fc.assert(
      fc.property(texts, fc.integer(), fc.boolean(), (text, code, isEnglish) => {
        const key = isEnglish ? 'us_english_description' : 'localized_description';
        const mapped = command({ status: 'Error', error_chain: [{ error_code: code, [key]: text }] });
        expect(mapped).toMatchObject({ status_detail: text.trim(), status_code: String(code) });
        expect(mapped.message).toBe(`EraseDevice failed on the device d1: failure (${text.trim()}).`);
      }),
    );
  });

  it('is named as well where JumpCloud itself sends it', () => {
    expect(
      event(record('systems', 'device_command', { system: laptop, command_type: 'ERASE', success: true })),
    ).toMatchObject({
      activity_name: 'ERASE',
      message: 'ops@example.test sent ERASE to the device Laptop 4 from 198.51.100.7 (PT): success.',
    });
  });
});

describe('an entity', () => {
  it('of SaaS management is the account with the user whom it is assigned to', () => {
    expect(
      event(
        record('saas_app_management', 'saas_management_account_user_assign', {
          account_id: 'a1',
          username: 'ana.lima',
        }),
      ),
    ).toMatchObject({
      entity: { uid: 'a1', user: { name: 'ana.lima' } },
      message: 'ops@example.test assigned ana.lima to the saas account a1 from 198.51.100.7 (PT): unknown.',
    });
  });

  it('that a rule watches has what the rule saw as reason', () => {
    const watched = record('alerts', 'device_inactive', {
      system: laptop,
      resource: { id: 'x', type: 'alert', context: 'Silent for 14 days' },
    });
    expect(event(watched).status_detail).toBe('Silent for 14 days');
    expect(event({ ...watched, error_message: 'no' }).status_detail).toBe('no');
  });

  it('whose policy failed names the policy', () => {
    expect(
      event(
        record('alerts', 'policy_result', {
          system: laptop,
          resource: { type: 'policy_result', policy_name: 'Disk encryption' },
          success: false,
        }),
      ).message,
    ).toContain('The policy Disk encryption failed on the device Laptop 4');
  });
});

describe('a request for access', () => {
  const request = (eventType: string, more: JsonObject) =>
    event(record('access_management', eventType, { access_request_id: 'r1', ...more }));

  it('says what is asked for, and which privilege', () => {
    expect(
      request('access_management_access_request', {
        resource: { id: 's1', type: 'system', name: 'LT-04' },
        additionalAttributes: { sudo: { enabled: true, withoutPassword: true } },
      }),
    ).toMatchObject({
      class_uid: 3004,
      activity_id: 1,
      entity: { uid: 'r1', name: 'LT-04' },
      access_list: ['sudo', 'sudo without password'],
      message: 'ops@example.test requested sudo and sudo without password to LT-04 from 198.51.100.7 (PT): unknown.',
    });
    expect(request('access_management_access_request', { resource: ana })).toMatchObject({
      access_list: ['access'],
      message: 'ops@example.test requested access for ana.lima from 198.51.100.7 (PT): unknown.',
    });
  });

  it('says what the approver decided', () => {
    const decided = (result: string) => request('access_management_access_request_approval', { result }).message;
    expect(decided('DENIED')).toContain('ops@example.test denied the request r1 of access');
    expect(decided('APPROVED')).toContain('approved the request r1');
    expect(decided('LATER')).toContain('decided on the request r1');
  });
});

describe('a finding', () => {
  it('has the actor, the source and the subject of an alert', () => {
    expect(
      event(
        record('alerts', 'alert_status_updated', {
          category: 'DEVICE',
          resource: { id: 'a1', source_id: 'rule 1', source_type: 'RULE', reference_id: laptop.id },
        }),
      ),
    ).toMatchObject({
      class_uid: 2004,
      actor: { user: { uid: ops.id } },
      metadata: { profiles: ['host'] },
      resources: [
        { uid: 'rule 1', type: 'RULE' },
        { uid: laptop.id, type: 'DEVICE' },
      ],
    });
  });
});

describe('a Base Event', () => {
  it('has actor and device under the profile host', () => {
    const mapped = event(record('directory', 'user_teleported', { system: laptop }));
    expect(mapped).toMatchObject({
      device: { hostname: 'LT-04' },
      actor: { user: { uid: ops.id } },
      metadata: { profiles: ['host'] },
    });
    const { client_ip: _address, ...placeless } = record('directory', 'user_teleported');
    expect(event(placeless)).toMatchObject({ actor: { user: { uid: ops.id } }, metadata: { profiles: ['host'] } });
    const { initiated_by: _initiator, ...silent } = placeless;
    expect(event(silent).metadata).not.toHaveProperty('profiles');
  });

  it('carries the address and the country that it came from, as observables too', () => {
    const mapped = event(record('directory', 'user_teleported'));
    expect(mapped).toMatchObject({
      device: { ip: '198.51.100.7', location: { country: 'PT' }, type_id: 0 },
      actor: { user: { uid: ops.id } },
    });
    expect(mapped.observables).toEqual(
      expect.arrayContaining([
        { name: 'device.ip', type_id: 2, type: 'IP Address', value: '198.51.100.7' },
        { name: 'device.location.country', type_id: 14, type: expect.any(String), value: 'PT' },
      ]),
    );
  });

  it('does not give the address of an administrator to the device that the record is about', () => {
    const about = event(record('directory', 'user_teleported', { system: laptop }));
    expect(about.device).not.toHaveProperty('ip');
    expect(about.unmapped).toHaveProperty('client_ip', '198.51.100.7');
    expect(event(record('systems', 'teleported', { system: laptop })).device).toMatchObject({
      hostname: 'LT-04',
      ip: '198.51.100.7',
    });
  });

  it('has activity Unknown where the record names no type', () => {
    const { event_type: _type, service: _service, ...nameless } = record('', '');
    expect(event(nameless)).toMatchObject({ class_uid: 0, activity_id: 0, activity_name: 'Unknown', type_uid: 0 });
  });
});
