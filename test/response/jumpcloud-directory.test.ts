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
