import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PARSED_DEPTH, splitArray } from '../../../collector/jumpcloud/insights/split-array.js';

import { Identities } from '../../../collector/position/record-identity.js';

describe('splitArray', () => {
  it('finds the same values as JSON.parse for any array, with each element’s own text', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 4 })), fc.constantFrom(undefined, 1, '\t'), (values, indent) => {
        const text = JSON.stringify(values, null, indent);
        const records = splitArray(text);
        expect(records.map((record) => record.value)).toEqual(JSON.parse(text));
        for (const record of records) {
          expect(text).toContain(record.text);
          expect(JSON.parse(record.text)).toEqual(record.value);
          expect(record.text).toBe(record.text.trim());
        }
      }),
    );
  });

  it('accepts exactly what JSON.parse accepts as an array, whatever was damaged', () => {
    const damaged = fc
      .tuple(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { minLength: 1 }),
        fc.nat(),
        fc.constantFrom('', ',', ']', '[', '}', '{', '"', '\\', ' ', '1', '\u00a0'),
      )
      .map(([values, at, put]) => {
        const text = JSON.stringify(values);
        const index = at % (text.length + 1);
        return text.slice(0, index) + put + text.slice(index + (put === '' ? 1 : 0));
      });
    fc.assert(
      fc.property(damaged, (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          // Not JSON: the splitter has to say so as well.
        }
        if (Array.isArray(expected)) expect(splitArray(text).map((record) => record.value)).toEqual(expected);
        else expect(() => splitArray(text)).toThrow(expect.objectContaining({ code: 'RESPONSE_INVALID' }));
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps the exact text of an element: duplicate keys, escapes, number forms and order', () => {
    const elements = ['{"a":1,"a":2}', '{ "b" : "\\u0041\\"],[" }', '1.50e+01', '{"__proto__":{"x":1}}', '"\\ud800"'];
    expect(splitArray(`[ ${elements.join(' ,\n ')} ]`).map((record) => record.text)).toEqual(elements);
  });

  it('counts levels of nesting: 0 for a scalar, 1 for a flat object', () => {
    const depths = splitArray('[1,{},{"a":1},{"a":[1]},[[[]]],"[[["]').map((record) => record.depth);
    expect(depths).toEqual([0, 1, 1, 2, 3, 0]);
  });

  it('names a record that is too deep to be parsed by its own members: late neighbours give it no second name', () => {
    const deep = `{"a":${'['.repeat(600)}${']'.repeat(600)},"id":"r-1","timestamp":"2026-11-29T00:00:00Z"}`;
    const other = (id: string) => `{"id":"${id}","timestamp":"2026-11-28T23:59:59Z"}`;
    const uidAmong = (...others: string[]) => {
      const records = splitArray(`[${[...others.map(other), deep].join(',')}]`);
      return new Identities().next(records).at(-1)!.header;
    };
    expect(uidAmong('a')).toMatchObject({ id: 'r-1', timestamp: '2026-11-29T00:00:00Z' });
    expect(uidAmong('a')).toEqual(uidAmong('a', 'b', 'c', 'd', 'e', 'f'));
  });

  it('survives a nesting bomb and leaves its neighbours unharmed', () => {
    const deep = 2_000_000;
    const records = splitArray(`[{"id":"a"},${'['.repeat(deep)}${']'.repeat(deep)},{"id":"b"}]`);
    expect(records.map((record) => record.value)).toEqual([{ id: 'a' }, null, { id: 'b' }]);
    expect(records[1]?.depth).toBe(deep);
    expect(records[1]?.text.length).toBe(2 * deep);
  });

  it('still parses an element at the deepest level allowed', () => {
    const at = (depth: number) => splitArray(`[${'['.repeat(depth)}${']'.repeat(depth)}]`)[0]?.value;
    expect(at(MAX_PARSED_DEPTH)).not.toBeNull();
    expect(at(MAX_PARSED_DEPTH + 1)).toBeNull();
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['null', 'null'],
    ['an object', '{"message":"x"}'],
    ['a number', '17'],
    ['HTML', '<!doctype html><title>502</title>'],
    ['an array cut short', '[{"id":"a"},{"id":'],
    ['a string cut short', '[{"id":"a'],
    ['a string cut after a backslash', '["\\'],
    ['NaN', '[{"a":NaN}]'],
    ['a trailing comma', '[1,]'],
    ['a leading comma', '[,1]'],
    ['a second value', '[1][2]'],
    ['the wrong closing bracket', '[1}'],
    ['elements without end', `[${'1,'.repeat(100_001)}1]`],
  ])('refuses %s', (_, text) => {
    expect(() => splitArray(text)).toThrow(expect.objectContaining({ code: 'RESPONSE_INVALID', transient: true }));
  });
});
