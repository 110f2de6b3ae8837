import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keyAt } from '../../collector/config/keys.js';
import { sinks } from '../../collector/sinks/registry.js';

const collector = fileURLToPath(new URL('../../collector/', import.meta.url));

/** Source files below a folder of `collector/`, by their path in it. */
function sourcesIn(folder: string): string[] {
  return readdirSync(collector + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => folder + name);
}

describe('the registry of sinks', () => {
  it('has every sink that the configuration can name, and no other', () => {
    expect(Object.keys(sinks).sort()).toEqual([...(keyAt('sink').schema.enum ?? [])].sort());
  });

  it('is the only place outside of sinks/ and config/ that decides by the name of a sink', () => {
    const deciding = new RegExp(`(?:[=!]==|case)\\s*'(?:${Object.keys(sinks).join('|')})'`);
    const asking = sourcesIn('')
      .filter((file) => !/^(?:sinks|config)\//.test(file))
      .filter((file) => deciding.test(readFileSync(collector + file, 'utf8')));
    expect(asking).toEqual([]);
  });
});

describe('the Kafka client', () => {
  it('knows nothing of lanes, topics or messages: it imports from its own folder and from below the sinks', () => {
    const imports = sourcesIn('sinks/kafka/client/').flatMap((file) =>
      [...readFileSync(collector + file, 'utf8').matchAll(/from '(\.\.\/[^']+)'/g)].map(
        ([, path]) => `${file}: ${path}`,
      ),
    );
    const sideways = imports.filter((line) => !/: (?:\.\.\/){3,}/.test(line) && !line.endsWith(': ../../sink.js'));
    expect(sideways).toEqual([]);
  });
});
