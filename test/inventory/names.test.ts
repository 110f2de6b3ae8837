import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { byOwnEmail, type Employees } from '../../collector/inventory/employees.js';
import { encodeEntry, idKey } from '../../collector/inventory/entry.js';
import { findUsers, keepNames } from '../../collector/inventory/names.js';
import { SortedWriter } from '../../collector/inventory/sorted-file.js';
import { settingsOf } from '../../collector/runtime/assemble.js';
import { enrichNames, type FindUser, type NameOutcome, nameForms } from '../../mappings/directory-names.js';
import type { JsonObject } from '../../mappings/json.js';
import { finishedEvent, record } from '../mappings/mapping.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { configOf } from '../monitoring/observe-feed.js';
import { inventoryUnderTest } from './inventory-under-test.js';

const ANA = 'a'.repeat(24);
const BEN = 'b'.repeat(24);
const T0 = Date.UTC(2025, 2, 1);
const DAY = 86_400_000;
const ignored = () => undefined;

/** Names as daily readings find these users: id to user name and e-mail. */
async function named(readings: readonly Record<string, [username: string, email: string]>[], employees = byOwnEmail) {
  const directory = mkdtempSync(join(tmpdir(), 'names-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const read = async (users: Record<string, [string, string]>, at: number, of: Employees = employees) => {
    const known = join(directory, 'users.known');
    const writer = new SortedWriter(known);
    for (const [id, [username, email]] of Object.entries(users).sort()) {
      const json = Buffer.from(JSON.stringify({ _id: id, username, email }));
      writer.write({ key: idKey(id), value: encodeEntry({ absent: 0, known: true, firstSeen: 0, json }) });
    }
    await writer.finish();
    await keepNames(directory, { known, employees: of }, { generation: at + 1, observedAt: T0 + at * DAY });
  };
  for (const [at, users] of readings.entries()) await read(users, at);
  return { directory, read, find: findUsers(directory, ignored) };
}

function who(find: FindUser, name: string, day: number): string {
  const found = find(nameForms(name), T0 + day * DAY);
  return typeof found === 'string' ? found : found.uid;
}

/** A RADIUS login, which gives a user name and nothing else. */
function radius(username: string, more: JsonObject = {}): JsonObject {
  const timestamp = new Date(T0 + 1.5 * DAY).toISOString();
  return record('radius', 'radius_auth_attempt', {
    initiated_by: { type: 'user', username },
    success: true,
    timestamp,
    ...more,
  });
}

describe('a name without a uid', () => {
  it.each([
    ['ana.lima', 'ana.lima', undefined],
    ['Ana.Lima ', 'ana.lima', undefined],
    ['DOM\\ana.lima', 'ana.lima', undefined],
    ['ana.lima@realm', 'ana.lima', 'ana.lima@realm'],
    ['DOM\\ana.lima@realm', 'ana.lima', 'ana.lima@realm'],
    ['uid=ana.lima,ou=Users,o=5f0000000000000000000001,dc=jumpcloud,dc=com', 'ana.lima', undefined],
    ['CN=Lima\\, Ana,ou=Users', 'lima, ana', undefined],
  ])('%s is the user name %s and the e-mail %s (I20)', (name, username, email) => {
    expect(nameForms(name)).toEqual({ username, email });
  });

  it('leads to who bore it then: a name that was given to another later, a renamed user, nobody before the first reading (I20)', async () => {
    const { find } = await named([
      { [ANA]: ['ana', 'ana@x.test'] },
      { [ANA]: ['ana.lima', 'ana@x.test'] },
      { [BEN]: ['ana', 'ben@x.test'] },
    ]);
    expect(who(find, 'DOM\\ana', -1)).toBe('before_inventory');
    expect(who(find, 'DOM\\ana@x.test', 0.5)).toBe(ANA);
    expect(who(find, 'ana', 1.5)).toBe('unknown');
    expect(who(find, 'ana.lima', 1.5)).toBe(ANA);
    expect(who(find, 'ana@x.test', 1.5)).toBe(ANA);
    expect(who(find, 'ana.lima', 2.5)).toBe('unknown');
    expect(who(find, 'uid=ana,ou=Users', 9)).toBe(BEN);
  });

  it('leads to nobody where two may be meant, and where there is no inventory', async () => {
    const { find } = await named([{ [ANA]: ['ana', 'ben@x.test'], [BEN]: ['ben@x.test', 'ben.b@x.test'] }]);
    expect(who(find, 'ben@x.test', 1)).toBe('ambiguous');
    expect(who(findUsers('/nowhere', ignored), 'ana', 1)).toBe('no_inventory');
  });

  it('with an @ is taken whole first, and by its user name alone where the domain is that of the e-mail', async () => {
    const { find } = await named([{ [ANA]: ['ana', 'ana.lima@x.test'], [BEN]: ['ben', 'ana@y.test'] }]);
    expect(who(find, 'ana@x.test', 1)).toBe(ANA);
    expect(who(find, 'ana@y.test', 1)).toBe(BEN);
    for (const outsider of ['ana@gmail.test', 'ben@x.test', 'ana@notx.test', 'a@na@x.test'])
      expect([outsider, who(find, outsider, 1)]).toEqual([outsider, 'unknown']);
  });

  it('with a realm, which has no dot and so is no domain of e-mail, is who bears the user name; ambiguous where two do (I20)', async () => {
    const { find } = await named([{ [ANA]: ['ana', 'ana@x.test'], [BEN]: ['ben', 'ben@x.test'] }]);
    for (const name of ['ana@realm', 'ANA@CORP', 'DOM\\ana@realm'])
      expect([name, who(find, name, 1)]).toEqual([name, ANA]);
    expect(who(find, 'nobody@realm', 1)).toBe('unknown');
    const two = await named([{ [ANA]: ['ana', 'ana@x.test'], [BEN]: ['ana', 'ben@x.test'] }]);
    expect(who(two.find, 'ana@realm', 1)).toBe('ambiguous');
    const whole = await named([{ [ANA]: ['ana', 'ana@x.test'], [BEN]: ['ana@realm', 'ben@x.test'] }]);
    expect(who(whole.find, 'ana@realm', 1)).toBe(BEN);
  });

  it.each<[string, (path: string) => void]>([
    ['cannot be read', (path) => mkdirSync(path)],
    ['is damaged', (path) => writeFileSync(path, '{"version":1,"since":0}\n{"no":"array"}\n')],
    ['is damaged', (path) => writeFileSync(path, 'null\n')],
  ])(
    'costs no event where the file of names %s: that is said once, and what was read before stays',
    async (reason, spoil) => {
      const { directory, read } = await named([{ [ANA]: ['ana', 'ana@x.test'] }]);
      const said: string[] = [];
      const find = findUsers(directory, (why) => said.push(why));
      expect(who(find, 'ana', 1)).toBe(ANA);
      const path = join(directory, 'names.ndjson');
      const sound = join(directory, 'sound');
      renameSync(path, sound);
      spoil(path);
      for (const day of [1, 2]) expect(who(find, 'ana', day)).toBe(ANA);
      expect(who(findUsers(directory, ignored), 'ana', 1)).toBe('no_inventory');
      expect(said).toEqual([expect.stringContaining(`names.ndjson ${reason}`)]);
      rmSync(path, { recursive: true });
      renameSync(sound, path);
      await read({ [BEN]: ['ana', 'ben@x.test'] }, 1);
      expect(who(find, 'ana', 2)).toBe(BEN);
    },
  );

  it('is looked up in what the last generation left, also where that came while the feed runs', async () => {
    const { find, read } = await named([{ [ANA]: ['ana', 'ana@x.test'] }]);
    expect(who(find, 'ben', 2)).toBe('unknown');
    await read({ [ANA]: ['ana', 'ana@x.test'], [BEN]: ['ben', 'ben@x.test'] }, 1);
    expect(who(find, 'ben', 2)).toBe(BEN);
  });
});

describe('an event that is enriched', () => {
  const users = { [ANA]: ['ana', 'ana@x.test'] as [string, string] };

  it('says who it was in enrichments alone: identity, order and all the rest are the same (I20)', async () => {
    const { find } = await named([users]);
    const outcomes: NameOutcome[] = [];
    const enrich: NonNullable<Parameters<typeof finishedEvent>[1]>['enrich'] = (event) =>
      void outcomes.push(...enrichNames(event, find));
    for (const name of ['ana', 'DOM\\ana', 'ana@x.test']) {
      const plain = finishedEvent(radius(name));
      const { text, ...rest } = finishedEvent(radius(name), { enrich });
      expect(rest).toEqual({ ...plain, text: undefined, ...rest });
      expect([rest.uid, rest.partitionKey]).toEqual([plain.uid, plain.partitionKey]);
      const { enrichments, ...event } = JSON.parse(text) as JsonObject;
      expect(JSON.stringify(event)).toBe(plain.text);
      const data = { uid: ANA, email: 'ana@x.test', employee_id: 'ana@x.test', generation: 1, as_of: plain.time };
      expect(enrichments).toContainEqual({
        name: 'user.name',
        value: name,
        type: 'directory',
        provider: 'jumpcloud-ocsf inventory',
        data,
      });
    }
    expect(new Set(outcomes)).toEqual(new Set(['resolved']));
  });

  it('stays byte for byte what it was where nobody is found, which is counted, and where it has a uid', async () => {
    const { find } = await named([users]);
    const outcomes: NameOutcome[] = [];
    const enrich: NonNullable<Parameters<typeof finishedEvent>[1]>['enrich'] = (event) =>
      void outcomes.push(...enrichNames(event, find));
    expect(finishedEvent(radius('nobody'), { enrich })).toEqual(finishedEvent(radius('nobody')));
    expect(outcomes).toContain('unknown');
    outcomes.length = 0;
    const known = { initiated_by: { type: 'user', username: 'ana', id: ANA } };
    expect(finishedEvent(radius('ana', known), { enrich })).toEqual(finishedEvent(radius('ana', known)));
    expect(outcomes).toEqual([]);
  });

  it.skipIf(!hasValidator())('passes a strict validator of OCSF, from RADIUS and from LDAP', async () => {
    const { find } = await named([users]);
    const enrich = (event: Parameters<typeof enrichNames>[0]) => void enrichNames(event, find);
    const timestamp = new Date(T0 + 1.5 * DAY).toISOString();
    const bind = record('ldap', 'ldap_bind', { initiated_by: null, username: 'ana', success: true, timestamp });
    const lines = [radius('ana'), bind].map((one) => finishedEvent(one, { enrich }).text);
    for (const line of lines) expect(line).toContain('"enrichments"');
    expect(validate(lines, T0 + 2 * DAY)).toMatchObject({ events: 2, total: { errors: 0, warnings: 0 } });
  });

  it('is so only where that is asked for, and with Kafka only where inventory.directory is an absolute path: else it is counted', () => {
    const sink = { batchSize: 1 };
    expect(settingsOf(configOf(), sink).enrich).toBeUndefined();
    const kafka = { SINK: 'kafka', KAFKA_BROKERS: 'localhost:9092', INVENTORY_ENRICH: 'true' };
    const of = (env: Record<string, string>) => {
      const outcomes: NameOutcome[] = [];
      const { enrich } = settingsOf(configOf(env), sink, undefined, (outcome) => outcomes.push(outcome));
      finishedEvent(radius('ana'), { enrich });
      return new Set(outcomes);
    };
    expect(of(kafka)).toEqual(new Set(['no_volume']));
    expect(of({ ...kafka, INVENTORY_DIRECTORY: '/nowhere' })).toEqual(new Set(['no_inventory']));
  });
});

it('An inventory keeps the names of its users for that, and a generation that does not read them leaves them', async () => {
  const under = await inventoryUnderTest();
  const { directory } = under;
  await under.generation({ stages: ['users'] });
  const id = directory.ids('users')[7] as string;
  const find = findUsers(under.settings.directory, ignored);
  const at = under.time.now();
  const username = String(directory.get('users', id)?.username);
  expect(find(nameForms(username), at)).toMatchObject({ uid: id, generation: 1 });
  directory.change('users', id, { username: 'renamed' });
  await under.generation({ stages: ['users'] });
  await under.generation({ stages: ['groups'] });
  expect(find(nameForms('renamed'), under.time.now())).toMatchObject({ uid: id, generation: 2 });
  expect(find(nameForms(username), at)).toMatchObject({ uid: id, generation: 1 });
});

it('Names that cannot be kept stop no inventory, which says so; the next reading of users keeps them', async () => {
  const under = await inventoryUnderTest();
  const path = join(under.settings.directory, 'names.ndjson');
  mkdirSync(path, { recursive: true });
  for (const generation of [1, 2]) expect((await under.generation()).generation).toBe(generation);
  expect(under.told.filter(({ type }) => type === 'names_not_kept')).toHaveLength(2);
  rmSync(path, { recursive: true });
  await under.generation({ stages: ['users'] });
  const [id = ''] = under.directory.ids('users');
  const username = String(under.directory.get('users', id)?.username);
  const find = findUsers(under.settings.directory, ignored);
  expect(find(nameForms(username), under.time.now())).toMatchObject({ uid: id, generation: 3 });
});
