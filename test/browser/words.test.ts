import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { keys } from '../../collector/config/keys.js';
import { STATES } from '../../collector/console/state-words.js';
import { SEED_KEYS, SEED_WORDS } from '../../collector/console/web/seed-words.js';
import { visible } from '../../collector/console/web/text.js';

const web = new URL('../../dist/collector/console/web/', import.meta.url);

interface Manifest {
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly encodings: readonly string[] }[];
}
const manifest = JSON.parse(readFileSync(new URL('manifest.json', web), 'utf8')) as Manifest;
const packed = (path: string) => readFileSync(new URL(`.${path}.gzip`, web));

it('C2: the words of the field stand as administrators know them', () => {
  expect(Object.values(SEED_WORDS)).toEqual([
    'Data', 'Data Feeds', 'Add New Data Feed', 'JumpCloud', 'API Ingest', 'Next', 'API Base URL', 'Authorization Method',
    'Bearer Token', 'Token', 'Event types', 'Submit', 'Account Name', 'Description', 'Polling Interval', 'DISABLED',
    'Tag with Account Name', 'Syncing', 'Connected', 'Active Response', 'Client ID', 'Client Secret', 'Organization ID',
    'Save Service Account', 'Rotate',
  ]); // biome-ignore format: a list
  const paths = keys.map(({ path }) => path);
  for (const path of Object.values(SEED_KEYS)) expect(paths).toContain(path);
  expect(STATES.syncing.word).toBe(SEED_WORDS.syncing);
  expect(STATES.connected.word).toBe(SEED_WORDS.connected);
  expect(STATES.manual.word).toBe(SEED_WORDS.disabled);
});

it('P2: the first load stays within 70 KB of script and 10 KB of style, every other chunk within 40 KB', () => {
  const index = readFileSync(new URL('index.html', web), 'utf8');
  const first = manifest.files.filter(({ path }) => index.includes(path));
  const size = (end: string) =>
    first.filter(({ path }) => path.endsWith(end)).reduce((sum, { path }) => sum + packed(path).length, 0);
  console.log(`first load: ${size('.js')} B of script, ${size('.css')} B of style, gzip`);
  expect(size('.js')).toBeGreaterThan(0);
  expect(size('.js')).toBeLessThanOrEqual(70 * 1024);
  expect(size('.css')).toBeLessThanOrEqual(10 * 1024);
  for (const { path } of manifest.files.filter(({ path }) => path.endsWith('.js') && !index.includes(path)))
    expect(packed(path).length, path).toBeLessThanOrEqual(40 * 1024);
});

it('the manifest names every file with its compressed forms, and the licences of what is bundled', () => {
  for (const { path, bytes, encodings } of manifest.files.filter(({ encodings }) => encodings.includes('gzip'))) {
    expect(gunzipSync(packed(path)).length, path).toBe(bytes);
    expect(encodings, path).toEqual(['br', 'gzip']);
  }
  const licences = readFileSync(new URL('licences.txt', web), 'utf8');
  for (const name of ['preact ', 'preact-iso ', 'uplot ']) expect(licences).toContain(name);
  expect(manifest.files.map(({ path }) => path)).toContain('/licences.txt');
});

it('control characters, marks of direction and halves of pairs become glyphs; all other text stays', () => {
  expect(visible('a\u0000\u001b[31m\u007f')).toBe('a␀␛[31m␡');
  expect(visible('\u202eabc\u2066\u200b\ufeff\u0085')).toBe('⟨U+202E⟩abc⟨U+2066⟩⟨U+200B⟩⟨U+FEFF⟩⟨U+0085⟩');
  expect(visible('\ud800 \u{e0041}')).toBe('⟨U+D800⟩ ⟨U+E0041⟩');
  expect(visible('a\n\tb', true)).toBe('a\n\tb');
  expect(visible('a\nb')).toBe('a␊b');
  const usual = 'Zoë مرحبا 你好 👍🏽 €';
  expect(visible(usual)).toBe(usual);
});
