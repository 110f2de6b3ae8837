import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Identities } from '../../collector/position/record-identity.js';
import type { JsonObject } from '../../mappings/json.js';
import { type ReceivedRecord, readHeader } from '../../mappings/record.js';

const received = (value: JsonObject): ReceivedRecord => ({ text: JSON.stringify(value), value, depth: 1 });
const uidOf = (value: JsonObject) => readHeader(received(value)).uid;

const login = {
  organization: '5f1e00000000000000000011',
  service: 'radius',
  event_type: 'radius_auth_attempt',
  id: '6f1d3c1e-0000-5000-8000-000000000001',
  timestamp: '2026-11-03T11:00:00.100Z',
  success: false,
};
const command = { ...login, service: 'mdm', event_type: 'mdm_command_result', success: true };
/** Two attempts 0.9 s apart, and one command that reports three times. */
const five: JsonObject[] = [
  login,
  { ...login, timestamp: '2026-11-03T11:00:01Z', success: true },
  ...['11:10:00', '11:11:30', '11:13:00'].map((time) => ({ ...command, timestamp: `2026-11-03T${time}Z` })),
];

describe("a record's uid", () => {
  it('differs for the same id with another time, event type or outcome', () => {
    const others: JsonObject[] = [
      login,
      { ...login, timestamp: '2026-11-03T11:00:00.1Z' },
      { ...login, event_type: 'radius_auth' },
      { ...login, success: true },
      { ...login, success: 'false' },
      { ...login, sso_token_success: true },
      { ...login, sso_token_success: false },
      { ...login, organization: '5f1e00000000000000000012' },
      { ...login, service: 'ldap' },
      { ...login, id: 'other' },
      { ...login, timestamp: 1_793_703_600_100 },
      { ...login, timestamp: 1_793_703_600_200 },
    ];
    expect(new Set(others.map(uidOf)).size).toBe(others.length);
  });

  it('stays whatever else a record holds, and in whatever order its members stand', () => {
    const members = Object.entries(login);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(members, { minLength: members.length }),
        fc.dictionary(
          fc.string().filter((name) => !(name in login) && !['sso_token_success', '__proto__'].includes(name)),
          fc.jsonValue(),
        ),
        (shuffled, rest) => {
          expect(uidOf({ ...rest, ...Object.fromEntries(shuffled) } as JsonObject)).toBe(uidOf(login));
        },
      ),
    );
  });

  it('is distinct for two RADIUS attempts and three MDM results of one id each, in any order and part of a search', () => {
    const expected = five.map(uidOf);
    expect(new Set(expected).size).toBe(5);
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4]), (order) => {
        const uids = new Identities()
          .next(order.map((index) => received(five[index]!)))
          .map(({ header }) => header.uid);
        expect(uids).toEqual(order.map((index) => expected[index]));
      }),
    );
  });

  it('cannot be brought about by moving text from one member to another', () => {
    fc.assert(
      fc.property(fc.tuple(fc.string(), fc.string()), fc.tuple(fc.string(), fc.string()), (one, other) => {
        const of = ([service, event_type]: readonly [string, string]) => uidOf({ ...login, service, event_type });
        expect(of(one) === of(other)).toBe(one.join('\0') === other.join('\0') && one[0] === other[0]);
      }),
    );
  });
});
