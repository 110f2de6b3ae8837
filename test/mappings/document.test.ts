import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, readFixtureRecords } from '../../fixtures/records.js';
import { classify } from '../../mappings/catalogue/index-by-type.js';
import { baseEventReasons } from '../../mappings/document/base-event-reasons.js';
import { documentMapping } from '../../mappings/document/mapping-document.js';
import { traceSample } from '../../mappings/document/trace.js';
import type { JsonObject } from '../../mappings/json.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { documentedTables } from './documented-tables.js';
import { finishedEvent, ops } from './mapping.js';

const fixtures = readFixtureRecords();
const typeOf = ({ service, eventType }: { service: string; eventType: string }) => `${service} ${eventType}`;

describe('the document of the mapping', () => {
  it('is what the catalogue and the mappers make of the fixtures today', { timeout: 180_000 }, () => {
    const committed = readFileSync(join(packageRoot(), 'mappings', 'README.md'), 'utf8');
    // Write it again: npm run document
    expect(documentMapping(fixtures, documentedTables()) === committed, 'mappings/README.md is stale').toBe(true);
  });

  it('finds what a field becomes by changing it', () => {
    const [login] = fixtures.filter(({ key }) => key === 'directory/user_login_attempt/failure-bad-password');
    const traces = new Map(traceSample(login!).fields.map((trace) => [trace.field, trace]));
    expect(traces.get('client_ip')).toMatchObject({ result: 'mapped', carried: true, attributes: ['src_endpoint.ip'] });
    expect(traces.get('error_message')).toMatchObject({ carried: true, attributes: ['status_detail'] });
    expect(traces.get('success')).toMatchObject({ carried: false, attributes: ['status_id'] });
    expect(traces.get('mfa')).toMatchObject({ carried: false, attributes: ['is_mfa'] });
    expect(traces.get('geoip.timezone')).toMatchObject({ result: 'unmapped' });
  });

  it('finds that a secret is redacted', () => {
    const [record] = fixtures.filter(({ value }) => finishedEvent(value).text.includes('"[redacted]"'));
    expect(traceSample(record!).fields.map(({ result }) => result)).toContain('redacted');
  });

  it('gives a reason for every documented type that is always a Base Event, and for no other', () => {
    const always = new Map<string, boolean>();
    for (const fixture of fixtures) {
      if (!classify(fixture.service, fixture.eventType).known) continue;
      const isBase = finishedEvent(fixture.value).classUid === 0;
      always.set(typeOf(fixture), (always.get(typeOf(fixture)) ?? true) && isBase);
    }
    const base = [...always].filter(([, isBase]) => isBase).map(([type]) => type);
    expect(base.sort()).toEqual([...baseEventReasons.keys()].sort());
    expect(base.length / always.size).toBeLessThan(0.03);
  });

  it('gives reasons that are true: with an actor and an address the same records are of the class of their row', () => {
    for (const { service, eventType, value } of fixtures.filter((fixture) => baseEventReasons.has(typeOf(fixture)))) {
      const complete: JsonObject = { ...value, initiated_by: ops, client_ip: '198.51.100.7' };
      expect(finishedEvent(complete).classUid).toBe(ocsfTarget.classes[classify(service, eventType).className].uid);
      expect(finishedEvent({ ...value, initiated_by: ops }).classUid).toBe(0);
    }
  });
});
