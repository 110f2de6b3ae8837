import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, readFixtureRecords } from '../../fixtures/records.js';
import { documentMapping } from '../../mappings/document/mapping-document.js';
import { documentedTables } from './documented-tables.js';

// Writes mappings/README.md: npm run document
const path = join(packageRoot(), 'mappings', 'README.md');
writeFileSync(path, documentMapping(readFixtureRecords(), documentedTables()));
process.stdout.write(`${path} written\n`);
