import { describe, expect, it } from 'vitest';
import { Redactor } from '../../collector/log/redactor.js';

/** An opaque token: nothing about it tells that it is one. */
const token = (number: number) => `opaque-words-of-${String(number).padStart(3, '0')}`;
const isMasked = (redactor: Redactor, text: string) => redactor.mask(`said ${text} twice`) === 'said [secret] twice';

describe('a token that was fetched', () => {
  it('is masked, raw and encoded, with the ones before it, until eight others of its account were used', () => {
    const redactor = new Redactor();
    for (let number = 1; number <= 8; number += 1) redactor.useToken('account', token(number));
    expect(isMasked(redactor, token(1))).toBe(true);
    expect(isMasked(redactor, Buffer.from(token(8)).toString('hex'))).toBe(true);
    expect(isMasked(redactor, encodeURIComponent(token(8)))).toBe(true);
    // Another client of the account still uses its own.
    redactor.useToken('account', token(1));
    redactor.useToken('account', token(9));
    expect([1, 2, 3, 9].map((number) => isMasked(redactor, token(number)))).toEqual([true, false, true, true]);
  });

  it('of another account pushes none out, until 256 others were used', () => {
    const redactor = new Redactor();
    redactor.useToken('first', token(0));
    for (let number = 1; number <= 255; number += 1) redactor.useToken(`account ${number}`, token(number));
    expect(isMasked(redactor, token(0))).toBe(true);
    redactor.useToken('one more', token(256));
    expect([0, 1, 256].map((number) => isMasked(redactor, token(number)))).toEqual([false, true, true]);
  });

  it('of a few characters, or of 64 KiB, leaves every line of the log as it is', () => {
    const redactor = new Redactor();
    redactor.useToken('short', 'e');
    redactor.useToken('long', 'long '.repeat(13_107));
    expect(redactor.mask('the feed goes on')).toBe('the feed goes on');
  });
});
