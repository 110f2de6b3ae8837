import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, readFixtureRecords } from '../../fixtures/records.js';
import { event } from './mapping.js';

// Writes what every fixture record becomes beside it. Run on purpose, after reading the difference: npm run accept
const records = readFixtureRecords();
const expected = new Set(records.map(({ path }) => path.replace('.record.json', '.event.json')));
for (const { path, value } of records) {
  writeFileSync(path.replace('.record.json', '.event.json'), `${JSON.stringify(event(value), null, 2)}\n`);
}
const events = join(packageRoot(), 'fixtures', 'events');
for (const name of readdirSync(events, { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.event.json') && !expected.has(join(events, name))) rmSync(join(events, name));
}
process.stdout.write(`${records.length} events written\n`);
