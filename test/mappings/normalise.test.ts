import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixtureRecords } from '../../fixtures/records.js';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import { normalise, toRawRecord } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { classNameOf, ocsfTarget } from '../../schemas/ocsf-target.js';
import {
  ana,
  change,
  context,
  deadLetter,
  event,
  finishedEvent,
  map,
  ops,
  organization,
  receive,
  record,
} from './mapping.js';
import { hasValidator, validate } from './validator.js';

const login = record('directory', 'user_login_attempt', { initiated_by: ana, success: true });

/** One valid event or one complete dead letter: what every record becomes. */
function account(value: JsonValue, text?: string): void {
  const received = receive(value, text);
  const header = readHeader(received);
  const outcome = normalise(received, header, { ...context, rawData: true });
  if (outcome.kind === 'dead_letter') {
    const { uid, reason, raw, raw_size: size, raw_sha256: hash } = outcome.deadLetter;
    expect(uid).toBe(header.uid);
    expect(reason).not.toBe('mapping_failed');
    expect(reason).not.toBe('schema_violation');
    expect([size, hash]).toEqual([Buffer.byteLength(raw), createHash('sha256').update(raw).digest('hex')]);
    return;
  }
  const parsed = JSON.parse(outcome.event.text) as JsonObject;
  const validator = ocsfTarget.validators[classNameOf(ocsfTarget, Number(parsed.class_uid))!];
  expect(validator(parsed) ? [] : validator.errors).toEqual([]);
  expect(outcome.event).toMatchObject({
    uid: header.uid,
    classUid: parsed.class_uid,
    typeUid: parsed.type_uid,
    time: parsed.time,
  });
  expect(
    outcome.event.text.isWellFormed() && !/\\u[dD][89a-fA-F]/.test(outcome.event.text.replaceAll('\\\\', '')),
  ).toBe(true);
}

const strings = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', '\ud800', '__proto__', 'null', '99', 'admin', 'user'),
);
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    strings,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(strings, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** The value with one member, somewhere in it, replaced, taken away or put into a list. */
function damage(value: JsonValue, steps: readonly number[], by: JsonValue, how: number): JsonValue {
  if (typeof value !== 'object' || value === null || steps.length === 0) return how === 1 ? [value] : by;
  const keys = Object.keys(value);
  if (keys.length === 0) return by;
  const key = keys[steps[0]! % keys.length]!;
  const copy: Record<string, JsonValue> | JsonValue[] = Array.isArray(value) ? [...value] : { ...value };
  const members = copy as Record<string, JsonValue>;
  if (how === 2 && steps.length === 1) delete members[key];
  else members[key] = damage(members[key]!, steps.slice(1), by, how);
  return Array.isArray(copy) ? copy.filter((member) => member !== undefined) : copy;
}

describe('every record', () => {
  it('becomes one valid event or one dead letter, whatever JSON it is', () => {
    fc.assert(
      fc.property(values, (value) => account(value)),
      { numRuns: 2000 },
    );
  });

  it('becomes one valid event or one dead letter, whatever damage a plausible one has', () => {
    const plausible = fc.constantFrom(...readFixtureRecords().map(({ value }) => value));
    const damages = fc.array(fc.tuple(fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }), values, fc.nat(2)), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(plausible, damages, (value, all) =>
        account(all.reduce<JsonValue>((one, [steps, by, how]) => damage(one, steps, by, how), value)),
      ),
      { numRuns: 4000 },
    );
  });

  it('that is damaged still becomes events in which the independent validator finds no error', () => {
    if (!hasValidator()) return;
    const plausible = readFixtureRecords().filter((_, index) => index % 3 === 0);
    const damages = fc.sample(fc.tuple(fc.array(fc.nat(60), { minLength: 1, maxLength: 3 }), values, fc.nat(2)), {
      numRuns: plausible.length,
      seed: 7,
    });
    const lines = plausible.flatMap(({ value }, index) => {
      const [steps, by, how] = damages[index]!;
      const outcome = map(
        { ...(damage(value, steps, by, how) as JsonObject), id: `damaged-${index}` },
        { rawData: true },
      );
      return outcome.kind === 'event' ? [outcome.event.text] : [];
    });
    const { errors } = validate(lines);
    expect(errors).toEqual({});
    expect(lines.length).toBeGreaterThan(100);
  });
});

describe('a dead letter', () => {
  it.each([
    ['null', null],
    ['a number', 7],
    ['a text', 'record'],
    ['an array', [login]],
  ])('is what %s becomes', (_kind, value) => {
    expect(deadLetter(value).reason).toBe('not_an_object');
  });

  it.each([
    ['id_missing', { ...login, id: undefined }],
    ['id_missing', { ...login, id: 7 }],
    ['id_missing', { ...login, id: '' }],
    ['timestamp_missing', { ...login, timestamp: null }],
    ['timestamp_unreadable', { ...login, timestamp: 1_740_816_930_123 }],
    ['timestamp_unreadable', { ...login, timestamp: { $date: 0 } }],
    ['timestamp_unreadable', { ...login, timestamp: '2025-02-30T00:00:00Z' }],
    ['timestamp_unreadable', { ...login, timestamp: 'yesterday' }],
  ])('names %s', (reason, value) => {
    expect(deadLetter(JSON.parse(JSON.stringify(value)) as JsonValue).reason).toBe(reason);
  });

  it('names a nesting of 200 levels', () => {
    let bomb: JsonValue = 'x';
    for (let level = 0; level < 200; level += 1) bomb = [bomb];
    const { reason, raw } = deadLetter({ ...login, bomb });
    expect(reason).toBe('nested_too_deeply');
    expect(JSON.parse(raw)).toHaveProperty('bomb');
  });

  it('survives a nesting that no stack could hold', () => {
    const depth = 200_000;
    const text = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    let bomb: JsonValue = [];
    for (let level = 1; level < depth; level += 1) bomb = [bomb];
    const received = { text: `{"id":"1","token":${text}}`, value: { ...login, token: bomb }, depth: depth + 1 };
    const outcome = normalise(received, readHeader(received), context);
    expect(outcome).toMatchObject({ kind: 'dead_letter', deadLetter: { reason: 'nested_too_deeply' } });
    const unparsed = { ...received, value: null };
    expect(normalise(unparsed, readHeader(unparsed), context)).toMatchObject({
      deadLetter: { reason: 'nested_too_deeply' },
    });
  });

  it('names a field of 5 MB, and keeps it', () => {
    const { reason, raw } = deadLetter({ ...login, field: 'x'.repeat(5_000_000) });
    expect(reason).toBe('too_large');
    expect(raw.length).toBeGreaterThan(5_000_000);
  });

  it('names a record that was read past by its short members, without their secrets, and by the size and hash of the whole', () => {
    const received = receive({ ...login, password: 'hunter2' });
    const whole = { bytes: 20_000_000, sha256: 'a'.repeat(64) };
    const header = readHeader(received);
    const outcome = normalise({ ...received, whole }, header, { ...context, rawData: true });
    if (outcome.kind === 'event') throw new Error('an event');
    expect(outcome.deadLetter).toMatchObject({
      uid: header.uid,
      reason: 'too_large',
      message: 'The record has 20000000 bytes, more than are read. `raw` holds its short members.',
      record_id: header.id,
      original_time: header.timestamp,
      raw_size: whole.bytes,
      raw_sha256: whole.sha256,
    });
    expect(JSON.parse(outcome.deadLetter.raw)).toEqual({ ...login, password: '[redacted]' });
  });

  it('names a member called __proto__, however it is spelled', () => {
    for (const name of ['__proto__', '\\u005f_proto__']) {
      const text = JSON.stringify(login).replace('{', `{"deep":[{"${name}":{"admin":true}}],`);
      expect(deadLetter(JSON.parse(text) as JsonValue, {}, text).reason).toBe('forbidden_key');
    }
  });

  it('names a time that cannot be meant, with path and rule but no value', () => {
    const { reason, details, time } = deadLetter({ ...login, timestamp: '1970-01-12T00:00:00Z' });
    expect(reason).toBe('schema_violation');
    expect(details).toEqual(['/time: must be >= 946684800000']);
    expect(time).toBe(950_400_000);
  });

  it('says which record it was', () => {
    const { id: _id, ...anonymous } = login;
    expect(deadLetter(anonymous, { fetchedAt: 1_750_000_000_000 })).toMatchObject({
      uid: readHeader(receive(anonymous)).uid,
      service: 'directory',
      event_type: 'user_login_attempt',
      organization,
      original_time: login.timestamp,
      time: Date.UTC(2025, 2, 1, 8, 15, 30, 123),
      fetched_at: 1_750_000_000_000,
      raw: JSON.stringify(anonymous),
    });
  });

  it('holds no secret of the record', () => {
    const { raw, raw_size: size } = deadLetter({ password: 's3cret', nested: [{ apiKey: 's3cret' }] });
    expect(raw).toBe('{"password":"[redacted]","nested":[{"apiKey":"[redacted]"}]}');
    expect(size).toBe(raw.length);
  });
});

describe('the text of an event', () => {
  it('writes whole coordinates as floats, and nothing else', () => {
    const geoip = { country_code: 'PT', latitude: 38, longitude: -9 };
    const { text } = finishedEvent({ ...login, geoip, note: '"lat":38', lat: 7, deep: { long: 8 } });
    expect(text).toContain('"lat":38.0,"long":-9.0}');
    expect(text).toContain('"lat":7');
    expect(text).toContain('"long":8');
    expect(JSON.parse(text).unmapped).toEqual({ note: '"lat":38', lat: 7, deep: { long: 8 } });
  });

  it('is well-formed where the record has lone surrogates', () => {
    const text = JSON.stringify(login).replace('ana.lima', 'ana\\ud800').replace('{', '{"\\udfff":1,"\\ud900":2,');
    const mapped = event(JSON.parse(text) as JsonValue, { rawData: true }, text);
    expect(mapped.user).toHaveProperty('name', 'ana\uFFFD');
    expect(mapped.unmapped).toMatchObject({ '\uFFFD': 1, '\uFFFD\uFFFD': 2 });
  });

  it('is the same whenever the same record is mapped', () => {
    expect(finishedEvent(login, { rawData: true }).text).toBe(finishedEvent(login, { rawData: true }).text);
  });
});

describe('raw data', () => {
  it('is the text as received, with size and SHA-256', () => {
    const text = JSON.stringify(login, null, 1);
    const mapped = event(login, { rawData: true }, text);
    expect(mapped).toMatchObject({
      raw_data: text,
      raw_data_size: Buffer.byteLength(text),
      raw_data_hash: { algorithm_id: 3, value: createHash('sha256').update(text).digest('hex') },
    });
  });

  it('is absent where it is switched off', () => {
    expect(Object.keys(event(login)).filter((name) => name.startsWith('raw'))).toEqual([]);
  });
});

describe('times', () => {
  it('are whole milliseconds, rounded towards the past, and the source text is kept', () => {
    const { time, metadata } = event({ ...login, timestamp: '2025-03-01T08:15:30.999999999Z' });
    expect(time).toBe(Date.UTC(2025, 2, 1, 8, 15, 30, 999));
    expect(metadata).toHaveProperty('original_time', '2025-03-01T08:15:30.999999999Z');
  });

  it('are taken from jc_timestamp where there is no timestamp', () => {
    const { timestamp, ...forwarded } = login;
    const mapped = event({ ...forwarded, jc_timestamp: timestamp! });
    expect(mapped.time).toBe(Date.UTC(2025, 2, 1, 8, 15, 30, 123));
    expect(mapped.unmapped).not.toHaveProperty('jc_timestamp');
  });

  it('keep the offset of a timestamp that has one', () => {
    expect(event({ ...login, timestamp: '2025-03-01T03:15:30-05:00' }).timezone_offset).toBe(-300);
  });
});

describe('the partition key', () => {
  it('is the id of the person, else the name, else the organization, else nothing', () => {
    expect(finishedEvent(login).partitionKey).toBe(ana.id);
    expect(finishedEvent({ ...login, initiated_by: { username: 'ana' } }).partitionKey).toBe('ana');
    expect(finishedEvent({ ...login, initiated_by: null }).partitionKey).toBe(organization);
    expect(finishedEvent({ ...login, initiated_by: null, organization: null }).partitionKey).toBe('');
    expect(finishedEvent(change('user_delete', { initiated_by: ops })).partitionKey).toBe(ana.id);
  });
});

describe('a record of a class that is not delivered', () => {
  it('is kept as it came but for its secrets', () => {
    const received = receive({ ...login, password: 's3cret' });
    expect(toRawRecord(received, readHeader(received), finishedEvent(received.value))).toEqual({
      uid: readHeader(received).uid,
      classUid: 3002,
      eventCode: 'user_login_attempt',
      service: 'directory',
      time: Date.UTC(2025, 2, 1, 8, 15, 30, 123),
      text: JSON.stringify({ ...login, password: '[redacted]' }),
    });
  });
});

const samples = fileURLToPath(new URL('../../../shared/samples/records.ndjson', import.meta.url));

describe.skipIf(!existsSync(samples))('records as JumpCloud really sends them', () => {
  it('are all accounted for, and the independent validator finds nothing but one identity that two lines share', () => {
    const lines = readFileSync(samples, 'utf8').trim().split('\n');
    const events = lines.map((line) => finishedEvent(JSON.parse(line) as JsonValue, { rawData: true }, line).text);
    expect(events.length).toBe(13);
    if (!hasValidator()) return;
    const { errors, warnings } = validate(events);
    expect([errors, warnings]).toEqual([{ x_event_uid_twice: 1 }, {}]);
  });
});
