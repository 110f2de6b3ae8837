import { describe, expect, it } from 'vitest';
import { deliveredAmong, Identities, type RecordIdentity } from '../../collector/position/record-identity.js';
import type { JsonValue } from '../../mappings/json.js';
import type { ReceivedRecord } from '../../mappings/record.js';

const received = (value: JsonValue): ReceivedRecord => ({ text: JSON.stringify(value), value, depth: 1 });
const timed = (id: string) => received({ id, service: 'sso', timestamp: '2026-11-03T12:00:00Z' });
const nameless = received({});

/** The identities of a search that shows just these records, behind the end of another where one is given. */
function identitiesOf(records: readonly ReceivedRecord[], preceding?: readonly ReceivedRecord[]): RecordIdentity[] {
  const identities = new Identities();
  if (preceding) {
    const before = new Identities();
    before.next(preceding);
    identities.follow(before);
  }
  return identities.next(records);
}

const uidsOf = (...search: Parameters<typeof identitiesOf>) => identitiesOf(...search).map(({ header }) => header.uid);
const namesOf = ({ header, aliases }: RecordIdentity) => [header.uid, ...aliases];

describe('a record with an id or a time', () => {
  it('has one name, and the same in every search', () => {
    const idless = received({ service: 'sso', timestamp: '2026-11-03T12:00:00Z' });
    const timeless = received({ id: 'c', service: 'sso' });
    const all = identitiesOf([timed('a'), idless, nameless, timeless]);
    expect([0, 1, 3].map((index) => all[index]!.aliases)).toEqual([[], [], []]);
    expect(uidsOf([idless, timeless])).toEqual([all[1]!.header.uid, all[3]!.header.uid]);
  });

  it('is distinguished from those of the same text by its number, where it has no id', () => {
    const twin = received({ service: 'sso', timestamp: '2026-11-03T12:00:00Z' });
    const [first, second] = uidsOf([twin, twin]);
    expect(first).not.toBe(second);
    expect(uidsOf([twin, twin])).toEqual([first, second]);
  });
});

describe('a record without id and time', () => {
  it('keeps its name though the search begins later, as long as the record before it is shown', () => {
    const all = uidsOf([timed('a'), nameless, timed('b'), nameless, nameless]);
    expect(new Set(all).size).toBe(5);
    expect(uidsOf([timed('b'), nameless, nameless])).toEqual(all.slice(2));
  });

  it('keeps its name at the start of a search that knows what precedes it', () => {
    const all = [nameless, nameless, timed('a'), nameless, nameless, nameless, timed('b'), nameless];
    for (let start = 1; start < all.length; start += 1) {
      expect(uidsOf(all.slice(start), all.slice(0, start))).toEqual(uidsOf(all).slice(start));
    }
  });

  it('has the name that it bore for many thousands of its kind', () => {
    const all = uidsOf([timed('a'), ...new Array<ReceivedRecord>(9000).fill(nameless)]);
    expect(new Set(all).size).toBe(9001);
  });

  it('is found under its old name when late records have come to lie before it', () => {
    const [, before] = identitiesOf([timed('a'), nameless]);
    const late = Array.from({ length: 3 }, (_, number) => timed(`late ${number}`));
    expect(namesOf(identitiesOf([timed('a'), ...late, nameless]).at(-1)!)).toContain(before!.header.uid);
  });

  it('keeps its names when one of another text has come to lie beside it', () => {
    const beside = [timed('a'), nameless, timed('b')];
    const late = received('late');
    const [, before] = identitiesOf(beside);
    expect(identitiesOf([timed('a'), late, nameless, timed('b')])[2]).toEqual(before);
    expect(identitiesOf([timed('a'), nameless, late, timed('b')])[1]).toEqual(before);
  });

  it('is remembered by the record after it as well, for when nothing is known of the one before', () => {
    const [, before] = identitiesOf([timed('a'), nameless, timed('b')]);
    const [after] = identitiesOf([nameless, timed('b')]);
    expect(after!.remembered).toEqual(before!.remembered);
    expect(after!.header.uid).not.toBe(before!.header.uid);
  });

  it('shares no name with another one of the same search', () => {
    const search = [nameless, timed('a'), nameless, nameless, timed('b'), nameless, timed('c'), timed('d'), nameless];
    const names = identitiesOf(search).map(namesOf);
    expect(new Set(names.flat()).size).toBe(names.flat().length);
  });

  it('makes a search ask what precedes it, unless enough records with a time come first', () => {
    const needs = (...records: ReceivedRecord[]) => new Identities().needsPreceding(records);
    const four = ['a', 'b', 'c', 'd'].map(timed);
    expect(needs(nameless, timed('a'))).toBe(true);
    expect(needs(received({ id: 'timeless' }), ...four.slice(1), nameless)).toBe(true);
    expect(needs(...four, nameless)).toBe(false);
    expect(needs(received({ id: 'timeless' }))).toBe(false);
    expect(needs()).toBe(false);
    const identities = new Identities();
    identities.next(four.slice(1));
    expect(identities.needsPreceding([nameless])).toBe(true);
    identities.follow(new Identities());
    expect(identities.needsPreceding([nameless])).toBe(false);
  });
});

it('what a sink holds is asked for by every name, and by the aliases only where the uid is not held', async () => {
  const records = identitiesOf([timed('a'), timed('b'), nameless, timed('c'), nameless]);
  const [, , byAlias, , byUid] = records as [unknown, unknown, RecordIdentity, unknown, RecordIdentity];
  const asked: (readonly string[])[] = [];
  const held = new Set([byAlias.aliases.at(-1)!, byUid.header.uid]);
  const found = await deliveredAmong(records, async (names) => {
    asked.push(names);
    return new Set(names.filter((name) => held.has(name)));
  });
  expect(found).toEqual(new Set([byAlias.header.uid, byUid.header.uid]));
  expect(asked).toEqual([records.map(({ header }) => header.uid), byAlias.aliases]);
});
