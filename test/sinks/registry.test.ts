import { describe, expect, it } from 'vitest';
import { keyAt } from '../../collector/config/keys.js';
import { sinks } from '../../collector/sinks/registry.js';

describe('the registry of sinks', () => {
  it('has every sink that the configuration can name, and no other', () => {
    expect(Object.keys(sinks).sort()).toEqual([...(keyAt('sink').schema.enum ?? [])].sort());
  });
});
