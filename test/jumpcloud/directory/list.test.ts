import { expect, it } from 'vitest';
import { idOf, readList } from '../../../collector/jumpcloud/directory/list.js';
import type { JsonValue } from '../../../mappings/json.js';

it.each([
  ['with ids', [{ id: '66a0c0ffee0000000000b001' }]],
  ['without', [{ name: 'no id' }]],
  ['that are null', [null, null]],
] as [string, JsonValue[]][])(
  'a list without a count that gives the same rows %s for ever ends, and is not complete',
  async (_, rows) => {
    const receiver = { begin: () => undefined, row: idOf };
    let asked = 0;
    const answer = async () => {
      asked += 1;
      if (asked > 9) throw new Error('the list has no end');
      return { value: rows, headers: {} };
    };
    const { incomplete } = await readList(answer, { path: '/api/v2/users', form: 'array' }, receiver);
    expect(incomplete).toMatch(/came twice|has no id|nothing but nulls/);
  },
);
