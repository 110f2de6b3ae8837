import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEmployees } from '../../collector/inventory/employees.js';
import { SECRET_MARK } from '../../fixtures/tenant/directory/seeded.js';
import { hasValidator, validate } from '../mappings/validator.js';
import {
  current,
  deliveredKeys,
  type InventoryUnderTest,
  inventoryUnderTest,
  ledgerKeys,
} from './inventory-under-test.js';
import { faultyRelationships } from './relationships.js';

type Json = Record<string, unknown>;

function object(under: InventoryUnderTest, type: string, id: string): Json {
  return current(under.sink.entities, type).get(`${under.directory.organization}/${id}`) as Json;
}

function eventsOf(under: InventoryUnderTest, id: string): Json[] {
  return under.sink.events
    .map(({ text }) => JSON.parse(text) as Json)
    .filter(({ metadata }) => (metadata as Json).original_event_uid === id);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}

describe('an inventory', () => {
  it('delivers every object and relationship of the directory, and a marker that says the generation is complete (I1)', async () => {
    const { generation, sink, directory } = await inventoryUnderTest();
    const marker = await generation();
    expect(marker.incomplete).toEqual([]);
    expect(deliveredKeys(sink.entities)).toEqual(ledgerKeys(directory));
    expect(sink.events).toHaveLength(1 + 250 + 12 + 12 + 4 + 10);
    expect(new Set(sink.events.map(({ uid }) => uid)).size).toBe(sink.events.length);
    expect(current(sink.entities, 'person').size).toBe(250 + 12);
    const kinds = ['membership', 'assignment', 'role_holder', 'account_edge'].flatMap((type) =>
      [...current(sink.entities, type).values()].map(
        ({ kind, from, to }) => `${(from as Json).type} ${kind} ${(to as Json).type}`,
      ),
    );
    const { faults, relationships } = faultyRelationships(sink.entities);
    expect([faults, relationships]).toEqual([[], kinds.length]);
    expect([...new Set(kinds)].sort()).toEqual(
      [
        'account has group',
        'account has user',
        'application assigned group',
        'application assigned user',
        'group has user',
        'role held_by administrator',
      ].sort(),
    );
  });

  it('names each kind as graph stores do', async () => {
    const { generation, sink } = await inventoryUnderTest();
    await generation();
    const named = (type: string) => {
      const [one] = current(sink.entities, type).values();
      return [one?.entity_type, one?.entity_class];
    };
    expect(named('user')).toEqual(['jumpcloud_user', ['User']]);
    expect(named('group')).toEqual(['jumpcloud_group', ['Group']]);
    expect(named('organization')).toEqual(['jumpcloud_account', ['Account', 'Organization']]);
    for (const type of ['administrator', 'role', 'application'])
      expect(named(type)).toEqual([`jumpcloud_${type}`, [expect.any(String)]]);
  });

  it('delivers nothing but a marker where nothing changed (I2)', async () => {
    const { generation, sink } = await inventoryUnderTest();
    await generation();
    const before = [sink.entities.length, sink.events.length];
    await generation();
    expect([sink.entities.length, sink.events.length]).toEqual([before[0]! + 1, before[1]]);
    expect(sink.entities.at(-1)?.type).toBe('snapshot');
  });

  it('asks for pages of a hundred in the order of ids, and reads a list again whose count moved (I3)', async () => {
    const under = await inventoryUnderTest();
    const { tenant, directory } = under;
    const victim = directory.ids('users')[3] as string;
    tenant.script([
      {
        when: { route: 'console', path: 'systemusers\\?.*skip=100', times: 1 },
        effect: { kind: 'run', action: () => void directory.remove('users', victim) },
      },
    ]);
    const marker = await under.generation();
    expect(marker.incomplete).toEqual([]);
    expect(deliveredKeys(under.sink.entities).user).toEqual(ledgerKeys(directory).user);
    const asked = tenant.requests
      .filter(({ path }) => path === '/api/systemusers')
      .map(({ query }) => new URLSearchParams(query));
    expect(asked).toHaveLength(6);
    expect(new Set(asked.map((query) => `${query.get('limit')} ${query.get('sort')}`))).toEqual(new Set(['100 _id']));
  });

  it('reads all members of a list whose pages lack null rows (I4)', async () => {
    const under = await inventoryUnderTest({ tenant: { directory: { users: 530, groups: 1, everyone: true } } });
    under.tenant.directoryQuirks.nullMembers = { every: 177, form: 'left_out' };
    await under.generation();
    expect(current(under.sink.entities, 'membership').size).toBe(530);
    expect(under.tenant.requests.filter(({ path }) => path.endsWith('/members'))).toHaveLength(6);
  });

  it('ends a list without a count only at an empty page, and does not trust Link (I5)', async () => {
    const under = await inventoryUnderTest({ tenant: { directory: { users: 200, groups: 100, memberships: 500 } } });
    Object.assign(under.tenant.directoryQuirks, { totalCount: false, link: true });
    const marker = await under.generation();
    expect(marker.incomplete).toEqual([]);
    expect(current(under.sink.entities, 'group').size).toBe(100);
    expect(under.tenant.requests.filter(({ path }) => path === '/api/v2/usergroups')).toHaveLength(2);
  });

  it('asks once for a user who came while it was read and is a member, delivers both, and says in the next generation that the user is known (I6)', async () => {
    const under = await inventoryUnderTest();
    const { directory, tenant } = under;
    const [group = ''] = directory.ids('groups');
    let created = '';
    const create = () => {
      created = directory.create('users', { username: 'new.comer', email: 'new.comer@example.test' });
      directory.addMember(group, created);
    };
    tenant.script([
      { when: { route: 'console', path: '/usergroups\\?', times: 1 }, effect: { kind: 'run', action: create } },
    ]);
    await under.generation();
    const edge = () => current(under.sink.entities, 'membership').get(`${directory.organization}/${group}/${created}`);
    const lookUps = () => tenant.requests.filter(({ path }) => path === `/api/systemusers/${created}`).length;
    expect([edge()?.endpoints_known, lookUps()]).toEqual([false, 1]);
    expect(object(under, 'user', created)).toMatchObject({ name: 'new.comer' });
    expect(JSON.stringify(under.sink.entities)).not.toContain(SECRET_MARK);
    await under.generation();
    expect([edge()?.endpoints_known, lookUps(), eventsOf(under, created).length]).toEqual([true, 1, 1]);
    expect(deliveredKeys(under.sink.entities)).toEqual(ledgerKeys(directory));
  });

  it('asks once for a member of a group who is in no list, and keeps the edge as one whose end is not known', async () => {
    const under = await inventoryUnderTest();
    const { directory, tenant } = under;
    const [group = ''] = directory.ids('groups');
    const stranger = 'f'.repeat(24);
    const members = [{ to: { type: 'user', id: stranger } }];
    tenant.script([
      {
        when: { route: 'console', path: `${group}/members` },
        effect: { kind: 'status', status: 200, headers: { 'X-Total-Count': '1' }, body: members },
      },
    ]);
    for (let i = 0; i < 3; i++) await under.generation();
    const edge = current(under.sink.entities, 'membership').get(`${directory.organization}/${group}/${stranger}`);
    expect(edge?.endpoints_known).toBe(false);
    expect(tenant.requests.filter(({ path }) => path === `/api/systemusers/${stranger}`)).toHaveLength(1);
    expect(object(under, 'user', stranger)).toBeUndefined();
  });

  it('takes the id of a member from _id or id, whichever is given, and none where the two differ', async () => {
    const under = await inventoryUnderTest();
    const { directory, tenant } = under;
    const [group = ''] = directory.ids('groups');
    const [a = '', b = '', c = '', d = ''] = directory.ids('users');
    const answer = (...ends: object[]) =>
      tenant.script([
        {
          when: { route: 'console', path: `${group}/members`, times: 1 },
          effect: {
            kind: 'status',
            status: 200,
            headers: { 'X-Total-Count': String(ends.length) },
            body: ends.map((end) => ({ to: { type: 'user', ...end } })),
          },
        },
      ]);
    const stage = async () => (await under.generation()).stages.find(({ stage: name }) => name === 'memberships');
    answer({ _id: a }, { id: b }, { _id: null, id: c }, { _id: d, id: d });
    expect(await stage()).toMatchObject({ complete: true });
    const members = [...current(under.sink.entities, 'membership').keys()].filter((key) => key.includes(`/${group}/`));
    expect(members.sort()).toEqual([a, b, c, d].map((id) => `${directory.organization}/${group}/${id}`).sort());
    answer({ _id: a, id: b });
    expect(await stage()).toMatchObject({ complete: false });
  });

  it('has made roles and their holders (I7), and delivers a change of a role in the next generation (I8)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    await under.generation();
    const names = [...current(under.sink.entities, 'role').values()].map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['Billing Only', 'Custom role 1']));
    const administrator = directory.ids('administrators')[5] as string;
    const role = directory.ids('roles')[9] as string;
    directory.change('administrators', administrator, {
      roles: [role],
      role,
      roleName: 'Custom role 2',
      roleNames: ['Custom role 2'],
    });
    await under.generation();
    expect(deliveredKeys(under.sink.entities).role_holder).toEqual(ledgerKeys(directory).role_holder);
    expect(object(under, 'administrator', administrator).attributes).toMatchObject({ roleName: 'Custom role 2' });
  });

  it('links administrators and users by JumpCloud’s own link, else by an e-mail that one of each has (I9)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const [first = '', second = ''] = directory.ids('users').slice(100);
    const administrator = directory.ids('administrators')[9] as string;
    directory.change('users', first, { email: 'Same@example.test' });
    directory.change('users', second, { email: 'same@example.test' });
    directory.change('administrators', administrator, { email: 'SAME@example.test' });
    await under.generation();
    const person = (kind: string, id: string) =>
      current(under.sink.entities, 'person').get(`${directory.organization}/${kind}/${id}`);
    expect(person('user', first)?.link).toBe('ambiguous');
    expect(person('administrator', administrator)?.link).toBe('ambiguous');
    const linked = directory.ids('administrators')[1] as string;
    expect(person('administrator', linked)).toMatchObject({ link: 'certain', user: directory.ids('users')[2] });
    const unlinked = directory.ids('administrators')[3] as string;
    expect(person('administrator', unlinked)).toMatchObject({ link: 'probable', user: directory.ids('users')[7] });
  });

  it('keeps the assignments of an application to a user and to a group apart (I10)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const [application = ''] = directory.ids('applications');
    const [user = ''] = directory.targets(application, 'user');
    await under.generation();
    directory.setAssigned(application, { type: 'user', id: user }, false);
    await under.generation();
    await under.generation();
    expect(deliveredKeys(under.sink.entities).assignment).toEqual(ledgerKeys(directory).assignment);
    expect(directory.targets(application, 'user_group')).toHaveLength(2);
  });

  it('says nothing of MFA where JumpCloud does not, and distinguishes a lock from a suspension (I11)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const id = directory.ids('users')[16] as string;
    directory.change('users', id, { account_locked: true, state: 'ACTIVATED', suspended: false, totp_enabled: null });
    await under.generation();
    const user = eventsOf(under, id)[0]?.user as Json;
    expect(user).not.toHaveProperty('has_mfa');
    expect(user.account).toMatchObject({ is_locked: true, is_disabled: false });
  });

  it('passes on and keeps no secret of the directory, even where JumpCloud sends them unasked (I12)', async () => {
    const under = await inventoryUnderTest();
    under.tenant.directoryQuirks.fieldsIgnored = true;
    const { directory } = under;
    directory.change('users', directory.ids('users')[4] as string, { _id: 'x' });
    const kept: string[] = [];
    under.sink.fate = () => {
      for (const path of filesBelow(under.settings.directory)) kept.push(readFileSync(path, 'latin1'));
      return 'kept';
    };
    await under.run();
    const told = JSON.stringify([under.sink.events, under.sink.entities, under.sink.deadLetters, under.told]);
    expect(under.sink.deadLetters).toHaveLength(1);
    expect(kept.join('')).toContain('ana.lima');
    for (const text of [told, ...kept]) expect(text.includes(SECRET_MARK)).toBe(false);
  });

  it('gives a value that comes back an event of its own, and intervals without gaps (I14)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const id = directory.ids('users')[20] as string;
    const before = directory.get('users', id)?.department as string;
    await under.generation();
    directory.change('users', id, { department: 'Elsewhere' });
    await under.generation();
    directory.change('users', id, { department: before });
    await under.generation();
    const seen = under.sink.entities.filter(({ type, key }) => type === 'user' && key.endsWith(id));
    expect(new Set(eventsOf(under, id).map(({ metadata }) => (metadata as Json).uid)).size).toBe(3);
    expect(seen.map(({ value }) => ((JSON.parse(value ?? '') as Json).attributes as Json).department)).toEqual([
      before,
      'Elsewhere',
      before,
    ]);
    expect(seen.map(({ observedAt }) => observedAt)).toEqual(
      seen.map(({ observedAt }) => observedAt).sort((a, b) => a - b),
    );
  });

  it('keeps order where the clock is set back (F10)', async () => {
    const under = await inventoryUnderTest();
    const id = under.directory.ids('users')[20] as string;
    await under.generation();
    under.time.step(-10 * 86_400_000);
    under.directory.change('users', id, { department: 'Elsewhere' });
    await under.generation();
    const [first, second] = under.sink.entities.filter(({ type, key }) => type === 'user' && key.endsWith(id));
    expect(second?.observedAt).toBeGreaterThan(first?.observedAt as number);
  });

  it('delivers the others where one row has two ids, which becomes a dead letter, and removes nothing (I16)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    await under.generation();
    const [broken = '', , gone = ''] = directory.ids('users');
    directory.change('users', broken, { _id: 'f'.repeat(24) });
    directory.remove('users', gone);
    for (let i = 0; i < 3; i++) {
      const { marker } = await under.run();
      expect(marker.incomplete).toEqual(['users']);
    }
    expect(under.sink.deadLetters[0]?.message).toContain('two different ids');
    expect(object(under, 'user', gone)).toBeDefined();
  });

  it('tags everything with the account’s name, and delivers everything again where that changes (I17)', async () => {
    const under = await inventoryUnderTest();
    await under.generation();
    const total = (type: string) => under.sink.entities.filter((entity) => entity.type === type).length;
    Object.assign(under.settings, { accountName: 'Acme renamed' });
    const marker = await under.generation();
    expect([marker.full, marker.stages.every(({ gone }) => gone === 0)]).toEqual([true, true]);
    expect(total('user')).toBe(500);
    for (const { value } of under.sink.entities.slice(-100))
      expect(JSON.parse(value ?? '{}').account_name).toBe('Acme renamed');
    const last = JSON.parse(under.sink.events.at(-1)?.text ?? '') as Json;
    expect((last.metadata as Json).tags).toEqual([{ name: 'AccountName', value: 'Acme renamed' }]);
  });

  it('matches accounts with a list of employees, and never chooses between two (I18)', async () => {
    const under = await inventoryUnderTest();
    const { directory } = under;
    const emails = ['exact@x.test', 'none@x.test', 'twice@x.test', 'UPPER@x.test', 'zoe\u0308@x.test', 'nobody@x.test'];
    for (const [at, email] of emails.entries())
      directory.change('users', directory.ids('users')[at] as string, {
        email,
        employeeIdentifier: null,
        alternateEmail: at === 1 ? 'alias@x.test' : '',
      });
    under.employees = readEmployees(
      'employee_id,email,aliases\nE1,exact@x.test,\nE2,other@x.test,alias@x.test\nE3,twice@x.test,\nE4,twice@x.test,\nE5,upper@x.test,\nE6,"zo\u00eb@x.test",\n',
      'employees.csv',
    );
    await under.generation();
    const people = current(under.sink.entities, 'person');
    const matches = directory
      .ids('users')
      .slice(0, 6)
      .map((id) => {
        const { match, employee } = people.get(`${directory.organization}/user/${id}`) as Json;
        return [match, employee];
      });
    expect(matches).toEqual([
      ['exact', 'E1'],
      ['alternate', 'E2'],
      ['ambiguous', undefined],
      ['exact', 'E5'],
      ['exact', 'E6'],
      ['none', undefined],
    ]);
  });

  it('reads one of 320 organizations, asks for all their pages without naming one, and names it everywhere else (I13, R2)', async () => {
    const orgId = '5f2e00000000000000000319';
    const organization = { organization: orgId, records: 0, directory: { users: 3, groups: 1 } };
    const under = await inventoryUnderTest({ tenant: { organizations: [organization] }, client: { orgId } });
    const all = Array.from({ length: 320 }, (_, at) => ({
      _id: `5f2e${String(at).padStart(20, '0')}`,
      displayName: `Org ${at}`,
    }));
    for (const skip of [0, 100, 200, 300]) {
      const body = { results: all.slice(skip, skip + 100), totalCount: 320 };
      under.tenant.script([
        {
          when: { route: 'console', path: `/organizations.*skip=${skip}$` },
          effect: { kind: 'status', status: 200, body },
        },
      ]);
    }
    const marker = await under.generation();
    expect([marker.org, marker.incomplete]).toEqual([orgId, []]);
    const asked = under.tenant.requests.filter(({ route }) => route === 'console');
    const lists = asked.filter(({ path }) => path === '/api/organizations');
    expect(new Set(lists.map(({ query }) => new URLSearchParams(query).get('skip')))).toEqual(
      new Set(['0', '100', '200', '300']),
    );
    expect(lists.every(({ organizationHeader }) => organizationHeader === undefined)).toBe(true);
    expect(
      asked
        .filter(({ path }) => path !== '/api/organizations')
        .every(({ organizationHeader }) => organizationHeader === orgId),
    ).toBe(true);
  });
});

it.skipIf(!hasValidator())('writes events that pass a strict validator of OCSF', async () => {
  const under = await inventoryUnderTest();
  const { directory } = under;
  await under.generation();
  directory.remove('users', directory.ids('users')[5] as string);
  directory.remove('groups', directory.ids('groups')[5] as string);
  await under.generation();
  await under.generation();
  const lines = under.sink.events.map(({ text }) => text);
  const found = validate(lines, under.time.now());
  expect(found).toMatchObject({ events: lines.length, total: { errors: 0, warnings: 0 } });
});
