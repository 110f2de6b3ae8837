import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../collector/log/redactor.js';
import { readFixtureRecords } from '../../fixtures/records.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import type { JsonValue } from '../../mappings/json.js';
import { mayHoldSecret, REDACTED, redact, redactText } from '../../mappings/redact.js';
import { hides, judgeName } from '../../mappings/secret-names.js';
import { change, deadLetter, event, receive } from './mapping.js';
import {
  harmlessNames,
  harmlessTexts,
  harmlessValues,
  PLANTED,
  secretNames,
  secretPairs,
  secretTexts,
} from './redaction-corpus.js';

const redacted = (value: JsonValue) => redact(value).value;

describe('redaction', () => {
  it.each([
    'password',
    'newPassword',
    'user_passwd',
    'client_secret',
    'clientSecret',
    'apiKey',
    'api_key',
    'APIKey',
    'private_key',
    'access_token',
    'refreshToken',
    'totp',
    'totp_secret',
    'TOTPSecret',
    'mfa.totp',
    'pin',
    'pincode',
    'recovery_codes',
    'fde_key',
    'cookie',
  ])('replaces the text under %s, at any depth', (name) => {
    expect(redacted({ a: [{ [name]: 's3cret', b: 'kept' }] })).toEqual({ a: [{ [name]: REDACTED, b: 'kept' }] });
  });

  it.each([
    'password_expiration_date',
    'passwordless_sudo',
    'password_status',
    'tokenType',
    'key_id',
    'apiKeyPrefix',
    'apiKeyUpdatedAt',
    'public_key',
    'key_fingerprint',
    'auth_method',
    'monkey',
    'hockey_keyboard_layout',
    'country_code',
    'mapping',
  ])('keeps the text under %s', (name) => {
    expect(redact({ [name]: 'plain' })).toMatchObject({ value: { [name]: 'plain' }, redacted: false });
  });

  it('keeps outcomes and switches, which are no secrets', () => {
    const value = {
      sso_token_success: true,
      apiKeyAllowed: false,
      user_password_enabled: true,
      totp: { success: false },
      auth_methods: { password: { success: true } },
      password: null,
      secret: '',
    };
    expect(redact(value)).toEqual({ value, redacted: false, members: 10 });
  });

  it('replaces texts and numbers inside objects and lists that are secrets, but not what describes them', () => {
    expect(redacted({ password: { value: 'x', history: ['y', 7], algorithm: 'bcrypt', used: true } })).toEqual({
      password: { value: REDACTED, history: [REDACTED, REDACTED], algorithm: 'bcrypt', used: true },
    });
  });

  it('keeps numbers that count tokens and keys', () => {
    const value = { input_tokens: 512, max_tokens: 1024, keys: 3 };
    expect(redact(value).redacted).toBe(false);
  });

  it('replaces the values of changes of secret fields', () => {
    const changes: JsonValue = [
      { field: 'password', from: 'old', to: 'new' },
      { field: 'totp_enabled', from: false, to: true },
      { field: 'API Key', to: { hash: 'x' } },
      { field: 'department', from: 'Sales', to: 'Keys' },
    ];
    expect(redacted({ changes })).toEqual({
      changes: [
        { field: 'password', from: REDACTED, to: REDACTED },
        { field: 'totp_enabled', from: false, to: true },
        { field: 'API Key', to: { hash: REDACTED } },
        { field: 'department', from: 'Sales', to: 'Keys' },
      ],
    });
  });

  it('takes a key next to a value for a name', () => {
    expect(redacted([{ key: 'department', value: 'Sales' }])).toEqual([{ key: 'department', value: 'Sales' }]);
    expect(redacted([{ key: 'secret', value: 's3cret' }])).toEqual([{ key: 'secret', value: REDACTED }]);
    expect(redacted([{ key: 's3cret' }])).toEqual([{ key: REDACTED }]);
    expect(redacted([{ key: 'x', name: 'password', value: 's3cret' }])).toEqual([
      { key: 'x', name: 'password', value: REDACTED },
    ]);
  });

  it('keeps what is masked already', () => {
    expect(redact({ password: '********', secret: '[hidden]' }).redacted).toBe(false);
  });

  it('does not change the value it is given', () => {
    const value = { outer: { password: 's3cret' }, kept: { a: 1 } };
    const before = structuredClone(value);
    const result = redacted(value) as typeof value;
    expect(value).toEqual(before);
    expect(result.kept).toBe(value.kept);
  });

  it('is never skipped by the quick look at the text where the walk finds something', () => {
    const names = fc.constantFrom(
      'password',
      'Secret',
      'apiKey',
      'a "quoted" token',
      'field',
      'name',
      'value',
      'to',
      'x',
      'success',
      'sensitive',
      ...secretNames,
      ...harmlessNames,
    );
    const leaves = fc.oneof(
      fc.constantFrom<JsonValue>('password', 's3cret', 7, true, null, ''),
      fc.constantFrom(...secretTexts, ...harmlessTexts).map((text) => text.replaceAll('§', PLANTED)),
    );
    const trees = fc.letrec<{ tree: JsonValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaves,
        fc.array(tie('tree'), { maxLength: 2 }),
        fc.dictionary(names, tie('tree'), { maxKeys: 3 }),
      ),
    })).tree;
    fc.assert(
      fc.property(
        trees,
        fc.constantFrom(undefined, 1),
        (value, indent) => !redact(value).redacted || mayHoldSecret(JSON.stringify(value, null, indent)),
      ),
      { numRuns: 5000 },
    );
  });

  it('leaves no planted secret anywhere in what it returns', () => {
    const secret = 'S3CRET-that-must-not-be-seen';
    const names = fc.constantFrom('password', 'clientSecret', 'api_key', 'access token', 'TOTP', 'Recovery Codes');
    const planted = fc.letrec<{ tree: JsonValue; holder: JsonValue }>((tie) => ({
      holder: fc
        .tuple(names, fc.boolean())
        .map(
          ([name, asChange]): JsonValue =>
            asChange ? { field: name, from: secret, to: [secret] } : { [name]: { deep: [secret] } },
        ),
      tree: fc.oneof(
        { maxDepth: 5 },
        tie('holder'),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
        fc.dictionary(fc.string(), tie('tree')),
      ),
    })).tree;
    fc.assert(fc.property(planted, (value) => !JSON.stringify(redacted(value)).includes(secret)));
  });
});

const readText = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const ocsfFiles = readdirSync(new URL('../../schemas/ocsf/', import.meta.url));
/** Names of the fixtures and of OCSF that do hold secrets. */
const trueSecrets = new Set(['auth_token', 'token', 'password', 'totp', 'authorization']);

function namesOf(value: JsonValue): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value);
  return [...own, ...Object.values(value).flatMap(namesOf)];
}

const holds = (value: JsonValue) => JSON.stringify(redact(value).value);
const found = (value: JsonValue) => mayHoldSecret(JSON.stringify(value));

it('a text that begins like a marked number is redacted like any other', () => {
  const record = { id: '1', message: '\u0000#password=Zq7-Planted9x', token: '\u0000#Zq7-Planted9x' };
  expect(JSON.stringify(redact(record))).not.toContain('Zq7-Planted9x');
});

describe('the corpus of redaction', () => {
  it('has at least 200 shapes to replace and 150 to keep', () => {
    expect(secretNames.length + secretTexts.length + secretPairs.length).toBeGreaterThanOrEqual(200);
    expect(harmlessNames.length + harmlessTexts.length + harmlessValues.length).toBeGreaterThanOrEqual(150);
  });

  it.each(secretNames)('replaces the text under the name %s, as a member and as a label', (name) => {
    const change: JsonValue = { changes: [{ field: name, from: 'x', to: PLANTED }] };
    for (const value of [{ a: [{ [name]: PLANTED }] }, change]) {
      expect(holds(value)).not.toContain(PLANTED);
      expect(found(value)).toBe(true);
    }
  });

  it.each(secretTexts)('replaces the secret in the text: %s', (text) => {
    const value = { log: [text.replaceAll('§', PLANTED)] };
    expect(redact(value).redacted).toBe(true);
    if (!text.startsWith('AKIA')) expect(holds(value)).not.toContain(PLANTED);
    expect(holds(value)).not.toMatch(/AKIA|ghp_|xoxb|glpat-|sk_live/);
    expect(found(value)).toBe(true);
  });

  it.each(secretPairs.map((value) => [JSON.stringify(value), value] as const))(
    'replaces the secret of %s',
    (_, value) => {
      const record = { changes: [value] };
      expect(holds(record)).not.toMatch(/Planted|482910/);
      expect(found(record)).toBe(true);
    },
  );

  it.each(harmlessNames)('keeps the text under the name %s', (name) => {
    const value = { [name]: 'plain7x', changes: [{ field: name, to: 'plain7x' }] };
    expect(redact(value)).toMatchObject({ value, redacted: false });
  });

  it.each(harmlessTexts)('keeps the text: %s', (text) => {
    expect(redact([text]).value).toEqual([text]);
  });

  it.each(harmlessValues.map((value) => [JSON.stringify(value), value] as const))('keeps %s', (_, value) => {
    expect(redact(value)).toMatchObject({ value, redacted: false });
  });

  it('is masked by the log as well where a form shows it', () => {
    const redactor = new Redactor();
    const notQuoted = secretTexts.filter((text) => !/^[[{]|\{["']|request \{/.test(text) && !text.startsWith('AKIA'));
    for (const text of notQuoted) expect(redactor.mask(text.replaceAll('§', PLANTED))).not.toContain(PLANTED);
    for (const text of harmlessTexts) expect(redactor.mask(text)).toBe(text);
  });
});

describe('the cost and the reach of redaction', () => {
  it('replaces at most one of 10,000 ordinary field names', () => {
    const words = readText('./ordinary-words.txt')
      .split(/\s+/)
      .filter((word) => word !== '');
    const pairs = words.map(
      (word, index) => `${word}${words[(index * 7 + 1) % words.length]!.replace(/^./, (first) => first.toUpperCase())}`,
    );
    const fields = new Set(readFixtureRecords().flatMap(({ value }) => namesOf(value)));
    const attributes = ocsfFiles.flatMap((name) =>
      namesOf(JSON.parse(readText(`../../schemas/ocsf/${name}`)) as JsonValue),
    );
    const all = [...new Set([...words, ...pairs, ...fields, ...attributes])].filter((name) => !trueSecrets.has(name));
    expect(all.length).toBeGreaterThan(10_000);
    const replaced = all.filter((name) => hides(judgeName(name).sensitivity));
    expect(replaced.length, replaced.join(' ')).toBeLessThanOrEqual(all.length / 10_000);
  });

  it('looks closely at no more than 5 % of the records of the simulated tenant, and misses none', async () => {
    const tenant = await startTenant({ seed: 3, records: 4_000 });
    const texts = [...tenant.ledger.entries()].map(({ number }) => tenant.ledger.text(number));
    await tenant.close();
    expect(texts.filter(mayHoldSecret).length).toBeLessThanOrEqual(texts.length * 0.05);
    expect(texts.filter((text) => !mayHoldSecret(text) && redact(JSON.parse(text) as JsonValue).redacted)).toEqual([]);
  });

  it('withholds JSON in a text that is too deep to be searched, and searches deeper ones by form', () => {
    const deep = `${'{"a":'.repeat(600)}1${'}'.repeat(600)}`;
    expect(redacted({ payload: deep })).toEqual({ payload: REDACTED });
    let nested = JSON.stringify({ password: PLANTED });
    for (let level = 0; level < 5; level += 1) nested = JSON.stringify({ payload: nested });
    expect(JSON.stringify(redacted({ payload: nested }))).not.toContain(PLANTED);
  });

  it('keeps the digits of numbers in JSON in a text, and no secret that a repeated name hides there', () => {
    const payload = '{"id":12345678901234567890,"password":"s3cret"}';
    expect(redacted({ payload })).toEqual({ payload: `{"id":12345678901234567890,"password":"${REDACTED}"}` });
    const twice = '{"password":"s3cret","password":null}';
    expect(redacted({ payload: twice })).toEqual({ payload: '{"password":null}' });
  });
});

describe('the text that is kept', () => {
  it('is the text as received where nothing needs redaction, down to its blanks', () => {
    const text = '{ "id": "1",  "totp": {"success": true} }';
    expect(redactText(receive(JSON.parse(text), text))).toEqual({ text, redacted: false });
  });

  it('is the redacted record where something does', () => {
    const text = '{"id": "1", "password": "s3cret"}';
    expect(redactText(receive(JSON.parse(text), text))).toEqual({
      text: `{"id":"1","password":"${REDACTED}"}`,
      redacted: true,
    });
  });

  it('holds no secret that a repeated name hides', () => {
    for (const text of [
      '{"password":"s3cret","password":null}',
      '{"a":{"password":"s3cret"},"a":{"totp":{"success":true}}}',
      '{"p\\u0061ssword":"s3cret","password":""}',
    ]) {
      expect(redactText(receive(JSON.parse(text), text)).text).not.toContain('s3cret');
    }
  });

  it('is left out but for short members, where it is too long to be searched', () => {
    const long = 'password=s3cret '.repeat(150_000);
    const record = { id: 'r-1', token: 's3cret', note: 'kept', count: 5, deep: { password: 's3cret' }, long };
    const received = receive(record, JSON.stringify(record));
    const withheld = 'too long to be searched for secrets: short members alone';
    const raw = { id: 'r-1', token: '[redacted]', note: 'kept', count: 5, withheld };
    expect(JSON.parse(redactText(received).text)).toEqual(raw);
    const letter = deadLetter(record);
    expect(JSON.parse(letter.raw)).toEqual(raw);
    expect(letter).toMatchObject({ reason: 'too_large', raw_size: received.text.length });
    // What cannot hold a secret is whole.
    const harmless = JSON.stringify({ id: 'r-2', long: 'x'.repeat(3_000_000) });
    expect(redactText(receive(JSON.parse(harmless), harmless)).text).toBe(harmless);
  });

  it('is withheld, with the reason, where it is too deep to be searched', () => {
    const depth = 100_000;
    const text = `${'{"password":'.repeat(depth)}"s3cret"${'}'.repeat(depth)}`;
    let value: JsonValue = 's3cret';
    for (let level = 0; level < depth; level += 1) value = { password: value };
    const withheld = '{"withheld":"nested too deeply to be searched for secrets"}';
    expect(redactText({ text, value, depth }).text).toBe(withheld);
    // The source may not even have parsed it.
    expect(redactText({ text, value: null, depth }).text).toBe(withheld);
    const brackets = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(redactText({ text: brackets, value: null, depth }).text).toBe(brackets);
  });
});

describe('an event of a record with secrets', () => {
  const record = change('user_update', {
    changes: [{ field: 'password', from: 'old-s3cret', to: 'new-s3cret' }],
    client_secret: 'other-s3cret',
  });

  it('holds none of them, neither mapped nor unmapped nor raw', () => {
    const mapped = event(record, { rawData: true });
    expect(JSON.stringify(mapped)).not.toContain('s3cret');
    expect(mapped.unmapped).toMatchObject({
      client_secret: REDACTED,
      changes: [{ field: 'password', from: REDACTED, to: REDACTED }],
    });
    expect(mapped.metadata).toHaveProperty('labels', ['redacted']);
  });

  it('has size and hash of the redacted text', () => {
    const mapped = event(record, { rawData: true });
    const text = String(mapped.raw_data);
    expect(mapped.raw_data_size).toBe(Buffer.byteLength(text));
    expect(mapped.raw_data_hash).toEqual({
      algorithm_id: 3,
      algorithm: 'SHA-256',
      value: createHash('sha256').update(text).digest('hex'),
    });
  });

  it('has no label where nothing was redacted', () => {
    expect(event(change('user_update')).metadata).not.toHaveProperty('labels');
  });

  it('holds none that shows by its form alone, nor does a dead letter, and its uid does not depend on it', () => {
    const withSecret = (secret: string) =>
      change('command_update', {
        changes: [{ field: 'command', from: 'echo', to: `net user svc ${secret} /add` }],
        webhook: `https://user:${secret}@hooks.example.test/x`,
      });
    const mapped = event(withSecret(PLANTED), { rawData: true });
    expect(JSON.stringify(mapped)).not.toContain(PLANTED);
    expect(mapped.metadata).toHaveProperty('labels', ['redacted']);
    expect(mapped.raw_data_size).toBe(Buffer.byteLength(String(mapped.raw_data)));
    expect(event(withSecret('another7x')).metadata?.uid).toBe(mapped.metadata?.uid);
    const letter = deadLetter({ ...withSecret(PLANTED), timestamp: 'yesterday' });
    expect(JSON.stringify(letter)).not.toContain(PLANTED);
    expect(letter.raw_size).toBe(Buffer.byteLength(letter.raw));
  });
});
