import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fuzzQuery, heldBelow } from './fuzz-run.js';

describe('random statements of DuckDB’s grammar', () => {
  it.each([1, 2, 3])('change no byte of the directory and read nothing but the tables (seed %i)', async (seed) => {
    const home = await mkdtemp(join(tmpdir(), 'query-fuzz-'));
    onTestFinished(() => rm(home, { recursive: true }));
    const counts = await fuzzQuery(home, seed, (statements) => statements < 400);
    // Neither all nor none: the statements reach what they are meant to try.
    expect(counts.answered).toBeGreaterThan(20);
    expect(counts.refused).toBeGreaterThan(200);
    expect(heldBelow(home)).toEqual([]);
  });
});
