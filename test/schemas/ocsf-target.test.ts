import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keyWarningEvent } from '../../mappings/key-warning.js';
import { classNameOf, type OcsfTarget, ocsfTarget } from '../../schemas/ocsf-target.js';
import { change, event, record } from '../mappings/mapping.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const acceptsAll = () => true;

/** A release that moved account changes and findings to other numbers, and renamed a user type. */
const later: OcsfTarget = {
  ...ocsfTarget,
  version: '9.9.9',
  classes: {
    ...ocsfTarget.classes,
    account_change: { ...ocsfTarget.classes.account_change, uid: 3007, caption: 'User Management' },
    detection_finding: { ...ocsfTarget.classes.detection_finding, uid: 2090, caption: 'Finding' },
  },
  captions: { ...ocsfTarget.captions, userType: { ...ocsfTarget.captions.userType, 1: 'Person' } },
  validators: { ...ocsfTarget.validators, account_change: acceptsAll, detection_finding: acceptsAll },
};

describe('an OCSF target', () => {
  it('decides the version, the class number and the captions of an event', () => {
    expect(event(change('user_lockout'), { target: later })).toMatchObject({
      class_uid: 3007,
      class_name: 'User Management',
      type_uid: 300_709,
      type_name: 'User Management: Lock',
      user: { type_id: 1, type: 'Person' },
      metadata: { version: '9.9.9' },
    });
    expect(event(record('alerts', 'alert_created'), { target: later }).class_uid).toBe(2090);
  });

  it('decides the same of the warning about a key', () => {
    const warning = keyWarningEvent(
      {
        feed: 'acme',
        organization: undefined,
        fingerprint: '0123456789abcdef',
        lastFour: 'wxyz',
        credential: 'API key …wxyz',
        trigger: { kind: 'expires', threshold: 3 },
        first: true,
        expiresAt: undefined,
        description: 'expires in 3 days',
        basis: 'The configuration says so.',
        cure: 'Replace the key.',
        consequence: 'Nothing is collected',
        now: Date.UTC(2026, 9, 21),
        mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
      },
      later,
    );
    expect(warning.classUid).toBe(2090);
    expect(JSON.parse(warning.text)).toMatchObject({
      class_uid: 2090,
      type_uid: 209_001,
      type_name: 'Finding: Create',
      metadata: { version: '9.9.9' },
    });
  });

  it('finds the name of a class by its number', () => {
    for (const [name, { uid }] of Object.entries(ocsfTarget.classes)) expect(classNameOf(ocsfTarget, uid)).toBe(name);
    expect(classNameOf(ocsfTarget, 3007)).toBeUndefined();
    expect(classNameOf(later, 3007)).toBe('account_change');
  });

  it('is the only importer of the generated tables', () => {
    const sources = ['collector', 'mappings', 'schemas', 'test', 'fixtures'].flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(room, name)),
    );
    const importers = sources.filter((path) =>
      /from '[^']*(?:\/ocsf\.js|schemas\/ocsf\/\w+\.json)'/.test(readFileSync(join(root, path), 'utf8')),
    );
    expect(importers).toEqual(['schemas/ocsf-target.ts']);
  });
});
