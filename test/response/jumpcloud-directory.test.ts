import { expect, it } from 'vitest';
import { jumpCloudDirectory } from '../../collector/response/jumpcloud-directory.js';
import type { JsonValue } from '../../mappings/json.js';

const eva = { _id: '66a0c0ffee0000000000b002', username: 'eva.sun', email: 'eva.sun@example.test', state: 'ACTIVATED' };

/** A directory whose list of users answers this, whatever is asked. */
const answering = (results: JsonValue[]) =>
  jumpCloudDirectory({
    ask: async () => ({ value: { results, totalCount: results.length }, headers: {} }),
    write: async () => {
      throw new Error('something was sent');
    },
    organizationNamed: false,
  });

it.each([
  ['everybody', [eva, { ...eva, _id: '66a0c0ffee0000000000b003', username: 'ana.lima' }]],
  ['somebody else', [eva]],
  ['nobody', []],
])('A9: a filter that finds %s resolves no user', async (_, results) => {
  const asked = { verb: 'disable-user', user: 'ana.lima', group: undefined } as const;
  await expect(answering(results).read(asked)).rejects.toMatchObject({ code: 'USAGE' });
});

const vpn = { id: '66a0c0ffee0000000000c001', name: 'vpn-users', membershipMethod: 'STATIC' };

/** A directory that answers by the first words of the path; everything else is an empty list. */
const scripted = (answers: Record<string, JsonValue>) =>
  jumpCloudDirectory({
    ask: async (path) => {
      const [, value] = Object.entries(answers).find(([start]) => path.startsWith(start)) ?? [];
      const empty = path.startsWith('/api/users') ? { results: [], totalCount: 0 } : [];
      return { value: value ?? empty, headers: Array.isArray(value) ? { 'x-total-count': String(value.length) } : {} };
    },
    write: async () => {
      throw new Error('something was sent');
    },
    organizationNamed: false,
  });

it.each([
  ['another user', { '/api/systemusers/': { ...eva, _id: '66a0c0ffee0000000000b003' } }],
  ['a user without a state', { '/api/systemusers/': { _id: eva._id, username: eva.username } }],
  ...[{ roleName: 'Administrator' }, { id: 7 }, { id: '' }, true].map((admin) => [
    `a linked administrator that is ${JSON.stringify(admin)}`,
    { '/api/systemusers/': { ...eva, admin } },
  ]),
  ['another group', { '/api/systemusers/': eva, '/api/v2/usergroups/': { ...vpn, id: '66a0c0ffee0000000000c002' } }],
  [
    'a membership that does not show whether it is direct',
    { '/api/systemusers/': eva, '/api/v2/usergroups/': vpn, '/api/v2/users/': [{ id: vpn.id }] },
  ],
  ...[null, {}, { state: { toString: 1 } }].map((row) => [
    `a scheduled change that is ${JSON.stringify(row)}`,
    { '/api/systemusers/': eva, '/api/v2/bulk/userstates': [row] },
  ]),
  ['no list of scheduled changes', { '/api/systemusers/': eva, '/api/v2/bulk/userstates': {} }],
] as [string, Record<string, JsonValue>][])(
  'an answer with %s is none: nothing is known of the target',
  async (what, answers) => {
    const verb = /group|membership/.test(what) ? 'remove-from-group' : 'disable-user';
    const asked = { verb, user: eva._id, group: verb === 'disable-user' ? undefined : vpn.id } as const;
    await expect(scripted(answers).read(asked)).rejects.toMatchObject({ code: 'RESPONSE_INVALID' });
  },
);

it('a scheduled change is taken by its state, also where it has an object in place of a date', async () => {
  const rows = [{ state: 'ACTIVATED', scheduledDate: { toString: 1 } }];
  const directory = scripted({ '/api/systemusers/': eva, '/api/v2/bulk/userstates': rows });
  const { scheduled } = await directory.read({ verb: 'disable-user', user: eva._id, group: undefined });
  expect(scheduled).toEqual([{ state: 'ACTIVATED', at: 'an unknown time' }]);
});

it.each<[{ id?: string; roleName?: string } | null]>([
  [null],
  [{}],
  [{ id: '66a0c0ffee0000000000a001', roleName: 'Administrator' }],
])('a user whose linked administrator is %j is taken', async (admin) => {
  const directory = scripted({ '/api/systemusers/': { ...eva, admin } });
  const { user } = await directory.read({ verb: 'disable-user', user: eva._id, group: undefined });
  expect(user.administrator).toBe(admin?.id);
});

it('whole answers about the target are taken', async () => {
  const whole = {
    '/api/systemusers/': eva,
    '/api/v2/usergroups/': vpn,
    '/api/v2/users/': [{ id: vpn.id, paths: [[{}]] }],
  };
  const asked = { verb: 'remove-from-group', user: eva._id, group: vpn.id } as const;
  expect(await scripted(whole).read(asked)).toMatchObject({ user: { id: eva._id }, group: vpn, member: true });
});
