import type { Batch, Entity } from '../../collector/sinks/sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { attackStories } from '../../fixtures/stories.js';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { noSizes, sampleBatch } from '../contract/sample-batch.js';
import { context, receive } from '../mappings/mapping.js';

/** A Tuesday noon in the summer time that began in Europe on the Sunday before. */
export const storyEnd = Date.parse('2026-03-31T12:00:00Z');
export const storyOrganization = '5f1e7c20d4a9b3086e12f00d';
/** What the stories need besides the defaults of the questions. */
export const storyLists = new Map([
  ['office_networks', ['198.51.100.0/24']],
  ['service_accounts', ['quiet.svc-yearly']],
  ['countries', []],
]);
export const storyParameters: Record<string, Record<string, string>> = {
  'changes-out-of-hours': { zone: 'Europe/Berlin' },
};

const MINUTE = 60_000;

/** Records that no attack explains: one that nobody has documented, two that are no event. */
function oddRecords(organization: string): JsonValue[] {
  const base = { organization, service: 'quantum_relay', event_type: 'quantum_relay_step' };
  const at = (minutes: number) => new Date(storyEnd - minutes * MINUTE).toISOString();
  return [
    { ...base, id: '0d0000000000000000000001', timestamp: at(30) },
    {
      ...base,
      id: '0d0000000000000000000002',
      timestamp: at(20),
      service: 'directory',
      event_type: 'user_login_attempt',
      success: 'yes',
      initiated_by: 5,
    },
    { ...base, id: '0d0000000000000000000003', service: 'directory', event_type: 'user_create' },
  ];
}

/** What an inventory says: accounts that are used and that are not, memberships new, old and over. */
function inventoryEntities(org: string, accountName: string | undefined): Entity[] {
  const day = 24 * 60 * MINUTE;
  const entity = (
    type: string,
    key: string,
    daysAgo: number,
    value: JsonObject | undefined,
    firstDaysAgo = daysAgo,
  ): Entity => {
    const at = storyEnd - daysAgo * day;
    const whole = { ...value, first_seen: storyEnd - firstDaysAgo * day, org, account_name: accountName };
    return {
      type,
      key: `${org}/${key}`,
      observedAt: at,
      value: value === undefined ? undefined : JSON.stringify(whole),
    };
  };
  const object = (type: string, id: string, daysAgo: number, attributes: JsonObject, name: string | null = null) =>
    entity(type, id, daysAgo, { kind: type, id, name, attributes });
  type End = readonly [string, string];
  const edge = (type: string, from: End, to: End, daysAgo: number, firstDaysAgo?: number) => {
    const ends = { from: { type: from[0], id: from[1] }, to: { type: to[0], id: to[1] } };
    return entity(type, `${from[1]}/${to[1]}`, daysAgo, { ...ends, via: 'direct' }, firstDaysAgo);
  };
  const user = (id: string, username: string, more: JsonObject = {}) =>
    object('user', id, 90, { username, email: `${username}@example.test`, state: 'ACTIVATED', ...more });
  const vpn = ['group', 'inventory-g1'] as const;
  return [
    user('inventory-u1', 'quiet.typo', { mfa: { configured: true } }),
    user('inventory-u2', 'dora.dormant', { department: 'Sales', mfa: { configured: false } }),
    user('inventory-u3', 'erik.suspended', { suspended: true }),
    object('user', 'inventory-u4', 2, { username: 'nina.new', state: 'ACTIVATED' }),
    object('administrator', 'inventory-a1', 90, {
      email: 'ops@example.test',
      roleName: 'Manager',
      totpEnrolled: false,
      apiKeySet: true,
    }),
    object('administrator', 'inventory-a2', 90, {
      email: 'quiet.ops@example.test',
      roleName: 'Manager',
      totpEnrolled: true,
    }),
    object('group', 'inventory-g1', 90, {}, 'vpn-users'),
    object('application', 'inventory-p1', 90, { active: true, sso: { type: 'saml' } }, 'Ledgerline'),
    object('application', 'inventory-p2', 90, { active: true, sso: { type: 'saml' } }, 'Old Wiki'),
    object('role', 'inventory-r1', 90, { isCustom: false }, 'Manager'),
    edge('membership', vpn, ['user', 'inventory-u2'], 80),
    // A full reading writes it again.
    edge('membership', vpn, ['user', 'inventory-u2'], 7, 80),
    edge('membership', vpn, ['user', 'inventory-u4'], 2),
    edge('membership', vpn, ['user', 'inventory-u3'], 80),
    entity('membership', 'inventory-g1/inventory-u3', 10, undefined),
    edge('assignment', ['application', 'inventory-p2'], vpn, 80),
    edge('role_holder', ['role', 'inventory-r1'], ['administrator', 'inventory-a1'], 3),
  ];
}

/** Whose tables are written. */
interface StoryFeed {
  readonly organization?: string;
  readonly feed?: string;
  /** In events and inventory; absent: they carry the organization's id alone. */
  readonly accountName?: string;
  /** Besides those of the stories. */
  readonly records?: readonly JsonValue[];
}

/** What the stories of an organization become. */
export function storyItems({
  organization = storyOrganization,
  accountName,
  records = [],
}: Omit<StoryFeed, 'feed'> = {}): Pick<Batch, 'events' | 'deadLetters' | 'entities'> {
  const stories = attackStories(organization, storyEnd).flatMap(({ planted, quiet }) => [...planted, ...quiet]);
  const results = [...stories, ...oddRecords(organization), ...records].map((record) => {
    const received = receive(record);
    const { timestamp, service } = record as JsonObject;
    const happened = typeof timestamp === 'string' ? Date.parse(timestamp) : storyEnd - 10 * MINUTE;
    const fetchedAt = happened + (service === 'systems' ? 60 : 1) * MINUTE;
    return normalise(received, readHeader(received), { ...context, fetchedAt, accountName });
  });
  return {
    events: results.flatMap((result) => (result.kind === 'event' ? [result.event] : [])),
    entities: inventoryEntities(organization, accountName),
    deadLetters: results.flatMap((result) => (result.kind === 'dead_letter' ? [result.deadLetter] : [])),
  };
}

/** Writes all stories into tables, each event collected a minute after it happened; one hour for device logins. */
export async function writeStoryTables(directory: string, { feed = 'acme', ...story }: StoryFeed = {}): Promise<void> {
  const sink = createTablesSink({ directory, feed });
  const lane = sink.lane('live');
  await lane.open();
  await lane.commit({ ...sampleBatch('live', 0, noSizes), ...storyItems(story) });
  // The first reading of the directory, and what the next one found.
  for (const [index, step] of [0, 1].entries())
    await lane.commit({
      ...sampleBatch('live', index + 1, noSizes),
      entities: directoryReading(step, story),
    });
  await sink.close();
}

/**
 * A user with a group, and an administrator; then the user is suspended and leaves the group, another joins it, the
 * administrator is gone, and a user who was deleted meanwhile is back.
 */
export function directoryReading(
  step: number,
  { organization = storyOrganization, accountName }: Pick<StoryFeed, 'organization' | 'accountName'> = {},
): Entity[] {
  const observedAt = storyEnd - (step === 0 ? 40 * 24 * 60 : 60) * MINUTE;
  const entity = (type: string, id: string, value: JsonObject | undefined, at = observedAt): Entity => ({
    type,
    key: `${organization}/${id}`,
    observedAt: at,
    value:
      value === undefined ? undefined : JSON.stringify({ id, org: organization, account_name: accountName, ...value }),
  });
  const user = (id: string, username: string, suspended: boolean) =>
    entity('user', id, { attributes: { username, state: 'ACTIVATED', suspended } });
  const member = (id: string, present: boolean) =>
    entity('membership', `g1/${id}`, present ? { from: { id: 'g1' }, to: { type: 'user', id } } : undefined);
  if (step === 0)
    return [
      user('u1', 'ana.directory', false),
      user('u2', 'quiet.unchanged', false),
      user('u4', 'back.directory', false),
      entity('user', 'u4', undefined, storyEnd - 20 * 24 * 60 * MINUTE),
      entity('group', 'g1', { name: 'On call', attributes: { attributes: { sudo: { enabled: true } } } }),
      entity('administrator', 'a1', { attributes: { email: 'gone.admin@example.test', roleName: 'Administrator' } }),
      member('u1', true),
    ];
  return [
    user('u1', 'ana.directory', true),
    user('u3', 'new.directory', false),
    user('u4', 'back.directory', false),
    entity('administrator', 'a1', undefined),
    member('u1', false),
    member('u3', true),
  ];
}
