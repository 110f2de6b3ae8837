import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Helps, readHelps, readPublicSurface, storedSurface, surfaceText } from './public-surface.js';

const ACCEPT = 'A change that is meant, and said in CHANGELOG.md: npm run accept';

describe('what users rely on', () => {
  let helps: Helps;
  let surface: Record<string, unknown>;
  beforeAll(async () => {
    helps = await readHelps();
    surface = await readPublicSurface(helps);
  });

  it('the help of the command and of every verb goes to stdout and ends with 0', () => {
    expect([...helps.keys()]).toEqual(
      expect.arrayContaining(['', 'run', 'demo', 'backfill', 'map', 'query', 'config', 'simulate', 'config print']),
    );
    for (const [verb, { stdout, stderr }] of helps) {
      expect({ verb, stderr }).toEqual({ verb, stderr: '' });
      expect(stdout).toMatch(/^jumpcloud-ocsf /);
    }
  });

  it.each(readdirSync(storedSurface))('%s is as it was stored', (name) => {
    expect(surfaceText(surface[name]), ACCEPT).toBe(readFileSync(join(storedSurface, name), 'utf8'));
  });

  it('is stored whole: every part has its copy', () => {
    expect(Object.keys(surface).sort()).toEqual(readdirSync(storedSurface).sort());
  });
});
