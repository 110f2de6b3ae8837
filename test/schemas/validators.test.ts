import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../mappings/json.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { describeErrors } from '../../schemas/validators.js';
import { ana, event, laptop, record } from '../mappings/mapping.js';
import { factsPath, hasValidator } from '../mappings/validator.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const valid = event(
  record('directory', 'user_login_attempt', { initiated_by: ana, success: true }),
) as unknown as JsonObject;
const faults = (value: JsonObject): string[] => {
  const validator = ocsfTarget.validators.authentication;
  return validator(value) ? [] : describeErrors(validator);
};

describe('the schema of a class', () => {
  it('is there for every class that the mappers emit', () => {
    const { classes, validators } = ocsfTarget;
    for (const name of Object.keys(classes)) expect(typeof validators[name as keyof typeof classes]).toBe('function');
  });

  it('takes what the mappers make', () => {
    expect(faults(valid)).toEqual([]);
  });

  it('refuses an attribute that the class does not have', () => {
    expect(faults({ ...valid, colour: 'red' })).toEqual(["/: must NOT have additional properties 'colour'"]);
    expect(faults({ ...valid, user: { name: 'ana', colour: 'red' } })[0]).toContain('/user: must NOT have additional');
  });

  it('refuses an event without what its class requires', () => {
    const { user: _user, ...nobody } = valid;
    expect(faults(nobody)).toEqual(["/: must have required property 'user'"]);
  });

  it('refuses a login to nothing: at least one of service and dst_endpoint', () => {
    const { service: _service, ...nowhere } = valid;
    expect(faults(nowhere)).toContain('/: must match a schema in anyOf');
  });

  it('refuses numbers that are no values of an enumeration', () => {
    expect(faults({ ...valid, activity_id: 42 })).toEqual(['/activity_id: must be equal to one of the allowed values']);
    expect(faults({ ...valid, type_uid: 300_101 })).toHaveLength(1);
    expect(faults({ ...valid, class_uid: 3001 })).toHaveLength(1);
  });

  it('refuses empty texts, lists and objects: what is missing is absent', () => {
    expect(faults({ ...valid, message: '' })).toHaveLength(1);
    expect(faults({ ...valid, observables: [] })).toHaveLength(1);
    expect(faults({ ...valid, unmapped: {} })).toHaveLength(1);
    expect(faults({ ...valid, user: { type_id: 1 } }).length).toBeGreaterThan(0);
  });

  it('refuses seconds and nanoseconds as time', () => {
    expect(faults({ ...valid, time: 1_740_000_000 })).toHaveLength(1);
    expect(faults({ ...valid, time: 1_740_000_000_000_000 })).toHaveLength(1);
    expect(faults({ ...valid, time: 1_740_000_000_000.5 })).toHaveLength(1);
  });

  it('refuses a device without the profile host', () => {
    const device = { uid: laptop.id, type_id: 0, type: 'Unknown' };
    expect(faults({ ...valid, device })).not.toEqual([]);
    expect(faults({ ...valid, device, metadata: { ...(valid.metadata as JsonObject), profiles: ['host'] } })).toEqual(
      [],
    );
  });

  it('names no value of the event in what it says', () => {
    expect(faults({ ...valid, user: { name: 7, uid: 's3cret' } }).join()).not.toContain('s3cret');
  });
});

describe('the generated files', () => {
  it('are what the generator makes of the OCSF release that they name', () => {
    if (!hasValidator()) return;
    const copy = mkdtempSync(join(tmpdir(), 'generated-'));
    try {
      cpSync(join(root, 'schemas'), join(copy, 'schemas'), { recursive: true });
      execFileSync(process.execPath, [join(copy, 'schemas/generate.mjs'), factsPath]);
      for (const name of readdirSync(join(root, 'schemas/ocsf'))) {
        const path = join('schemas/ocsf', name);
        expect(readFileSync(join(copy, path), 'utf8'), path).toBe(readFileSync(join(root, path), 'utf8'));
      }
      // schemas/ocsf.ts is formatted after it is generated: what it says must agree.
      const compact = (path: string) => readFileSync(path, 'utf8').replace(/[\s,'"|]/g, '');
      expect(compact(join(copy, 'schemas/ocsf.ts'))).toBe(compact(join(root, 'schemas/ocsf.ts')));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it('name one OCSF version', () => {
    const version = JSON.parse(readFileSync(join(root, 'schemas/ocsf/objects.json'), 'utf8')).$defs.metadata.properties
      .version;
    expect(valid.metadata).toMatchObject({ version: version.const });
  });
});

describe('the compiled schemas', () => {
  it('hold no code that is made while the program runs', () => {
    for (const name of readdirSync(join(root, 'schemas/compiled'))) {
      expect(readFileSync(join(root, 'schemas/compiled', name), 'utf8')).not.toMatch(/new Function|eval\(/);
    }
  });

  it('are written wherever they are wanted', () => {
    const into = mkdtempSync(join(tmpdir(), 'compiled-'));
    try {
      execFileSync(process.execPath, [join(root, 'schemas/compile.mjs'), '--into', join(into, 'here')]);
      expect(existsSync(join(into, 'here', 'ocsf.cjs'))).toBe(true);
    } finally {
      rmSync(into, { recursive: true, force: true });
    }
  });
});
