/**
 * `npm run bench:hold`: for how long one hostile record holds the event loop, from the text of its page to what is delivered
 * of it. Prints the longest of three runs for each shape and size, in milliseconds of processor time.
 */
import { splitArray } from '../../collector/jumpcloud/insights/split-array.js';
import { Identities } from '../../collector/position/record-identity.js';
import { readFixtureRecords } from '../../fixtures/records.js';
import type { JsonObject } from '../../mappings/json.js';
import { normalise } from '../../mappings/normalise.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

const MIB = 1024 * 1024;
const settings = { rawData: true, mapper: { name: 'bench', version: '0' }, target: ocsfTarget, fetchedAt: Date.now() };
const login = readFixtureRecords().find(({ key }) => key.startsWith('directory/user_login_attempt'))!
  .value as JsonObject;

/** A value that takes about so many bytes. */
const shapes: Readonly<Record<string, (bytes: number) => unknown>> = {
  'plain text': (bytes) => 'x'.repeat(bytes),
  'hint words': (bytes) => 'pinpass'.repeat(bytes / 7),
  'escaped quotes': (bytes) => '"'.repeat(bytes / 2),
  'PEM beginnings': (bytes) => '-----BEGIN '.repeat(bytes / 11),
  'JWT beginnings': (bytes) => 'eyJ.'.repeat(bytes / 4),
  'URLs with users': (bytes) => 'https://u:p@x/ '.repeat(bytes / 15),
  'at signs': (bytes) => 'a@'.repeat(bytes / 2),
  'named passwords': (bytes) => 'password=hunter2x '.repeat(bytes / 18),
  'names of secrets': (bytes) =>
    Object.fromEntries(Array.from({ length: bytes / 26 }, (_, n) => [`password_${n}`, `x${n}`])),
  digits: (bytes) => '9'.repeat(bytes),
  'JSON in text': (bytes) => `{"a":${JSON.stringify('{"password":"x"}'.repeat(bytes / 24))}}`,
  members: (bytes) => Object.fromEntries(Array.from({ length: bytes / 20 }, (_, n) => [`member_${n}`, n])),
  changes: (bytes) => Array.from({ length: bytes / 50 }, (_, n) => ({ field: `password${n}`, from: 'a', to: 'b' })),
  'deep brackets': (bytes) => {
    let deep: unknown = 'x';
    for (let level = 0; level < Math.min(400, bytes / 8); level += 1) deep = { a: deep };
    return Array.from({ length: Math.max(1, bytes / 3_000) }, () => deep);
  },
};

let worst = 0;
for (const bytes of [MIB / 4, MIB, 8 * MIB, 15 * MIB])
  for (const [name, make] of Object.entries(shapes)) {
    const member = name === 'changes' ? 'changes' : 'useragent';
    const page = `[${JSON.stringify({ ...login, [member]: make(Math.floor(bytes)) })}]`;
    let longest = 0;
    let became = '';
    for (let run = 0; run < 3; run += 1) {
      const started = process.cpuUsage();
      const records = splitArray(page);
      const [identity] = new Identities().next(records);
      became = normalise(records[0]!, identity!.header, settings).kind;
      longest = Math.max(longest, process.cpuUsage(started).user / 1_000);
    }
    worst = Math.max(worst, longest);
    const size = `${(page.length / MIB).toFixed(1)} MiB`;
    process.stdout.write(`${name.padEnd(18)} ${size.padStart(9)}  ${longest.toFixed(0).padStart(6)} ms  ${became}\n`);
  }
process.stdout.write(`longest hold ${worst.toFixed(0)} ms\n`);
