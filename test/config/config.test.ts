import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ConfigSources, loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { describeConfig } from '../../collector/config/print.js';
import { CollectorError } from '../../collector/errors.js';
import { certificate, files, privateKey } from './files.js';

const denied = Object.assign(new Error('denied'), { code: 'EACCES' });

/** Loads a file of this text, with this environment. */
function load(yaml: string, env: Record<string, string> = {}, more: Record<string, string | Error> = {}) {
  return loadConfig({ env: { CONFIG_FILE: 'config.yaml', ...env }, readFile: files({ 'config.yaml': yaml, ...more }) });
}

/** The refusal of a configuration. */
function refusal(
  yaml: string,
  env: Record<string, string> = {},
  more: Record<string, string | Error> = {},
): CollectorError {
  try {
    load(yaml, env, more);
  } catch (error) {
    if (error instanceof CollectorError) return error;
    throw error;
  }
  throw new Error('the configuration was taken');
}

describe('F-29: a wrong configuration is refused at start', () => {
  it.each([
    [
      'a key that is misspelt',
      'name: acme\npoll:\n  intervall: 5m\n',
      'config.yaml:3: poll.intervall is not a key; did you mean poll.interval?',
    ],
    [
      'a section that is misspelt',
      'kafak:\n  brokers: [a:1]\n',
      'config.yaml:1: kafak is not a key; did you mean kafka?',
    ],
    [
      'a key in the wrong place',
      'apiKey: planted-secret\n',
      'config.yaml:1: apiKey is not a key; did you mean jumpcloud.apiKey?',
    ],
    [
      'a key of the environment in the file',
      'jumpcloud:\n  apiKeyFile: /k\n',
      'config.yaml:2: jumpcloud.apiKeyFile is not a key; write jumpcloud.apiKey: {file: …}',
    ],
    [
      'a key below a value',
      'sink:\n  kind: kafka\n',
      'config.yaml:1: sink has no usable value: it must be one of tables, kafka, stdout',
    ],
    ['a value where keys belong', '\npoll: 5m\n', 'config.yaml:2: poll must hold keys, each on its line'],
    ['a list where one value belongs', 'name: [a, b]\n', 'config.yaml:1: name has no usable value'],
    [
      'a key without a value',
      'poll:\n  interval:\n',
      'config.yaml:2: poll.interval has no usable value: it must be a duration',
    ],
    [
      'text where a number belongs',
      'poll:\n  pageSize: many\n',
      'config.yaml:2: poll.pageSize must be a whole number from 1 to 10000',
    ],
    [
      'a number out of bounds',
      'http:\n  port: 65536\n',
      'config.yaml:2: http.port must be a whole number from 0 to 65535',
    ],
    [
      'a fraction where a whole number belongs',
      'tables:\n  keepDays: 1.5\n',
      'config.yaml:2: tables.keepDays must be a whole number',
    ],
    [
      'a duration without a unit',
      'poll:\n  interval: 60\n',
      'config.yaml:2: poll.interval must be a duration such as 60s',
    ],
    [
      'a duration below what makes sense',
      'poll:\n  interval: 10ms\n',
      'config.yaml:2: poll.interval must be a duration such as 60s or 5m, or never (also DISABLED), at least 1s, at most 1d',
    ],
    ['a duration in months', 'poll:\n  overlap: P1M\n', 'config.yaml:2: poll.overlap must be a duration'],
    [
      'a day that does not exist',
      'poll:\n  start: 2026-02-31\n',
      'config.yaml:2: poll.start must be a date-time such as',
    ],
    [
      'a word that is not among those allowed',
      'log:\n  level: loud\n',
      'config.yaml:2: log.level must be one of error, warn, info, debug, trace',
    ],
    ['yes or no that is neither', 'rawData: perhaps\n', 'config.yaml:1: rawData must be true or false'],
    [
      'a list with a stranger in it',
      'jumpcloud:\n  eventTypes: [login, sso]\n',
      'config.yaml:2: jumpcloud.eventTypes must be a list out of login, admin, other',
    ],
    ['a feed name that is no file name', 'name: ../etc\n', 'config.yaml:1: name must be 1 to 64 letters'],
    [
      'a broker without a port',
      'kafka:\n  brokers: [localhost]\n',
      'config.yaml:2: kafka.brokers must be a list of host:port',
    ],
    [
      'a topic name for what has no topic',
      'kafka:\n  topics:\n    names: {logins: a}\n',
      'config.yaml:3: kafka.topics.names must be topic names by what they hold',
    ],
    ['the same key twice', 'name: a\nname: b\n', 'config.yaml:2: the same key stands twice'],
    ['a tab as indentation', 'poll:\n\tinterval: 5m\n', 'config.yaml:2: a tab is used as indentation'],
    [
      'a bracket left open',
      'name: acme\nclasses: [3001\n',
      'config.yaml:3: the indentation does not fit the lines above, or a bracket is left open',
    ],
    ['a list instead of keys', '- name: acme\n', 'config.yaml:1: the configuration must hold keys'],
    ['a prototype', '__proto__:\n  sink: kafka\n', 'config.yaml:1: __proto__ is not a key'],
    [
      'a prototype further down',
      'kafka:\n  topics:\n    names: {__proto__: a}\n',
      'config.yaml:3: kafka.topics.names must be',
    ],
    ['kafka without brokers', 'sink: kafka\n', 'config.yaml:1: sink is kafka, but kafka.brokers is not set'],
    [
      'half a client certificate',
      'kafka:\n  tls:\n    cert: /cert.pem\n',
      'config.yaml:3: kafka.tls.cert is set, but kafka.tls.key is not',
    ],
    [
      'TLS keys with TLS off',
      'kafka:\n  tls:\n    enabled: false\n    ca: /cert.pem\n',
      'config.yaml:3: kafka.tls.enabled is off, but kafka.tls.ca is set',
    ],
    [
      'SASL without its password',
      'kafka:\n  sasl:\n    mechanism: plain\n    username: u\n',
      'config.yaml:3: SASL plain needs kafka.sasl.password',
    ],
    [
      'SASL without a mechanism',
      'kafka:\n  sasl:\n    username: u\n',
      'config.yaml:3: kafka.sasl.username is set, but kafka.sasl.mechanism is not',
    ],
    [
      'a service account that is not named as such',
      'jumpcloud:\n  clientId: c\n',
      'config.yaml:2: jumpcloud.clientId is of a service account: set jumpcloud.authorization to service-account',
    ],
    [
      'a key that expires before it was made',
      'jumpcloud:\n  keyCreated: 2026-11-01\n  keyExpires: 2026-10-01\n',
      'config.yaml:3: jumpcloud.keyExpires is not after jumpcloud.keyCreated',
    ],
    [
      'a region that contradicts the address',
      'jumpcloud:\n  region: eu\n  baseUrl: https://api.in.jumpcloud.com/insights/directory/v1\n',
      'config.yaml:2: region eu contradicts the base URL',
    ],
    [
      'a certificate that is none',
      'jumpcloud:\n  ca: /k\n',
      'config.yaml:2: jumpcloud.ca: /k holds no PEM certificate',
    ],
    [
      'a private key that is a path',
      'kafka:\n  tls:\n    key: /k.pem\n    cert: /cert.pem\n',
      'config.yaml:3: kafka.tls.key is not PEM text; for a path write {file: …} or set KAFKA_TLS_KEY_FILE',
    ],
  ])('%s', (_, yaml, message) => {
    const error = refusal(yaml, {}, { '/k': 'key', '/cert.pem': certificate });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('\n');
    expect(error.cure).toMatch(/config schema|Set jumpcloud\.region/);
  });

  it.each([
    [
      'a variable that is misspelt',
      { JUMPCLOUD_APIKEY: 'planted' },
      'JUMPCLOUD_APIKEY: is not a variable of the configuration; did you mean JUMPCLOUD_API_KEY?',
    ],
    [
      'a variable of a family with nothing near',
      { KAFKA_ZZZZZZZZZZZZZZZZZZZZZZ: 'planted' },
      'KAFKA_ZZZZZZZZZZZZZZZZZZZZZZ: is not a variable of the configuration',
    ],
    ['a _FILE that is no secret', { POLL_INTERVAL_FILE: '/k' }, 'did you mean POLL_INTERVAL?'],
    [
      'both forms of a secret',
      { JUMPCLOUD_API_KEY: 'planted', JUMPCLOUD_API_KEY_FILE: '/k' },
      'JUMPCLOUD_API_KEY and JUMPCLOUD_API_KEY_FILE are both set',
    ],
    ['an empty secret', { JUMPCLOUD_API_KEY: '' }, 'JUMPCLOUD_API_KEY: is set but empty'],
    ['a secret of spaces', { JUMPCLOUD_API_KEY: '  ' }, 'JUMPCLOUD_API_KEY: jumpcloud.apiKey is empty'],
    ['a key that was copied with a gap', { JUMPCLOUD_API_KEY: 'plan ted' }, 'has white space in the middle'],
    [
      'a secret file that is empty',
      { JUMPCLOUD_API_KEY_FILE: '/empty' },
      'JUMPCLOUD_API_KEY_FILE (/empty): jumpcloud.apiKey is empty',
    ],
    ['a wrong value', { POLL_INTERVAL: 'soon' }, 'POLL_INTERVAL: poll.interval must be a duration'],
    [
      'topic names without a name',
      { KAFKA_TOPICS_NAMES: 'authentication' },
      'KAFKA_TOPICS_NAMES: kafka.topics.names must be',
    ],
    ['a port that is none', { HTTP_PORT: 'http' }, 'HTTP_PORT: http.port must be'],
  ])('%s in the environment', (_, env, message) => {
    const error = refusal('', env, { '/k': 'other', '/empty': '\n' });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('planted');
  });

  it('a secret file that is missing or may not be read is named with its reason', () => {
    const missing = refusal('jumpcloud:\n  apiKey: {file: /run/secrets/key}\n');
    expect(missing).toMatchObject({ code: 'CONFIG_UNREADABLE', exitCode: 78 });
    expect(missing.message).toBe('config.yaml:2: the file of jumpcloud.apiKey, /run/secrets/key, does not exist');
    const forbidden = refusal('', { HTTP_TOKEN_FILE: '/t' }, { '/t': denied });
    expect(forbidden.message).toBe('HTTP_TOKEN_FILE: the file of http.token, /t, may not be read by this user');
    const bundle = refusal('kafka: {tls: {ca: /ca.pem}}');
    expect(bundle).toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });

  it('a configuration file that is missing or may not be read is named with its reason', () => {
    const missing = refusal('', { CONFIG_FILE: 'other.yaml' });
    expect(missing).toMatchObject({ code: 'CONFIG_UNREADABLE', exitCode: 78 });
    expect(missing.message).toBe('the configuration file other.yaml does not exist');
    expect(refusal('', { CONFIG_FILE: 'x' }, { x: denied }).message).toContain('may not be read by this user');
  });

  it('what nothing replaces or resolves is refused: variables, ~, aliases without an anchor, merge keys', () => {
    const variable = /names a variable, which nothing replaces: leave the key out and set JUMPCLOUD_API_KEY/;
    expect(refusal(`jumpcloud: { apiKey: "\${KEY}" }`).message).toMatch(variable);
    const path = /config\.yaml:1: tables\.directory: nothing replaces ~ or variables/;
    for (const given of ['~/tables', '$HOME/tables', `\${DATA}/tables`, 'a\\0b'])
      expect(refusal(`tables: { directory: "${given}" }`).message).toMatch(path);
    expect(refusal('jumpcloud: { apiKey: { file: ~/key } }').message).toContain('jumpcloud.apiKey: nothing replaces ~');
    expect(load('tables: { directory: "a~b/$c" }').feeds[0]?.tables.directory).toBe('a~b/$c');
    expect(refusal('poll: *usual').message).toBe('config.yaml:1: *usual names no anchor above it');
    expect(refusal('feeds: [&a { name: a }, { <<: *a, name: b }]').message).toContain('the merge key << is not of');
  });

  it('two listeners on one port are refused, not looked for in other programs', () => {
    const same = 'console.port is that of http.port';
    expect(refusal('http: { port: 9465 }\nconsole: { enabled: true }').message).toContain(same);
    expect(refusal('http: { port: 9466 }\nwebhook: { enabled: true }').message).toContain(
      'receiver.port is that of http',
    );
    expect(refusal('http: { port: 9466, host: 0.0.0.0 }\nwebhook: { enabled: true }').message).toContain(
      'receiver.port is that of http',
    );
    for (const sound of [
      'http: { port: 9465, enabled: false }\nconsole: { enabled: true }',
      'http: { port: 9465 }',
      'http: { port: 9465, host: 127.0.0.2 }\nconsole: { enabled: true }',
      'http: { port: 9466, host: 192.0.2.1 }\nreceiver: { host: 192.0.2.2 }\nwebhook: { enabled: true }',
      'http: { port: 0 }\nconsole: { enabled: true, port: 0 }',
    ])
      expect(load(sound).shared.console.port).toBeDefined();
  });

  it('all problems are reported at once', () => {
    const { message } = refusal('nam: a\npoll: {interval: x, overlap: y}\n', { SINKS: 'ignored', POLL_STRAT: '1h' });
    expect(message.split('\n').map((line) => line.trim())).toEqual([
      '4 problems in the configuration:',
      'config.yaml:1: nam is not a key; did you mean name?',
      'POLL_STRAT: is not a variable of the configuration; did you mean POLL_START?',
      expect.stringContaining('config.yaml:2: poll.interval must be'),
      expect.stringContaining('config.yaml:2: poll.overlap must be'),
    ]);
  });

  it('a wrong address is corrected, with its place', () => {
    const error = refusal('', { JUMPCLOUD_BASE_URL: 'https://console.eu.jumpcloud.com' });
    expect(error).toMatchObject({ code: 'BASE_URL_WRONG', exitCode: 78 });
    expect(error.message).toContain('JUMPCLOUD_BASE_URL: https://console.eu.jumpcloud.com');
    expect(error.cure).toContain('https://api.eu.jumpcloud.com/insights/directory/v1');
  });

  it('a hostile file is refused in bounded time and memory', () => {
    expect(refusal('['.repeat(500_000)).message).toMatch(/nested too deeply|not valid YAML|missing/);
    expect(refusal(`name: ${'x'.repeat(2 * 1024 * 1024)}`).message).toBe(
      'config.yaml: is larger than 1 MiB: not a configuration',
    );
    const bomb = `a: &a [x,x,x,x,x,x,x,x]\n${'bcdefghij'
      .split('')
      .map((letter, index) => `${letter}: &${letter} [${Array(8).fill(`*${'abcdefghi'[index]}`).join(',')}]`)
      .join('\n')}\nname: *j\n`;
    expect(refusal(bomb).message).toContain('name has no usable value');
    expect(({} as Record<string, unknown>).sink).toBeUndefined();
  });
});

describe('a secret', () => {
  const planted = 'pl4nted-s3cret-text';

  it.each([
    ['a key of JumpCloud', 'jca_PLANTED0123456789abcdefghijklmnopqrst'],
    ['an old key', '0123456789abcdef0123456789abcdef01234567'],
    ['a client secret', 'csPLANTEDwithoutAnyDigitInIt'],
    ['a password', 'pl4nted-s3cret-text'],
  ])('never shows where it is given in place of its file or as a name: %s', (_, text) => {
    for (const variable of ['JUMPCLOUD_API_KEY_FILE', 'HTTP_TOKEN_FILE', 'KAFKA_TLS_KEY_FILE', 'JUMPCLOUD_CA']) {
      const { code, message } = refusal('', { [variable]: text });
      expect([code, message]).toEqual([
        'CONFIG_UNREADABLE',
        expect.stringMatching(`^${variable}: .*looks like the secret`),
      ]);
      expect(message).not.toContain(text);
    }
    for (const yaml of [`${text}: x\n`, `jumpcloud:\n  ${text}: x\n`, `jumpcloud:\n  apiKey: {file: ${text}}\n`]) {
      const { message } = refusal(yaml);
      expect(message).toMatch(/is not a key|looks like the secret/);
      expect(message).not.toContain(text);
    }
  });

  it.each([
    '/run/secrets/jumpcloud0123456789',
    './keys0123456789abcdef',
    '~/keys0123456789abcdef',
    'api-key',
    'key.txt',
  ])('is missed by the path of its file: %s', (path) => {
    expect(refusal('', { JUMPCLOUD_API_KEY_FILE: path }).message).toContain(`, ${path}, does not exist`);
  });

  it('never shows in a refusal, a note, the printed configuration or the loaded one', () => {
    const yaml = `jumpcloud:\n  apiKey: "${planted}"\nhttp:\n  token: ${planted}\nkafka:\n  brokers: [a:1]\n  sasl: {mechanism: plain, username: u, password: ${planted}}\n`;
    const config = load(yaml);
    for (const shown of [
      describeConfig(config),
      JSON.stringify(config.feeds),
      inspect(config.feeds, { depth: 9, showHidden: true }),
      String(config.feeds[0]!.jumpcloud.apiKey),
      config.notes.join(),
    ])
      expect(shown).not.toContain(planted);
    expect(config.secrets.map((secret) => secret.reveal())).toEqual([planted]);
    for (const broken of [
      `jumpcloud:\n  apiKey: "${planted}\n`,
      `jumpcloud: {apiKey: {path: ${planted}}}`,
      `jumpcloud: {apiKey:${planted}}`,
      `jumpcloud:\n  jca_${planted}:\n`,
      `jumpcloud:\n  apiKey: ${planted}: 2\n`,
      `sink: ${planted}`,
      `name: *${planted}`,
      `log: {level: ${planted}}\n`,
      `kafka: {topics: {names: {${planted}: a}}}`,
      `kafka: {brokers: [${planted}]}`,
    ])
      expect(refusal(broken).message).not.toContain(planted);
    for (const name of ['SINK', 'LOG_LEVEL', 'POLL_INTERVAL', 'JUMPCLOUD_ORG_ID', 'JUMPCLOUD_BASE_URL', 'POLL_STRAT'])
      expect(refusal('', { [name]: planted }).message).not.toContain(planted);
  });

  it('may be a word that looks like a number', () => {
    const { feeds } = load('jumpcloud:\n  apiKey: 0123456789\n  orgId: 500000000000000000000001\n');
    expect(feeds[0]!.jumpcloud.apiKey?.reveal()).toBe('0123456789');
    expect(feeds[0]!.jumpcloud.orgId).toBe('500000000000000000000001');
  });

  it.each([
    ['the trailing newline', 'key\n'],
    ['the trailing newline', 'key\r\n\r\n'],
    ['the quotes around it', '"key"'],
    ['white space around it', '  key\t'],
    ['a byte order mark', '\uFEFFkey'],
  ])('loses %s, and a note says so', (what, text) => {
    const { feeds, notes } = load('', { JUMPCLOUD_API_KEY_FILE: '/k' }, { '/k': text });
    expect(feeds[0]!.jumpcloud.apiKey).toMatchObject({ file: '/k' });
    expect(feeds[0]!.jumpcloud.apiKey?.reveal()).toBe('key');
    expect(notes).toContain(`JUMPCLOUD_API_KEY_FILE (/k): took ${what} off jumpcloud.apiKey`);
  });

  describe('in a file on disk', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'config-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it('that every user may read is taken, and a note says so', () => {
      const path = join(folder, 'key');
      writeFileSync(path, privateKey);
      const sources: ConfigSources = { env: { HTTP_TOKEN_FILE: path }, readFile: readFileFromDisk };
      writeFileSync(path, 'token-of-the-port');
      chmodSync(path, 0o644);
      expect(loadConfig(sources).notes).toEqual([
        `${path} (http.token) can be read by every user of the machine: chmod o-r`,
      ]);
      chmodSync(path, 0o640);
      const { notes, shared } = loadConfig(sources);
      expect([notes, shared.http.token?.reveal()]).toEqual([[], 'token-of-the-port']);
    });

    it('that is a folder is refused', () => {
      expect(() => loadConfig({ env: { HTTP_TOKEN_FILE: folder }, readFile: readFileFromDisk })).toThrow(
        'is a directory',
      );
    });
  });
});

describe('the environment', () => {
  it('may hold what Kubernetes injects for services that bear our names', () => {
    const injected = Object.fromEntries(
      ['KAFKA', 'HTTP', 'LOG', 'JUMPCLOUD_OCSF', 'STATE'].flatMap((service) => [
        [`${service}_SERVICE_HOST`, '192.0.2.1'],
        [`${service}_SERVICE_PORT`, '9092'],
        [`${service}_SERVICE_PORT_HTTP_METRICS`, '9464'],
        [`${service}_PORT`, 'tcp://192.0.2.1:9092'],
        [`${service}_PORT_9092_TCP`, 'tcp://192.0.2.1:9092'],
        [`${service}_PORT_9092_TCP_PROTO`, 'tcp'],
        [`${service}_PORT_9092_TCP_PORT`, '9092'],
        [`${service}_PORT_9092_TCP_ADDR`, '192.0.2.1'],
      ]),
    );
    const { shared, feeds, notes } = load('', injected);
    expect([shared.http.port, feeds[0]!.sink, notes]).toEqual([9464, 'tables', []]);
  });

  it('may hold proxies, other programs and upper-case words of no family', () => {
    expect(
      load('', { HTTP_PROXY: 'http://p.example.com', HTTPS_PROXY: 'x', KAFKA_HOME: '/opt', PATH: '/bin', NAME: 'host' })
        .notes,
    ).toEqual([]);
  });

  it('takes an empty variable as not set, and says so', () => {
    const { feeds, notes } = load('sink: stdout', { SINK: '' });
    expect([feeds[0]!.sink, notes]).toEqual(['stdout', ['SINK is set but empty: taken as not set']]);
  });

  it('needs no file, and no file means no file', () => {
    const env = {
      JUMPCLOUD_BASE_URL: 'http://localhost:1/insights/directory/v1',
      JUMPCLOUD_API_KEY: 'k',
      POLL_START: '2026-11-01T00:00:00Z',
      SINK: 'stdout',
    };
    const config = loadConfig({ env, readFile: files({}), defaultFile: '/etc/none.yaml' });
    expect(config).toMatchObject({ file: undefined, feeds: [{ sink: 'stdout', name: 'jumpcloud' }] });
  });
});

describe('the file', () => {
  it('is the one of --config before that of CONFIG_FILE before the usual place', () => {
    const readFile = files({ a: 'name: a', b: 'name: b', c: 'name: c' });
    const named = (sources: Partial<ConfigSources>) =>
      loadConfig({ env: {}, readFile, defaultFile: 'c', ...sources }).feeds[0]!.name;
    expect(named({ flags: { config: 'a' }, env: { CONFIG_FILE: 'b' } })).toBe('a');
    expect(named({ env: { CONFIG_FILE: 'b' } })).toBe('b');
    expect(named({})).toBe('c');
  });

  it('may be empty, and sections may be', () => {
    expect(load('').feeds).toHaveLength(1);
    expect(load('# nothing\nkafka:\n  # brokers: [a:1]\n').feeds[0]!.sink).toBe('tables');
  });

  it('may use anchors', () => {
    expect(load('poll:\n  interval: &i 5m\n  overlap: *i\n').feeds[0]!.poll).toMatchObject({
      intervalMs: 300_000,
      overlapMs: 300_000,
    });
  });
});

describe('what follows from other keys', () => {
  it('brokers without a sink mean kafka, and a note says so', () => {
    const { feeds, notes } = load('kafka:\n  brokers: [a:9092]\n');
    expect(feeds[0]!.sink).toBe('kafka');
    expect(notes).toEqual(['kafka.brokers is set and sink is not: the sink is kafka']);
    expect(load('sink: tables\nkafka:\n  brokers: [a:9092]\n')).toMatchObject({
      notes: [],
      feeds: [{ sink: 'tables' }],
    });
  });

  it('any key of TLS means TLS, and a note says so', () => {
    const { feeds, notes } = load('kafka: {tls: {serverName: k.example.com}}');
    expect(feeds[0]!.kafka.tls.enabled).toBe(true);
    expect(notes).toEqual(['kafka.tls.serverName is set and kafka.tls.enabled is not: TLS is on']);
  });

  it('a region means its addresses', () => {
    expect(load('jumpcloud: {region: in}').feeds[0]!.jumpcloud.endpoints).toEqual({
      region: 'in',
      baseUrl: 'https://api.in.jumpcloud.com/insights/directory/v1',
      consoleUrl: 'https://console.in.jumpcloud.com',
      tokenUrl: 'https://admin-oauth.id.in.jumpcloud.com/oauth2/token',
    });
  });

  it('a start may be a duration, a date or a date-time', () => {
    expect(load('poll: {start: 90d}').feeds[0]!.poll.start).toEqual({ kind: 'back', ms: 90 * 86_400_000 });
    const instant = BigInt(Date.parse('2026-11-01T00:00:00Z')) * 1_000_000n;
    expect(load('poll: {start: 2026-11-01}').feeds[0]!.poll.start).toEqual({ kind: 'instant', instant });
    expect(load('poll: {start: "2026-11-01T01:00:00+01:00"}').feeds[0]!.poll.start).toEqual({
      kind: 'instant',
      instant,
    });
  });
});

describe('several feeds', () => {
  const yaml = [
    'poll: {interval: 2m, overlap: 1h}',
    'jumpcloud: {apiKey: shared-key}',
    'log: {level: warn}',
    'feeds:',
    '  - name: acme',
    '    jumpcloud: {orgId: 500000000000000000000001}',
    '  - name: globex',
    '    poll: {interval: 5m}',
    '    jumpcloud: {apiKey: {file: /globex}, region: eu}',
    '    sink: stdout',
  ].join('\n');

  it('hold their own keys over the shared ones', () => {
    const { feeds, shared } = load(yaml, {}, { '/globex': 'globex-key' });
    expect(shared.log.level).toBe('warn');
    expect(
      feeds.map((feed) => [
        feed.name,
        feed.poll.intervalMs,
        feed.poll.overlapMs,
        feed.jumpcloud.apiKey?.reveal(),
        feed.jumpcloud.endpoints.region,
        feed.sink,
      ]),
    ).toEqual([
      ['acme', 120_000, 3_600_000, 'shared-key', 'us', 'tables'],
      ['globex', 300_000, 3_600_000, 'globex-key', 'eu', 'stdout'],
    ]);
  });

  it('take the environment as shared defaults only, and a note says where it is overruled', () => {
    const { feeds, notes } = load(
      yaml,
      { POLL_INTERVAL: '10m', JUMPCLOUD_API_KEY: 'env-key', FEED_NAME: 'x' },
      { '/globex': 'globex-key' },
    );
    expect(feeds.map((feed) => [feed.poll.intervalMs, feed.jumpcloud.apiKey?.reveal()])).toEqual([
      [600_000, 'env-key'],
      [300_000, 'globex-key'],
    ]);
    expect(notes).toEqual([
      'FEED_NAME has no effect: the feeds have names of their own',
      'POLL_INTERVAL is the default only: config.yaml:8 sets poll.interval',
      'JUMPCLOUD_API_KEY is the default only: config.yaml:9 sets jumpcloud.apiKey',
    ]);
  });

  it('follow a flag all together', () => {
    const { feeds } = loadConfig({
      flags: { 'poll-interval': '7m' },
      env: { CONFIG_FILE: 'c' },
      readFile: files({ c: yaml, '/globex': 'k' }),
    });
    expect(feeds.map((feed) => feed.poll.intervalMs)).toEqual([420_000, 420_000]);
  });

  it.each([
    ['without a name', 'feeds:\n  - name: a\n  - sink: tables\n', 'config.yaml:3: a member of feeds needs a name'],
    [
      'of the same name',
      'feeds:\n  - name: acme\n  - name: Acme\n',
      'config.yaml:3: the name of this feed is already that of config.yaml:2',
    ],
    [
      'with keys of the process',
      'feeds:\n  - name: a\n    log: {level: info}\n',
      'config.yaml:3: log is of the whole process and cannot stand in a feed',
    ],
    [
      'within feeds',
      'feeds:\n  - name: a\n    feeds: []\n',
      'config.yaml:3: feeds is of the whole process and cannot stand in a feed',
    ],
    ['that are none', 'feeds: []\n', 'config.yaml:1: feeds must be a list of at least one feed'],
    ['that are no list', 'feeds: {name: a}\n', 'config.yaml:1: feeds must be a list of at least one feed'],
    [
      'with a misspelt key',
      'feeds:\n  - name: a\n    jumpclod: {region: eu}\n',
      'config.yaml:3: jumpclod is not a key; did you mean jumpcloud?',
    ],
  ])('%s are refused', (_, text, message) => {
    expect(refusal(text).message).toContain(message);
  });
});

describe('the printed configuration', () => {
  it('is YAML with every value and where it comes from', () => {
    const config = loadConfig({
      flags: { 'poll-page-size': '50' },
      env: { CONFIG_FILE: 'config.yaml', POLL_INTERVAL: '5m' },
      readFile: files({
        'config.yaml':
          'name: acme\njumpcloud:\n  region: eu\n  apiKey: {file: /k}\n  orgId: 500000000000000000000001\n',
        '/k': 'k',
      }),
    });
    const printed = describeConfig(config);
    const lines = printed.split('\n').map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        '# configuration file: config.yaml',
        'name: acme  # config.yaml:1',
        'baseUrl: https://api.eu.jumpcloud.com/insights/directory/v1  # follows from the region',
        'apiKey: { file: /k }  # config.yaml:4',
        'interval: 5m  # POLL_INTERVAL',
        'pageSize: 50  # --poll-page-size',
        'overlap: 30m  # default',
      ]),
    );
    expect(parse(printed)).toMatchObject({
      name: 'acme',
      poll: { interval: '5m', pageSize: 50 },
      http: { port: 9464 },
    });
  });

  it('can be loaded again, also with several feeds, and means the same', () => {
    const yaml =
      'kafka: {brokers: [a:1], topics: {names: {state: s}}}\nlog: {level: warn}\nfeeds:\n  - name: a\n    jumpcloud: {orgId: 500000000000000000000001}\n  - name: b\n    sink: stdout\n';
    const first = load(yaml);
    const again = load(describeConfig(first));
    expect(again.feeds).toEqual(
      first.feeds.map((feed) => ({ ...feed, jumpcloud: { ...feed.jumpcloud, authorizationGiven: true } })),
    );
    expect(again.shared).toEqual(first.shared);
  });
});
