import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readHelps, readPublicSurface, storedSurface, surfaceText } from './public-surface.js';

// Stores what users rely on today. Run on purpose, after reading the difference: npm run accept
mkdirSync(storedSurface, { recursive: true });
for (const [name, part] of Object.entries(await readPublicSurface(await readHelps())))
  writeFileSync(join(storedSurface, name), surfaceText(part));
