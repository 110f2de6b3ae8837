import { expect, it } from 'vitest';
import { hashOf } from '../../collector/position/dedupe-set.js';
import { heldBy } from '../../collector/webhook/held-findings.js';
import { type Instant, instantOfSecond } from '../../mappings/instant.js';
import { eventOf, firstSecond, uidOf } from '../kafka/batches.js';

it('what a sink holds of many findings is asked once, and again only for one that it may hold under another name', async () => {
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  const events = numbers.map((number) => eventOf(number));
  const fresh = numbers.map((number) => ({
    uid: uidOf(number),
    sameAs: [],
    also: [],
    heldAs: () => [uidOf(`other ${number}`)],
  }));
  /** The second of each uid that the sink holds. */
  const stored = new Map([
    [uidOf(3), firstSecond + 3],
    [uidOf('other 5'), firstSecond + 5],
    [uidOf('other 7'), firstSecond + 8],
  ]);
  let questions = 0;
  const find = async (uids: readonly string[], from: Instant, to: Instant) => {
    questions += 1;
    const isThere = (second: number) => instantOfSecond(second) >= from && instantOfSecond(second) < to;
    return new Set(uids.filter((uid) => isThere(stored.get(uid) ?? Number.MIN_SAFE_INTEGER)));
  };
  const held = await heldBy({ find }, { events, raw: [], fresh });
  expect(held).toEqual(new Set([uidOf(3), uidOf(5)].map(hashOf)));
  expect(questions).toBe(4);
});
