import { describe, expect, it } from 'vitest';
import { readFixtureRecords } from '../../fixtures/records.js';
import { allRows, classify, documentedServices, family, servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { event, finishedEvent, record } from './mapping.js';

describe('the catalogue', () => {
  it('has one row for a service and event type', () => {
    const keys = allRows.map(({ service, eventType }) => `${service} ${eventType}`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it('names activities that the class has', () => {
    for (const { className, activity } of allRows) {
      if (typeof activity === 'number')
        expect(Object.keys(ocsfTarget.classes[className].activities)).toContain(String(activity));
    }
  });

  it('has at least the 364 documented types', () => {
    expect(allRows.filter(({ known }) => known).length).toBeGreaterThanOrEqual(364);
  });

  it('finds a row by the query name and by the name that records carry', () => {
    for (const [written, asked] of [
      ['ai-admin', 'ai_admin'],
      ['generic-di', 'generic_di'],
      ['alert', 'alerts'],
      ['Directory', 'directory'],
    ]) {
      const [row] = allRows.filter(({ service }) => service === asked);
      expect(classify(written!, row!.eventType)).toBe(row);
    }
  });

  it('finds the row of a record without a service where one service alone has the type', () => {
    expect(classify('', 'admin_login_attempt').service).toBe('directory');
    expect(classify('', 'user_lockout').known).toBe(false);
    expect(classify('', '').known).toBe(false);
  });

  it('makes an unknown type a Base Event of the family admin where that asks for its service, one of an unknown service of the family other', () => {
    for (const [service, family] of [
      ['directory', 'admin'],
      ['sso', 'login'],
      ['SSO', 'login'],
      ['ldap', 'login'],
      ['mdm', 'other'],
      ['quantum', 'other'],
      ['', 'admin'],
    ] as const)
      expect(classify(service, 'qubit_flipped'), service).toMatchObject({
        known: false,
        family,
        className: 'base_event',
      });
    expect(classify('workflows', 'workflow_run')).toMatchObject({
      known: false,
      family: 'admin',
      service: 'workflows',
    });
  });

  it('lets no message of a documented type use the name of the type as a verb', () => {
    const strays = readFixtureRecords().filter(({ value, eventType }) => {
      const { message, class_uid: uid } = event(value) as unknown as { message: string; class_uid: number };
      if (uid === 0) return !message.startsWith(`Event ${value.event_type ?? eventType}`);
      return message.includes(eventType) || / (?:did|tried to do) /.test(message);
    });
    expect(strays.map(({ key }) => key)).toEqual([]);
  });

  it('is not misled by names that objects inherit', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
      expect(classify(name, name).known).toBe(false);
  });

  it('counts every login among the family login', () => {
    for (const row of allRows) expect(row.family === 'login').toBe(row.className === 'authentication');
    expect(family('sso', 'sso_auth')).toBe('login');
    expect(family('directory', 'user_update')).toBe('admin');
    expect(family('mdm', 'mdm_command_result')).toBe('other');
  });

  it('gives no type of a service to a family that does not ask for it', () => {
    for (const service of documentedServices())
      for (const type of ['qubit_flipped', ...allRows.map(({ eventType }) => eventType)])
        expect(servicesFor([family(service, type)]), `${service} ${type}`).toContain(service);
  });

  it('asks for the services of the chosen families only', () => {
    expect(servicesFor(['login']).sort()).toEqual([
      'directory',
      'ldap',
      'radius',
      'saas_app_management',
      'sso',
      'systems',
    ]);
    const admin = servicesFor(['admin']);
    for (const service of [
      'directory',
      'systems',
      'access_management',
      'workflows',
      'ai_admin',
      'generic_di',
      'alerts',
    ])
      expect(admin).toContain(service);
    for (const service of ['password_manager', 'mdm', 'genai']) expect(admin).not.toContain(service);
    expect(servicesFor(['login', 'admin', 'other']).length).toBe(22);
    expect(servicesFor(['other']).at(-1)).toBe('(other)');
    expect(admin).not.toContain('(other)');
    expect(servicesFor([])).toEqual([]);
  });

  it('has a fixture for every row', () => {
    const shown = new Set(readFixtureRecords().map(({ service, eventType }) => `${service} ${eventType}`));
    const missing = allRows.filter(({ known, service, eventType }) => known && !shown.has(`${service} ${eventType}`));
    expect(missing.map(({ service, eventType }) => `${service} ${eventType}`)).toEqual([]);
  });

  it('leads its fixtures to the class of the row, or where the record lacks what it requires to Base Event', () => {
    // Classes that rows decide by what the record holds.
    const also: Record<string, readonly number[]> = {
      by_changes: [3005],
      by_association: [3005, 3004],
      by_grantee: [3006],
    };
    const strays = readFixtureRecords().filter(({ service, eventType, value }) => {
      const row = classify(service, eventType);
      return ![ocsfTarget.classes[row.className].uid, 0, ...(also[row.activity] ?? [])].includes(
        finishedEvent(value).classUid,
      );
    });
    expect(strays.map(({ key }) => key)).toEqual([]);
  });

  it('leaves fewer than 3 % of the documented types to Base Event', () => {
    const kinds = new Map<string, boolean>();
    for (const { service, eventType, value } of readFixtureRecords()) {
      const key = `${service} ${eventType}`;
      if (classify(service, eventType).known)
        kinds.set(key, (kinds.get(key) ?? true) && finishedEvent(value).classUid === 0);
    }
    const base = [...kinds].filter(([, always]) => always).map(([key]) => key);
    expect(base.length / kinds.size).toBeLessThan(0.03);
  });

  it('maps a type that it does not know under its own name, with all that the record holds', () => {
    const mapped = event(record('directory', 'user_teleported', { distance: 7 }));
    expect(mapped).toMatchObject({
      class_uid: 0,
      activity_id: 99,
      activity_name: 'user_teleported',
      type_uid: 99,
      type_name: 'Base Event: user_teleported',
      actor: { user: { name: 'ops@example.test' } },
      device: { ip: '198.51.100.7', location: { country: 'PT' } },
      unmapped: { distance: 7 },
    });
    expect(mapped.message).toBe('Event user_teleported by ops@example.test from 198.51.100.7 (PT): unknown.');
  });
});
