import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OversizedRecord } from '../../../collector/jumpcloud/insights/oversized-record.js';
import { sha256 } from '../../../mappings/record.js';

function read(body: Buffer, cuts: readonly number[]) {
  const reader = new OversizedRecord();
  let from = 0;
  for (const cut of [...new Set(cuts.map((at) => at % body.length))].toSorted((a, b) => a - b)) {
    reader.write(body.subarray(from, cut));
    from = cut;
  }
  reader.write(body.subarray(from));
  return reader.end();
}

describe('a record that is read past', () => {
  it('has its own size and hash and its short members, wherever its text is cut into parts', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 })),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.constantFrom(undefined, 1, '\t'),
        (record, cuts, indent) => {
          const text = JSON.stringify(record, null, indent);
          const long = `"long":${JSON.stringify('\\"{['.repeat(1_000))}`;
          const whole = text.replace(/\s*\}$/, text.length > 2 ? `,${long}}` : `${long}}`);
          const found = read(Buffer.from(` [ ${whole} ] `), cuts);
          if (typeof found === 'string') throw new Error(found);
          expect(found).toMatchObject({ bytes: Buffer.byteLength(whole), sha256: sha256(whole) });
          const { long: _, ...rest } = JSON.parse(whole);
          expect(JSON.parse(found.body.toString('utf8'))).toEqual([rest]);
        },
      ),
    );
  });

  it('keeps no more than 64 KiB of members, and none that is nested deeply', () => {
    const members = Array.from({ length: 10_000 }, (_, index) => `"m${index}":"${'x'.repeat(100)}"`);
    const deep = `"deep":${'['.repeat(100)}${']'.repeat(100)}`;
    const found = read(Buffer.from(`[{"id":"a",${deep},${members.join(',')}}]`), []);
    if (typeof found === 'string') throw new Error(found);
    expect(found.body.length).toBeLessThan(80 * 1024);
    const [record] = JSON.parse(found.body.toString('utf8'));
    expect(record).toMatchObject({ id: 'a', m0: 'x'.repeat(100) });
    expect(record).not.toHaveProperty('deep');
  });

  it('keeps what names it behind any number of other members, and of a name that comes twice the last', () => {
    const members = Array.from({ length: 10_000 }, (_, index) => `"m${index}":"${'x'.repeat(100)}"`);
    const named = {
      id: 'a',
      timestamp: '2026-11-01T00:00:01Z',
      event_type: 't',
      service: 's',
      organization: 'o',
      success: false,
    };
    const found = read(Buffer.from(`[{"id":"b",${members.join(',')},${JSON.stringify(named).slice(1)}]`), []);
    if (typeof found === 'string') throw new Error(found);
    expect(JSON.parse(found.body.toString('utf8'))).toMatchObject([{ m0: 'x'.repeat(100), ...named }]);
    const many = read(Buffer.from(`[{${Array(20_000).fill('"id":"x"').join(',')}}]`), []);
    expect(many).toMatchObject({ body: Buffer.from('[{"id":"x"}]') });
  });

  it('that is a text or an array is named null', () => {
    for (const body of ['["text"]', '[[1,[2],{"a":3}]]'])
      expect(read(Buffer.from(body), [3])).toMatchObject({ body: Buffer.from('[null]'), bytes: body.length - 2 });
  });
});
