import { expect, it } from 'vitest';
import { printable, printableJson, printableLines } from '../../collector/log/printable.js';

const hostile: readonly (readonly [string, string, string])[] = [
  ['an escape sequence', '\u001b[2J', '\\u001b[2J'],
  ['a window title', '\u001b]0;x\u0007', '\\u001b]0;x\\u0007'],
  ['the C1 form of one', '\u009b31m', '\\u009b31m'],
  ['a line that overwrites', 'a\rb\u0008', 'a\\u000db\\u0008'],
  ['a separator of lines', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['text turned around', '\u202eabc\u2066', '\\u202eabc\\u2066'],
  ['what has no width', 'a\u200bb\u2060\ufeff', 'a\\u200bb\\u2060\\ufeff'],
  ['hidden tags', 'a\u{e0041}', 'a\\u{e0041}'],
];

it.each(hostile)('%s is shown and does nothing', (_, text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(printableLines(`${text}\n  → next`)).toBe(`${shown}\n  → next`);
});

it('a line feed forges no line where one line is written', () => {
  expect(printable('user\nERROR forged')).toBe('user\\u000aERROR forged');
});

it.each(['Zoë Müller', '漢字 𝄞', 'e\u0301', 'עברית', '…→─', "O'Brien <o@example.com>"])(
  '%s stays what it is',
  (text) => {
    expect([printable(text), printableLines(text), printableJson(JSON.stringify(text))]).toEqual([
      text,
      text,
      JSON.stringify(text),
    ]);
  },
);

it.each(hostile)('%s in JSON is an escape, and the value is the same', (_, text) => {
  const value = { [text]: [text, { deep: text }] };
  for (const indent of [0, 2]) {
    const json = printableJson(JSON.stringify(value, null, indent));
    expect(JSON.parse(json)).toEqual(value);
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
});
