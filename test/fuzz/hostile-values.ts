import { readFixtureRecords } from '../../fixtures/records.js';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import type { SeededRandom } from '../query/fuzz-run.js';

/** Stands in members whose name says that they are secret: nothing that leaves the collector may hold it. */
export const planted = 'PLANTED-9e41';
const secretNames = [
  'password',
  'client_secret',
  'totp_secret',
  'private_key',
  'Authorization',
  'apiKey',
  'newpassword',
];
const fixtures = readFixtureRecords().map(({ value }) => value as JsonObject);

function hostileText(pick: SeededRandom): string {
  return pick.of([
    () => '',
    () => '\u0000\u001b[2J\u202e\ud800',
    () => `'; DROP TABLE x; --"\\`,
    () => '../../../etc/passwd',
    () => 'pin'.repeat(pick.below(20_000)),
    () => 'a@'.repeat(pick.below(20_000)),
    () => `${'{"a":'.repeat(pick.below(200))}1`,
    () => '0'.repeat(pick.below(40_000)),
    () => 'https://u:p@x/?'.repeat(pick.below(3_000)),
    () => '-----BEGIN '.repeat(pick.below(3_000)),
    () => 'eyJ'.repeat(pick.below(10_000)),
    () => '::ffff:'.repeat(pick.below(5_000)),
    () => '=cmd|x',
  ])();
}

function hostileValue(pick: SeededRandom, depth = 0): JsonValue {
  return pick.of<() => JsonValue>([
    () => hostileText(pick),
    () => pick.of([null, true, false, 0, -0, 1e308, -1, 2 ** 60, 0.1]),
    () => (depth > 3 ? [] : Array.from({ length: pick.below(6) }, () => hostileValue(pick, depth + 1))),
    () => (depth > 3 ? {} : { [hostileText(pick).slice(0, 200)]: hostileValue(pick, depth + 1) }),
    () => ({ __proto__: 1, constructor: hostileText(pick), changes: [{ field: 'password', to: planted }] }),
    () => ({ [pick.of(secretNames)]: planted }),
    () => {
      let deep: JsonValue = 'x';
      for (let level = pick.below(600); level > 0; level -= 1) deep = pick.below(2) === 0 ? [deep] : { a: deep };
      return deep;
    },
  ])();
}

/** A record of a fixture with some members hostile; `keep` are left as they are. */
export function hostileRecord(pick: SeededRandom, keep: JsonObject): JsonObject {
  const record: JsonObject = structuredClone(pick.of(fixtures));
  for (let changes = pick.below(5); changes > 0; changes -= 1) {
    const name = pick.of([...Object.keys(record), ...secretNames, 'changes', 'resource', 'initiated_by', 'mfa_meta']);
    record[name] = secretNames.includes(name) ? planted : hostileValue(pick);
  }
  return { ...record, ...keep };
}
