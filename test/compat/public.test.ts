import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readPublicSurface, storedSurface, surfaceText } from './public-surface.js';

const ACCEPT = 'A change that is meant, and said in CHANGELOG.md: npm run accept';

describe('what users rely on', () => {
  let surface: Record<string, unknown>;
  beforeAll(async () => {
    surface = await readPublicSurface();
  });

  it.each(readdirSync(storedSurface))('%s is as it was stored', (name) => {
    expect(surfaceText(surface[name]), ACCEPT).toBe(readFileSync(join(storedSurface, name), 'utf8'));
  });

  it('is stored whole: every part has its copy', () => {
    expect(Object.keys(surface).sort()).toEqual(readdirSync(storedSurface).sort());
  });
});
