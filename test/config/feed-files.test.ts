import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { changeBetween } from '../../collector/config/configured-feed.js';
import { loadConfig, refuseInvalid } from '../../collector/config/load-config.js';
import { describeConfig } from '../../collector/config/print.js';
import { files } from './files.js';

/** Loads `config.yaml` beside a directory `feeds` and the console's own. */
function load(
  yaml: string,
  feeds: Readonly<Record<string, string | Error>> = {},
  env: Record<string, string> = {},
  managed: Readonly<Record<string, string>> = {},
) {
  const texts: Record<string, string | Error> = { 'config.yaml': yaml, '/key': 'k-from-a-file' };
  for (const [name, text] of Object.entries(feeds)) texts[`feeds/${name}`] = text;
  for (const [name, text] of Object.entries(managed)) texts[`console/feeds.d/${name}`] = text;
  return loadConfig({
    env: { CONFIG_FILE: 'config.yaml', ...env },
    readFile: files(texts),
    readDirectory: (path) => {
      if (path === 'feeds') return Object.keys(feeds);
      if (path === 'console/feeds.d' && Object.keys(managed).length > 0) return Object.keys(managed);
      throw Object.assign(new Error('no such directory'), { code: 'ENOENT' });
    },
  });
}

const directory = 'feeds: { directory: feeds }\n';
const managing = 'console: { enabled: true, directory: console }\n';

describe('feeds with files of their own', () => {
  it('take their names from the files, their own keys over the environment and the shared ones, and flags over all', () => {
    const { feeds, configured, notes, invalid } = load(
      `${directory}poll: { interval: 2m, overlap: 1h }\n`,
      { 'globex.yml': 'poll: { interval: 5m }\n', 'acme.yaml': 'name: acme\n', '.hidden.yaml': 'x', 'README.md': 'x' },
      { POLL_INTERVAL: '10m', JUMPCLOUD_API_KEY: 'shared' },
    );
    expect(invalid).toEqual([]);
    expect(feeds.map((feed) => [feed.name, feed.poll.intervalMs, feed.poll.overlapMs])).toEqual([
      ['acme', 600_000, 3_600_000],
      ['globex', 300_000, 3_600_000],
    ]);
    expect(configured.map(({ source }) => source)).toEqual([
      { kind: 'file', where: 'feeds/acme.yaml' },
      { kind: 'file', where: 'feeds/globex.yml' },
    ]);
    expect(configured[1]!.settings.get('poll.interval')!.origin).toEqual({
      kind: 'file',
      name: 'feeds/globex.yml:1',
    });
    expect(notes).toEqual([]);
  });

  it('that cannot be used are named with file and line, and leave the others alone', () => {
    const config = load(directory, {
      'a.yaml': 'poll:\n  intervall: 5m\n',
      'b.yaml': 'name: other\n',
      'c.yaml': 'jumpcloud: { region: eu, baseUrl: "https://api.jumpcloud.com/insights/directory/v1" }\n',
      'd.yaml': new Error('gone'),
      'e.yaml': 'a: [\n',
      'f.yaml': 'jumpcloud: { apiKey: { file: /missing } }\n',
      'G.yaml': 'sink: stdout\n',
      'g.yaml': '',
      'log.yaml': 'log: { level: debug }\n',
      'sound.yaml': 'jumpcloud: { apiKey: { file: /key } }\n',
    });
    expect(config.feeds.map(({ name }) => name)).toEqual(['G', 'sound']);
    expect(
      config.invalid.map(({ name, problems }) => `${name} ${problems.map((p) => `${p.where}: ${p.message}`)}`),
    ).toEqual([
      expect.stringMatching(/^a feeds\/a.yaml:2: poll.intervall is not a key; did you mean poll.interval\?$/),
      expect.stringMatching(/^b feeds\/b.yaml:1: name must be that of the file, b, or be left out$/),
      expect.stringMatching(/^c feeds\/c.yaml: .*region/),
      expect.stringMatching(/^d feeds\/d.yaml: cannot be read/),
      expect.stringMatching(/^e feeds\/e.yaml:2: /),
      expect.stringMatching(/^f feeds\/f.yaml:1: the file of jumpcloud.apiKey, \/missing, does not exist$/),
      expect.stringMatching(/^g feeds\/g.yaml: the name of this feed is already that of feeds\/G.yaml$/),
      expect.stringMatching(/^log feeds\/log.yaml:1: log is of the whole process/),
    ]);
    expect(() => refuseInvalid(config)).toThrow(/8 problems in the configuration/);
  });

  it('may be none: then no feed is made up of the environment', () => {
    expect(load(directory, {}, { JUMPCLOUD_API_KEY: 'k' }).feeds).toEqual([]);
  });

  it('need a directory that can be read', () => {
    expect(() => load('feeds: { directory: elsewhere }\n')).toThrow('the directory of feeds elsewhere does not exist');
  });

  it('stand behind those of the list, whose names they cannot take', () => {
    const { feeds, invalid } = load(
      'feeds:\n  - name: acme\n',
      { 'ACME.yaml': '', 'b.yaml': '' },
      { FEEDS_DIRECTORY: 'feeds' },
    );
    expect(feeds.map(({ name }) => name)).toEqual(['acme', 'b']);
    expect(invalid).toMatchObject([
      { name: 'ACME', problems: [{ message: 'the name of this feed is already that of config.yaml:2' }] },
    ]);
  });

  it('are printed as the list that they amount to', () => {
    const printed = describeConfig(load(`${directory}log: { level: warn }\n`, { 'acme.yaml': 'sink: stdout\n' }));
    expect(printed).toContain('# the feeds of feeds (config.yaml:1) are listed');
    expect(parse(printed)).toMatchObject({ log: { level: 'warn' }, feeds: [{ name: 'acme', sink: 'stdout' }] });
  });
});

describe('feeds of the console', () => {
  it('are read where the console is on, and besides them the one feed of the environment where it has a credential', () => {
    const managed = { 'acme.yaml': 'poll: { interval: never }\n' };
    const both = load(managing, {}, { JUMPCLOUD_API_KEY: 'k' }, managed);
    expect(both.configured.map(({ config, source }) => [config.name, source.kind])).toEqual([
      ['jumpcloud', 'file'],
      ['acme', 'managed'],
    ]);
    expect(both.configured[1]!.settings.get('poll.interval')!.origin.kind).toBe('managed');
    expect(load(managing, {}, {}, managed).feeds.map(({ name }) => name)).toEqual(['acme']);
    expect(load('', {}, {}, managed).feeds.map(({ name }) => name)).toEqual(['jumpcloud']);
  });

  it('may be none: the directory need not exist yet', () => {
    expect(load(managing)).toMatchObject({ feeds: [], invalid: [] });
  });

  it('are judged before they are stored', () => {
    const { readFeed } = load(`${managing}poll: { overlap: 1h }\n`, {}, { POLL_PAGE_SIZE: '50' });
    const sound = readFeed('acme', 'jumpcloud: { apiKey: { file: /key } }\n', 'acme.yaml');
    expect('config' in sound && sound.config).toMatchObject({
      name: 'acme',
      poll: { overlapMs: 3_600_000, pageSize: 50 },
    });
    expect(readFeed('a b', 'poll:\n  pageSize: 0\n', 'acme.yaml')).toMatchObject({
      problems: [
        { where: 'acme.yaml', path: 'name' },
        { where: 'acme.yaml:2', path: 'poll.pageSize' },
      ],
    });
  });
});

it.each([
  ['description: a\nowners: [SOC]\nhealth: { noDataAfter: 1h }\ncontact: { name: b }\n', 'live'],
  ['description: a\npoll: { interval: 5m }\n', 'restart'],
  ['account: { name: Acme, tag: true }\n', 'restart'],
  ['jumpcloud: { apiKey: another }\n', 'restart'],
  ['', 'none'],
] as const)('a change to %j asks for: %s', (yaml, change) => {
  const { readFeed } = load('');
  const [before, after] = ['', yaml].map((text) => readFeed('acme', text, 'acme.yaml'));
  if (!('settings' in before!) || !('settings' in after!)) throw new Error('invalid');
  expect(changeBetween(before.settings, after.settings)).toBe(change);
});

describe('S19: the console’s own keys', () => {
  it.each([
    ['host: 0.0.0.0', 'config.yaml:2: other machines reach 0.0.0.0, but console.publicUrl is not set'],
    ['publicUrl: http://c.example.com', 'config.yaml:2: console.publicUrl must begin with https://'],
    ['session: { idle: 13h }', 'config.yaml:2: console.session.idle is longer than console.session.max'],
    ['tls: { key: "-----BEGIN PRIVATE KEY-----" }', 'console.tls.key is set, but console.tls.cert is not'],
    ['adminPassword: short', 'config.yaml:2: console.adminPassword has fewer than 12 characters'],
  ])('refuse %s', (line, message) => {
    expect(() => load(`console:\n  ${line}\n  enabled: true\n`)).toThrow(message);
  });

  it.each(['host: 0.0.0.0\n  publicUrl: https://c.example.com', 'host: "::1"', 'publicUrl: http://localhost:9465'])(
    'take %j',
    (lines) => {
      expect(load(`console:\n  ${lines}\n  enabled: true\n`).shared.console.enabled).toBe(true);
    },
  );
});
