import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExactly, restoreNumbers } from '../../mappings/exact-numbers.js';
import type { JsonValue } from '../../mappings/json.js';
import { change, deadLetter, finishedEvent, map } from './mapping.js';

const beyond = fc
  .tuple(fc.bigInt({ min: 2n ** 53n, max: 10n ** 40n }), fc.boolean())
  .map(([value, negative]) => `${negative ? '-' : ''}${value}`)
  .filter((digits) => !Number.isSafeInteger(Number(digits)));

/** A record whose change has these number tokens, as JumpCloud would write it. */
const withNumbers = (from: string, to: string, more: JsonValue[] = []) => {
  const value = change('user_update', { changes: [{ field: 'unix_uid', from: 1, to: 2 }, ...more] });
  const text = JSON.stringify(value).replace('"from":1,"to":2', `"from":${from},"to":${to}`);
  return { value: JSON.parse(text) as JsonValue, text };
};

describe('numbers that a double does not hold', () => {
  it('keep their digits in unmapped and raw_data', () => {
    fc.assert(
      fc.property(beyond, beyond, (from, to) => {
        const { value, text } = withNumbers(from, to);
        const event = finishedEvent(value, { rawData: true }, text).text;
        expect(event).toContain(`"from":${from},"to":${to}`);
        expect(JSON.parse(event).raw_data).toBe(text);
      }),
    );
  });

  it('keep them next to a value that is redacted', () => {
    const { value, text } = withNumbers('9007199254740993', '1e400', [{ field: 'password', to: 's3cret' }]);
    const event = finishedEvent(value, { rawData: true }, text).text;
    expect(event).toContain('"from":9007199254740993,"to":1e400');
    expect(JSON.parse(event).raw_data).toContain('"from":9007199254740993,"to":1e400');
    expect(event).not.toContain('s3cret');
    const { id: _id, ...anonymous } = value as { id: string };
    const letter = deadLetter(anonymous, {}, text.replace(/"id":"[^"]*",/, ''));
    expect(letter.raw).toContain('"from":9007199254740993,"to":1e400');
  });

  it('are no texts: none becomes a name or a code', () => {
    const text = JSON.stringify(
      change('user_update', { error_code: 1, changes: [{ field: 'username', from: 'a', to: 2 }] }),
    )
      .replace('"error_code":1', '"error_code":18446744073709551615')
      .replace('"to":2', '"to":18446744073709551616');
    const event = JSON.parse(
      finishedEvent(JSON.parse(text), {}, text).text.replaceAll(/(1844674407370955161\d)/g, '"$1"'),
    );
    expect(event).not.toHaveProperty('user_result');
    expect(event.unmapped).toMatchObject({ changes: [{ to: '18446744073709551616' }] });
    expect(JSON.stringify(event)).not.toContain('\\u0000');
  });

  it('are the only values that are touched', () => {
    for (const text of [
      '{"a":1}',
      '{"a":9007199254740991}',
      '{"a":1.5e3}',
      '{"a":"12345678901234567"}',
      '[0,-0,1e5]',
      '{"a":0e400}',
    ])
      expect(parseExactly(text)).toBeUndefined();
    fc.assert(
      fc.property(fc.jsonValue(), beyond, (value, digits) => {
        const text = `{"big":${digits},"rest":${JSON.stringify(value)}}`;
        const marked = parseExactly(text);
        if (marked !== undefined) expect(restoreNumbers(JSON.stringify(marked))).toContain(`{"big":${digits},`);
        else expect(text).toContain('\\u0000');
      }),
    );
  });

  it('cannot be feigned by a text', () => {
    const text = JSON.stringify(change('user_update', { note: '\u0000#12345678901234567890', big: 1 })).replace(
      '"big":1',
      '"big":12345678901234567890',
    );
    const outcome = map(JSON.parse(text), {}, text);
    expect(outcome.kind === 'event' && JSON.parse(outcome.event.text).unmapped.note).toBe(
      '\u0000#12345678901234567890',
    );
  });
});
