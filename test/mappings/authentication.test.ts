import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../mappings/json.js';
import { ana, event, finishedEvent, geoip, laptop, ops, organization, record } from './mapping.js';

const portal = (more: JsonObject = {}): JsonObject =>
  record('directory', 'user_login_attempt', { initiated_by: ana, success: true, ...more });
const admin = (more: JsonObject = {}): JsonObject =>
  record('directory', 'admin_login_attempt', { success: true, ...more });
const application = {
  id: '60aa00000000000000000009',
  name: 'google',
  display_label: 'Google Workspace',
  sso_type: 'saml',
};
const sso = (more: JsonObject = {}): JsonObject =>
  record('sso', 'sso_auth', {
    initiated_by: ana,
    sso_token_success: true,
    error_message: '',
    mfa: false,
    application,
    auth_context: { auth_methods: {} },
    ...more,
  });
const policy = (name: string, action: string): JsonObject => ({
  id: `id of ${name}`,
  name,
  metadata: { action, resource_type: 'APPLICATION' },
});
const login = (more: JsonObject = {}): JsonObject =>
  record('systems', 'login_attempt', {
    initiated_by: { type: 'user', username: 'ana' },
    username: 'ana',
    success: true,
    system: laptop,
    src_ip: '192.0.2.201',
    ...more,
  });
const bind = (more: JsonObject = {}): JsonObject =>
  record('ldap', 'ldap_bind', {
    initiated_by: { type: 'user', username: 'svc.app' },
    username: 'svc.app',
    dn: 'uid=svc.app,ou=Users,o=5f01,dc=jumpcloud,dc=com',
    auth_method: 'simple',
    success: true,
    error_code: 0,
    ...more,
  });

describe('the one status rule', () => {
  it('says Success where success is true', () => {
    expect(event(portal())).toMatchObject({ status_id: 1, status: 'Success', activity_id: 1, type_uid: 300201 });
  });

  it('says Failure with the reason where success is false', () => {
    expect(event(portal({ success: false, error_message: 'bad credentials' }))).toMatchObject({
      status_id: 2,
      status: 'Failure',
      status_detail: 'bad credentials',
    });
  });

  it('says Unknown where the record has no outcome', () => {
    const { success: _success, ...silent } = portal();
    expect(event(silent)).toMatchObject({ status_id: 0, status: 'Unknown' });
  });

  it('takes the outcome of an SSO login from sso_token_success', () => {
    expect(event(sso())).toMatchObject({ status_id: 1, activity_id: 1 });
    expect(event(sso({ sso_token_success: false, error_message: 'not authorized' }))).toMatchObject({
      status_id: 2,
      status_detail: 'not authorized',
      activity_id: 1,
    });
  });

  it('says Failure where a policy denied, and names the policy', () => {
    const denied = sso({
      sso_token_success: false,
      mfa: true,
      auth_context: { auth_methods: {}, policies_applied: [policy('Global', 'ALLOW'), policy('No guests', 'DENY')] },
    });
    expect(event(denied)).toMatchObject({ status_id: 2, status_detail: 'denied by policy No guests', activity_id: 1 });
  });

  it('says Preauth only where mfa or a pending factor says that a step is missing', () => {
    const pending = {
      activity_id: 6,
      activity_name: 'Preauth',
      type_uid: 300206,
      status_id: 99,
      status: 'MFA step pending',
    };
    expect(event(sso({ sso_token_success: false, mfa: true }))).toMatchObject(pending);
    const methods = { password: { success: true }, totp: {} };
    expect(event(sso({ sso_token_success: false, auth_context: { auth_methods: methods } }))).toMatchObject(pending);
    expect(event(sso({ sso_token_success: false }))).toMatchObject({ activity_id: 1, status_id: 2 });
  });

  it('knows the use of an old API key for a failure by its name, and keeps a word that says otherwise', () => {
    const attempt = event(record('directory', 'admin_old_api_key_attempt', { success: true }));
    expect(attempt).toMatchObject({
      status_id: 2,
      auth_protocol_id: 99,
      auth_protocol: 'API key',
      unmapped: { success: true },
    });
  });

  it('carries the code of the source', () => {
    expect(event(bind({ success: false, error_code: 49, error_message: 'Invalid Credentials' }))).toMatchObject({
      status_id: 2,
      status_code: '49',
      status_detail: 'Invalid Credentials',
    });
  });
});

describe('who logs in', () => {
  it('is user and actor alike', () => {
    const user = { uid: ana.id, name: 'ana.lima', type_id: 1, type: 'User' };
    expect(event(portal())).toMatchObject({ user, actor: { user } });
  });

  it('has the e-mail as name and the type Admin where it is an administrator', () => {
    expect(event(admin()).user).toEqual({
      uid: ops.id,
      name: 'ops@example.test',
      email_addr: 'ops@example.test',
      type_id: 2,
      type: 'Admin',
    });
  });

  it('is read from resource in old records, which name no actor', () => {
    const { initiated_by: _initiator, ...old } = admin({ resource: ops });
    const mapped = event(old);
    expect(mapped.user!.name).toBe('ops@example.test');
    expect(mapped.actor).toBeUndefined();
  });

  it('is completed by the fields that newer records carry', () => {
    const { username: _username, ...anonymous } = ana;
    const mapped = event(
      sso({ initiated_by: anonymous, jc_initiated_by_id: ana.id, jc_initiated_by_email: 'ana@example.test' }),
    );
    expect(mapped.user).toMatchObject({ uid: ana.id, email_addr: 'ana@example.test' });
    expect(mapped.unmapped).not.toHaveProperty('jc_initiated_by_id');
  });

  it('keeps a name that contradicts another', () => {
    const mapped = event(login({ username: 'root' }));
    expect(mapped.user!.name).toBe('ana');
    expect(mapped.unmapped!.username).toBe('root');
  });

  it('is never invented: without anybody the login is a Base Event', () => {
    const { initiated_by: _initiator, ...nobody } = portal();
    expect(event(nobody)).toMatchObject({ class_uid: 0, activity_name: 'user_login_attempt', status_id: 1 });
  });

  it('is nobody where the initiator has no name: the Base Event has the address and the country', () => {
    const mapped = event(admin({ initiated_by: { type: 'admin' }, success: false, error_message: 'admin not found' }));
    expect(mapped).toMatchObject({
      class_uid: 0,
      status_detail: 'admin not found',
      device: { ip: '198.51.100.7', location: { country: 'PT' } },
    });
    expect(JSON.stringify(mapped.observables)).toContain('"device.location.country"');
  });

  it('is the sole member of an initiator that is an array', () => {
    const mapped = event(portal({ initiated_by: [ana] }));
    expect(mapped).toMatchObject({ class_uid: 3002, user: { uid: ana.id, name: 'ana.lima' } });
    expect(mapped).toEqual(event(portal()));
  });

  it('is the name in the DN of a bind without a user name', () => {
    for (const nobody of [{ initiated_by: { type: 'user' } }, { initiated_by: null }] as JsonObject[]) {
      const { username: _username, ...anonymous } = bind({
        ...nobody,
        dn: 'uid=nosuch,ou=Users,o=5f01,dc=jumpcloud,dc=com',
        success: false,
        error_code: 49,
        error_message: 'Invalid Credentials',
      });
      expect(event({ ...anonymous, username: '' })).toMatchObject({
        class_uid: 3002,
        activity_id: 1,
        status_id: 2,
        user: { name: 'nosuch', ldap_person: { ldap_dn: 'uid=nosuch,ou=Users,o=5f01,dc=jumpcloud,dc=com' } },
        message: 'nosuch tried to log on to JumpCloud LDAP from 198.51.100.7 (PT): failure (Invalid Credentials).',
      });
    }
    expect(event(bind({ initiated_by: null, username: '', dn: '' })).class_uid).toBe(0);
    expect(event(bind({ dn: 'uid=another,dc=com' })).user!.name).toBe('svc.app');
  });

  it('is the name in a DN whatever characters it has', () => {
    const escaped = (name: string) => name.replace(/[\\,+"<>;=]/g, '\\$&');
    const names = fc
      .string({ unit: fc.constantFrom(...'abc.-_@ ,+"<>;=\\é'), minLength: 1 })
      .map((name) => `x${name}x`);
    fc.assert(
      fc.property(names, (name) => {
        const dn = `uid=${escaped(name)},ou=Users,dc=com`;
        expect(event(bind({ initiated_by: null, username: '', dn })).user!.name).toBe(name);
      }),
    );
  });
});

describe('is_mfa and the factors', () => {
  it('follow mfa', () => {
    expect(event(portal({ mfa: true })).is_mfa).toBe(true);
    expect(event(portal({ mfa: false })).is_mfa).toBe(false);
    expect(event(portal())).not.toHaveProperty('is_mfa');
  });

  it('say nothing of an SSO session without auth methods', () => {
    const mapped = event(sso());
    expect(mapped).not.toHaveProperty('is_mfa');
    expect(mapped.unmapped!.mfa).toBe(false);
    expect(event(sso({ auth_context: { auth_methods: { password: { success: true } } } })).is_mfa).toBe(false);
  });

  it('list TOTP, push, WebAuthn and passwordless', () => {
    const methods = {
      password: { success: true },
      totp: { success: true },
      jumpcloud_protect: { success: true },
      webauthn: { success: true },
      jumpcloud_go: { success: true },
    };
    expect(event(portal({ mfa: true, auth_context: { auth_methods: methods } })).auth_factors).toEqual([
      { factor_type_id: 11, factor_type: 'Password' },
      { factor_type_id: 7, factor_type: 'OTP', is_totp: true },
      { factor_type_id: 5, factor_type: 'Push Notification', provider: 'JumpCloud Protect' },
      { factor_type_id: 10, factor_type: 'WebAuthn' },
      { factor_type_id: 99, factor_type: 'jumpcloud_go' },
    ]);
  });

  it('keep what each factor came to, for which OCSF has no place', () => {
    const methods = { password: { success: true }, totp: { success: false } };
    const mapped = event(portal({ success: false, mfa: true, auth_context: { auth_methods: methods } }));
    expect(mapped.unmapped!.auth_context!.auth_methods).toEqual(methods);
  });

  it('take the second factor from mfa_meta where auth_methods does not name it', () => {
    const mapped = event(admin({ mfa: true, mfa_meta: { type: 'totp' } }));
    expect(mapped.auth_factors).toEqual([{ factor_type_id: 7, factor_type: 'OTP', is_totp: true }]);
  });

  it('carry the phone that answered, with its address and place as observables', () => {
    const phone = {
      id: '5eda66d5bd5b135d72390f06',
      make: 'Apple',
      model: 'iPhone 15',
      os: 'iOS',
      os_version: '18.1',
      ip: '203.0.113.99',
      geoip: { country_code: 'RU', latitude: 55, longitude: 37 },
    };
    const context = (of: JsonObject) => ({
      auth_methods: { jumpcloud_protect: { success: true } },
      jumpcloud_protect_device: of,
    });
    for (const key of ['auth_context', 'auth_meta']) {
      const mapped = event(portal({ mfa: true, [key]: context(phone) }));
      expect(mapped.auth_factors![0]).toMatchObject({
        provider: 'JumpCloud Protect',
        device: { uid: phone.id, ip: phone.ip, location: { country: 'RU' }, model: 'iPhone 15', os: { type_id: 301 } },
      });
      expect(mapped.observables).toContainEqual(
        expect.objectContaining({ name: 'auth_factors[0].device.ip', value: phone.ip }),
      );
    }
    expect(finishedEvent(portal({ mfa: true, auth_context: context(phone) })).text).toContain('"lat":55.0,"long":37.0');
    const odd = event(portal({ mfa: true, auth_context: context({ ip: '174.16.38.486' }) }));
    expect(odd.auth_factors![0]).not.toHaveProperty('device');
    expect(odd.unmapped).toHaveProperty('auth_context.jumpcloud_protect_device.ip', '174.16.38.486');
  });

  it('do not claim factors that mfa contradicts', () => {
    const methods = { password: { success: true }, totp: { success: false } };
    const one = event(portal({ mfa: false, auth_context: { auth_methods: methods } }));
    expect([one.is_mfa, one.auth_factors!.length]).toEqual([false, 1]);
    const both = event(portal({ mfa: false, auth_context: { auth_methods: { ...methods, totp: { success: true } } } }));
    expect(both).not.toHaveProperty('is_mfa');
    expect(both.unmapped!.mfa).toBe(false);
  });
});

describe('where somebody logs in from', () => {
  it('is client_ip with place and network', () => {
    expect(event(portal({ asn: { number: 64500, organization: 'Example Net' } })).src_endpoint).toMatchObject({
      ip: '198.51.100.7',
      location: { country: 'PT', region: 'PT-11', continent: 'Europe', lat: 38.7219, long: -9.1398 },
      autonomous_system: { number: 64500, name: 'Example Net' },
    });
  });

  it('has the operating system of the parsed user agent, of which the rest is kept and no text invented', () => {
    const useragent = { os: 'Mac OS X', os_name: 'Mac OS X', os_version: '10.15.7', name: 'Chrome', version: '126.0' };
    const mapped = event(portal({ useragent }));
    expect(mapped.src_endpoint!.os).toEqual({ name: 'Mac OS X', type_id: 300, type: 'macOS', version: '10.15.7' });
    expect(mapped.actor).toMatchObject({ app_name: 'Chrome 126.0' });
    expect(mapped.unmapped ?? {}).not.toHaveProperty('useragent');
    expect(mapped).not.toHaveProperty('http_request');
  });

  it('has a user agent where the record gives it as a text', () => {
    expect(event(portal({ useragent: 'curl/8.5' })).http_request).toEqual({ user_agent: 'curl/8.5' });
  });

  it('understands ip:port, [ip]:port and ::ffff:', () => {
    expect(event(portal({ client_ip: '198.51.100.7:51234' })).src_endpoint).toMatchObject({
      ip: '198.51.100.7',
      port: 51234,
    });
    expect(event(portal({ client_ip: '[2001:db8::7]:443' })).src_endpoint).toMatchObject({
      ip: '2001:db8::7',
      port: 443,
    });
    expect(event(portal({ client_ip: '::ffff:198.51.100.7' })).src_endpoint!.ip).toBe('198.51.100.7');
    expect(event(portal({ client_ip: '::ffff:198.51.100.7:80' })).src_endpoint).toMatchObject({
      ip: '198.51.100.7',
      port: 80,
    });
  });

  it('is the IPv4 address in any spelling of a mapped one', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const bytes = ip.split('.').map(Number);
        const hex = (at: number) => ((bytes[at]! << 8) | bytes[at + 1]!).toString(16);
        for (const written of [
          `::ffff:${ip}`,
          `0:0:0:0:0:ffff:${ip}`,
          `0:0:0:0:0:FFFF:${hex(0)}:${hex(2)}`,
          `[::ffff:${ip}]:80`,
        ])
          expect(event(portal({ client_ip: written })).src_endpoint!.ip).toBe(ip);
      }),
      { numRuns: 30 },
    );
    expect(event(portal({ client_ip: '2001:db8::ffff:c000:201' })).src_endpoint!.ip).toBe('2001:db8::ffff:c000:201');
  });

  it('is the first address of a forwarded list, which is kept whole', () => {
    const mapped = event(portal({ client_ip: '198.51.100.7, 10.0.0.1' }));
    expect(mapped.src_endpoint!.ip).toBe('198.51.100.7');
    expect(mapped.unmapped!.client_ip).toBe('198.51.100.7, 10.0.0.1');
  });

  it('is absent where the address cannot be read, and the record keeps its text', () => {
    const mapped = event(portal({ client_ip: '1x2x3x4' }));
    expect(mapped).not.toHaveProperty('src_endpoint');
    expect(mapped.unmapped).toMatchObject({ client_ip: '1x2x3x4', geoip: { country_code: 'PT' } });
  });

  it('has no place without a country or a city, and no region that is no ISO code', () => {
    const { src_endpoint: nowhere, unmapped } = event(portal({ geoip: { latitude: 1.5, longitude: 2.5 } }));
    expect(nowhere).not.toHaveProperty('location');
    expect(unmapped!.geoip).toEqual({ latitude: 1.5, longitude: 2.5 });
    const { src_endpoint: there } = event(portal({ geoip: { country_code: 'ie', region_code: 'Leinster' } }));
    expect(there!.location).toEqual({ country: 'IE' });
  });

  it('understands old and differently typed coordinates', () => {
    const { src_endpoint } = event(portal({ geoip: { country_code2: 'US', latitude: '28.5', longitude: 'west' } }));
    expect(src_endpoint!.location).toEqual({ country: 'US', lat: 28.5 });
  });
});

describe('a login to a device', () => {
  it('comes from src_ip without a place, and goes to the device at client_ip', () => {
    const mapped = event(login());
    expect(mapped.src_endpoint).toEqual({ ip: '192.0.2.201' });
    expect(mapped.dst_endpoint).toMatchObject({
      uid: laptop.id,
      hostname: 'LT-04',
      name: 'Laptop 4',
      ip: '198.51.100.7',
      location: { country: 'PT' },
    });
    expect(mapped).not.toHaveProperty('service');
  });

  it('comes from the device itself where src_ip is none, unless it is remote', () => {
    const mapped = event(login({ src_ip: '-' }));
    expect(mapped.src_endpoint).toMatchObject({ ip: '198.51.100.7', location: { country: 'PT' } });
    expect(mapped.unmapped!.src_ip).toBe('-');
    for (const remote of [{ process_name: 'sshd' }, { windows_meta: { logon_type: '10' } }] as JsonObject[])
      expect(event(login({ src_ip: '', ...remote }))).not.toHaveProperty('src_endpoint');
  });

  it('is in the place of the device where it comes from there or from its own network, and else nowhere', () => {
    for (const here of [
      '198.51.100.7',
      '10.0.0.5',
      '192.168.1.9',
      '172.20.1.1',
      '127.0.0.1',
      '::1',
      'fe80::1',
      'fd00::7',
    ])
      expect(event(login({ src_ip: here })).src_endpoint).toMatchObject({ ip: here, location: { country: 'PT' } });
    for (const elsewhere of ['192.0.2.201', '172.32.0.1', '2001:db8::1'])
      expect(event(login({ src_ip: elsewhere })).src_endpoint).toEqual({ ip: elsewhere });
  });

  it('has the logon type that Windows gives', () => {
    expect(event(login({ windows_meta: { logon_type: '10' } }))).toMatchObject({
      logon_type_id: 10,
      logon_type: 'Remote Interactive',
      is_remote: true,
    });
    expect(event(login({ windows_meta: { logon_type: '2' } }))).toMatchObject({ logon_type_id: 2, is_remote: false });
    expect(event(login({ windows_meta: { logon_type: '6' } }))).toMatchObject({ logon_type_id: 99, logon_type: '6' });
  });

  it('counts the repeats that the device reports as one', () => {
    const mapped = event(login({ repeat_count: 25 }));
    expect(mapped.count).toBe(25);
    expect(mapped.unmapped ?? {}).not.toHaveProperty('repeat_count');
    expect(event(login({ repeat_count: '25' })).count).toBe(25);
    expect(event(login())).not.toHaveProperty('count');
    for (const odd of [0, -1, 1.5, 2 ** 60, 'many', true]) {
      const kept = event(login({ repeat_count: odd }));
      expect(kept).not.toHaveProperty('count');
      expect(kept.unmapped).toHaveProperty('repeat_count', odd);
    }
  });

  it('counts any number of repeats by that number alone', () => {
    const process = fc.constantFrom('sshd', 'loginwindow', 'login');
    fc.assert(
      fc.property(
        fc.integer({ min: -2, max: 2 ** 31 - 1 }),
        fc.boolean(),
        process,
        (repeats, success, process_name) => {
          const { count } = event(login({ repeat_count: repeats, success, process_name }));
          expect(count).toBe(repeats > 0 ? repeats : undefined);
        },
      ),
    );
  });

  it('is remote over SSH', () => {
    const mapped = event(login({ process_name: 'sshd' }));
    expect(mapped.is_remote).toBe(true);
    expect(mapped.service).toEqual({ name: 'sshd' });
    expect(mapped.message).toContain('logged on to LT-04');
  });

  it('finds the device by the other spelling of its host name', () => {
    const mapped = event(login({ system: { host_name: 'LT-04' } }));
    expect(mapped).toMatchObject({ class_uid: 3002, dst_endpoint: { hostname: 'LT-04' } });
    expect(mapped.unmapped ?? {}).not.toHaveProperty('system');
  });

  it('to no named device is a Base Event', () => {
    const { system: _system, ...nowhere } = login();
    expect(event(nowhere).class_uid).toBe(0);
  });
});

describe('what somebody logs in to', () => {
  it('is the portal, the application or the protocol service', () => {
    expect(event(portal()).service).toEqual({ name: 'JumpCloud User Portal' });
    expect(event(admin()).service).toEqual({ name: 'JumpCloud Admin Portal' });
    expect(event(sso()).service).toEqual({ name: 'Google Workspace', uid: application.id });
    expect(event(sso({ application: { id: '', name: '' } })).service).toEqual({ name: 'JumpCloud SSO' });
  });

  it('is spoken to in a protocol', () => {
    expect(event(sso())).toMatchObject({ auth_protocol_id: 5, auth_protocol: 'SAML' });
    expect(event(sso({ application: { ...application, sso_type: 'oidc' } }))).toMatchObject({ auth_protocol_id: 4 });
    expect(event(sso({ application: { ...application, sso_type: 'bookmark' } }))).toMatchObject({
      auth_protocol_id: 99,
      auth_protocol: 'bookmark',
    });
    const radius = event(record('radius', 'radius_auth', { initiated_by: ana, success: true, eap_type: 'MSCHAPv2' }));
    expect(radius).toMatchObject({ auth_protocol_id: 10, logon_type_id: 3, unmapped: { eap_type: 'MSCHAPv2' } });
  });

  it('hears the password in clear where a simple bind has no TLS, if the record says so', () => {
    expect(event(bind({ tls_established: false })).is_cleartext).toBe(true);
    expect(event(bind({ tls_established: true }))).toMatchObject({ is_cleartext: false, auth_protocol_id: 12 });
    expect(event(bind())).not.toHaveProperty('is_cleartext');
    expect(event(bind({ auth_method: 163, tls_established: false }))).not.toHaveProperty('is_cleartext');
    expect(event(bind()).user!.ldap_person!.ldap_dn).toContain('uid=svc.app');
  });

  it('is unknown in its outcome where only a browser saw it', () => {
    const seen = event(
      record('saas_app_management', 'saas_management_login_event', {
        initiated_by: ana,
        resource: { application_id: '9', application_name: 'Pixelboard' },
      }),
    );
    expect(seen).toMatchObject({ class_uid: 3002, status_id: 0, service: { name: 'Pixelboard', uid: '9' } });
  });
});

describe('the rest of a login', () => {
  it('carries applied policies as authorizations of the actor', () => {
    const mapped = event(sso({ auth_context: { auth_methods: {}, policies_applied: [policy('Global', 'ALLOW')] } }));
    expect(mapped.actor!.authorizations).toEqual([
      { decision: 'ALLOW', policy: { name: 'Global', uid: 'id of Global' } },
    ]);
  });

  it('carries the device that was used, under the profile host alone', () => {
    const mapped = event(
      sso({ auth_context: { auth_methods: {}, system: { ...laptop, os: 'Windows 11', version: '23H2' } } }),
    );
    expect(mapped.device).toMatchObject({
      uid: laptop.id,
      hostname: 'LT-04',
      type_id: 0,
      os: { name: 'Windows 11', type_id: 100, type: 'Windows', version: '23H2' },
    });
    expect(mapped.metadata!.profiles).toEqual(['host']);
    expect(event(sso()).metadata).not.toHaveProperty('profiles');
  });

  it('carries session and correlation', () => {
    const mapped = event(portal({ session_id: 's-1', correlation: { id: 'c-1', type: 'login' } }));
    expect(mapped.session).toEqual({ uid: 's-1' });
    expect(mapped.metadata!.correlation_uid).toBe('c-1');
    expect(mapped.unmapped!.correlation).toEqual({ type: 'login' });
  });

  it('lists observables that are in the record, and no others', () => {
    const mapped = event(portal());
    expect(mapped.observables).toContainEqual({ name: 'user.name', type_id: 4, type: 'User Name', value: 'ana.lima' });
    expect(mapped.observables).toContainEqual({
      name: 'src_endpoint.ip',
      type_id: 2,
      type: 'IP Address',
      value: '198.51.100.7',
    });
    expect(JSON.stringify(mapped.observables)).not.toContain('user_agent');
  });

  it('is described in one sentence: who, what, whom, from where, with what outcome and why', () => {
    expect(
      event(portal({ success: false, error_message: 'bad credentials', geoip: { ...geoip, city: 'Lisbon' } })).message,
    ).toBe(
      'ana.lima tried to log on to JumpCloud User Portal from 198.51.100.7 (Lisbon, PT): failure (bad credentials).',
    );
    expect(event(sso()).message).toBe('ana.lima logged on to Google Workspace from 198.51.100.7 (PT): success.');
  });

  it('says where it comes from', () => {
    const fetchedAt = Date.UTC(2025, 2, 1, 9);
    const { metadata, time, timezone_offset: offset } = event(portal(), { fetchedAt });
    expect(metadata).toMatchObject({
      version: '1.8.0',
      original_event_uid: '66a0c0ffee0000000000a001',
      original_time: '2025-03-01T08:15:30.123Z',
      event_code: 'user_login_attempt',
      log_name: 'directory',
      log_source: 'directory',
      log_version: '1',
      tenant_uid: organization,
      logged_time: fetchedAt,
      product: { name: 'Directory Insights', vendor_name: 'JumpCloud', feature: { name: 'directory' } },
      transformation_info_list: [
        { name: 'jumpcloud-ocsf', product: { name: 'jumpcloud-ocsf', version: '0.0.0-test' } },
      ],
    });
    expect([time, offset]).toEqual([Date.UTC(2025, 2, 1, 8, 15, 30, 123), 0]);
  });

  it('leaves logged_time out where the record is dated after its fetching, and says so', () => {
    const { metadata } = event(portal(), { fetchedAt: Date.UTC(2025, 2, 1, 8) });
    expect(metadata).not.toHaveProperty('logged_time');
    expect(metadata!.labels).toEqual(['dated_after_fetch']);
  });
});
