import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check as checkVerb } from '../../collector/commands/check.js';
import { exitCodeOf, type Finding, inOrder, lineOf } from '../../collector/diagnostics/finding.js';
import { JOURNAL } from '../../collector/response/action-journal.js';
import { checkDirectory } from '../../collector/sinks/files/check-directory.js';
import type { TenantOptions } from '../../fixtures/tenant/tenant.js';
import { command, feedOf, folder, tenant } from '../cli/command.js';
import { collectWith, tellIn } from '../commands/collecting.js';
import { createAuthority, hasOpenssl } from '../jumpcloud/certificates.js';
import { connectProxy } from '../jumpcloud/connect-proxy.js';
import { answer, scriptedServer } from '../jumpcloud/scripted-server.js';

interface Checked {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  /** The gravest. */
  readonly first: Finding;
}

/** What `check --json` finds and answers. */
async function check(env: Readonly<Record<string, string>>, cwd = folder()): Promise<Checked> {
  const { code, out } = await tellIn({ env, cwd }, () => checkVerb({ json: true }));
  return readChecked(code, out);
}

/** The same by the command: it answers all of them alike. */
async function checkByCommand(env: Readonly<Record<string, string>>, cwd = folder()): Promise<Checked> {
  const { code, stdout } = await command(['check', '--json'], { env, cwd });
  return readChecked(code, stdout);
}

function readChecked(code: number | null, out: string): Checked {
  const { findings, exitCode } = JSON.parse(out) as { findings: Finding[]; exitCode: number };
  expect(exitCode).toBe(code);
  return { code, findings, first: findings[0]! };
}

const DAY = 86_400_000;
const day = { to: Date.now(), from: Date.now() - DAY };
const feed = async (options: TenantOptions = {}, more: Readonly<Record<string, string>> = {}) => {
  const simulated = await tenant({ ...day, ...options });
  return { simulated, env: feedOf(simulated, { POLL_START: '30h', ...more }) };
};
const part = (findings: readonly Finding[], name: string) => findings.filter((finding) => finding.part === name);

it('a feed that can run: exit 0, a line a finding, nothing left behind', async () => {
  const { env } = await feed();
  const cwd = folder();
  const ended = await command(['check'], { env, cwd });
  expect(ended.code).toBe(0);
  expect(ended.stderr).toBe('');
  const lines = ended.stdout.trimEnd().split('\n');
  expect(lines.every((line) => /^ok {7}\w/.test(line))).toBe(true);
  const reached = `credential: ${env.JUMPCLOUD_BASE_URL} takes …`;
  expect(ended.stdout).toContain(reached);
  expect(ended.stdout.split(reached)[1]).toMatch(/^.{4} from JUMPCLOUD_API_KEY as x-api-key \(configured: bearer\)/);
  expect(readdirSync(cwd)).toEqual([]);
});

it('a running feed is looked at without being disturbed, and its position is shown', async () => {
  const { env, simulated } = await feed();
  const cwd = folder();
  await collectWith({ ...env, TABLES_DIRECTORY: join(cwd, 'tables') });
  const before = readdirSync(join(cwd, 'tables'), { recursive: true }).sort();
  const { findings, code } = await check(env, cwd);
  expect(code).toBe(0);
  expect(part(findings, 'position')[0]?.message).toContain(`${simulated.ledger.size} events`);
  expect(readdirSync(join(cwd, 'tables'), { recursive: true }).sort()).toEqual(before);
});

it('a journal of response that cannot be read is a finding, and the rest is looked at all the same', async () => {
  const directory = join(folder(), 'respond');
  mkdirSync(join(directory, 'jumpcloud', `${JOURNAL}-2026-01.ndjson`), { recursive: true });
  const { env } = await feed(
    {},
    { RESPOND_CLIENT_ID: 'acting', RESPOND_CLIENT_SECRET: 's'.repeat(40), RESPOND_DIRECTORY: directory },
  );
  const { findings, code } = await check(env);
  // That its credential is refused is seen as well, and graver.
  expect(code).toBe(77);
  const ofResponse = part(findings, 'respond');
  expect(ofResponse.filter(({ code: one }) => one === 'STORAGE_FAILED')).toHaveLength(1);
  expect(ofResponse.map(({ message }) => message).join()).toContain('no user is protected');
  expect(part(findings, 'credential')[0]?.verdict).toBe('ok');
});

describe('F-14: each cause has a finding and an exit code of its own', () => {
  it('a configuration with several mistakes: 78, each named', async () => {
    const { first, findings, code } = await checkByCommand({
      SINK: 'kafka',
      POLL_PAGE_SIZE: 'many',
      JUMPCLOUD_API_KEY: 'x',
    });
    expect(code).toBe(78);
    expect(first.part).toBe('configuration');
    expect(findings.map(({ message }) => message).join()).toContain('POLL_PAGE_SIZE');
  });

  it('no credential: 77, and the rest is looked at all the same', async () => {
    const { env } = await feed();
    const { JUMPCLOUD_API_KEY: _, ...without } = env;
    const { first, findings, code } = await checkByCommand(without);
    expect({ code, part: first.part, is: first.code }).toEqual({
      code: 77,
      part: 'credential',
      is: 'CREDENTIAL_MISSING',
    });
    expect(part(findings, 'tables')[0]?.verdict).toBe('ok');
  });

  const states: readonly [what: string, options: TenantOptions, env: Record<string, string>, expected: object][] = [
    [
      'a revoked key',
      { keys: [{ state: 'revoked' }] },
      {},
      { part: 'credential', code: 'CREDENTIAL_REFUSED', exit: 77, detail: '401' },
    ],
    [
      'an expired key',
      { keys: [{ expiresAt: '2026-01-01T00:00:00Z' }] },
      {},
      { part: 'credential', code: 'CREDENTIAL_REFUSED', exit: 77, detail: '401' },
    ],
    [
      'a key of several organizations that names none',
      { organizations: [{ records: 5 }] },
      {},
      { part: 'organization', code: 'ORGANIZATION_MISSING', exit: 77, detail: '401' },
    ],
    [
      'no licence',
      { keys: [{ state: 'unlicensed' }] },
      {},
      { part: 'licence', code: 'NOT_LICENSED', exit: 77, detail: '402' },
    ],
    [
      'a role that may not read',
      { keys: [{ state: 'role' }] },
      {},
      { part: 'role', code: 'ROLE_REFUSED', exit: 77, detail: '403' },
    ],
    [
      'a wrong organization',
      {},
      { JUMPCLOUD_ORG_ID: 'ffffffffffffffffffffffff' },
      { part: 'organization', code: 'ORGANIZATION_WRONG', exit: 78, detail: '400' },
    ],
    [
      'a start that the plan does not reach',
      { quirks: { retention: { days: 15, beyond: '402' } } },
      { POLL_START: '20d' },
      { part: 'licence', code: 'NOT_LICENSED', exit: 77, detail: '402' },
    ],
    [
      'an address without an event API',
      {},
      { JUMPCLOUD_BASE_URL: 'https://console.jumpcloud.com' },
      { part: 'address', code: 'BASE_URL_WRONG', exit: 78 },
    ],
  ];
  it.for(states)('%s', async ([, options, more, expected]) => {
    const { env } = await feed(options, more);
    const { first, findings, code } = await check(env);
    expect({ part: first.part, code: first.code, exit: code, ...(first.detail && { detail: first.detail }) }).toEqual(
      expected,
    );
    expect(first.cure?.length).toBeGreaterThan(10);
    if (first.code === 'CREDENTIAL_REFUSED')
      expect(part(findings, 'key'), 'a key that never worked has no life').toEqual([]);
  });

  it('a refused service is a warning that names it, and the others answer: 0', async () => {
    const { env } = await feed({ keys: [{ refusedServices: ['radius'] }] });
    const { findings, code } = await check(env);
    expect(code).toBe(0);
    expect(part(findings, 'service radius')).toMatchObject([{ verdict: 'warning', code: 'ROLE_REFUSED' }]);
    expect(part(findings, 'services')[0]?.message).not.toContain('radius');
  });

  it('services that are refused for one reason are one warning that names them all, with one cure', async () => {
    const { env } = await feed(
      { keys: [{ refusedServices: ['radius', 'ldap', 'mdm'] }] },
      { JUMPCLOUD_EVENT_TYPES: 'login,admin,other' },
    );
    const { findings } = await check(env);
    const warnings = findings.filter(({ code }) => code === 'ROLE_REFUSED');
    expect(warnings).toHaveLength(1);
    for (const service of ['radius', 'ldap', 'mdm']) expect(warnings[0]?.part).toContain(service);
  });

  it('records of a service that no event type asks for are a warning with their number; without them nothing is said', async () => {
    const { env, simulated } = await feed({}, { JUMPCLOUD_EVENT_TYPES: 'login,admin' });
    const quiet = await check(env);
    expect(part(quiet.findings, 'unknown services')).toEqual([]);
    for (const id of ['a', 'b', 'c']) {
      const timestamp = new Date(Date.now() - 5 * 3_600_000).toISOString();
      simulated.add({ id, service: 'brand_new', event_type: 'thing_made', timestamp });
    }
    const { findings, code } = await check(env);
    expect(code).toBe(0);
    expect(part(findings, 'unknown services')).toMatchObject([
      { verdict: 'warning', message: expect.stringContaining('holds 3 records') },
    ]);
  });

  it('a clock that is off is a warning with the figure, also where the search first asked for the future', async () => {
    for (const [skew, says] of [
      [-2 * 3_600_000, '7200 s ahead of'],
      [600_000, '600 s behind'],
    ] as const) {
      const { env } = await feed({ now: () => Date.now() + skew, to: Date.now() - 3 * 3_600_000 });
      const { findings, code } = await check(env);
      expect(code).toBe(0);
      expect(part(findings, 'clock')).toMatchObject([{ verdict: 'warning', message: expect.stringContaining(says) }]);
    }
  });

  it('a key that ends soon is a warning with the rotation steps', async () => {
    const soon = {
      createdAt: new Date(Date.now() - 77 * DAY).toISOString(),
      expiresAt: new Date(Date.now() + 13 * DAY - 60_000).toISOString(),
    };
    const { env } = await feed({ keys: [soon] });
    const { findings, code } = await check(env);
    expect(code).toBe(0);
    expect(part(findings, 'key')).toMatchObject([
      {
        verdict: 'warning',
        message: expect.stringContaining('expires in 13 days'),
        cure: expect.stringContaining('generate a new key'),
      },
    ]);
  });

  it('a key of another organization than the position’s: 78, before anything runs', async () => {
    const { env, simulated } = await feed({ organizations: [{ records: 50 }], keys: [] });
    const keys = simulated.organizations.map(
      (id, index) => simulated.issueKey({ email: `${index}@example.test`, organizations: [id] }).key,
    );
    const cwd = folder();
    const as = (key: string | undefined) => ({ ...env, JUMPCLOUD_API_KEY: key ?? '' });
    await collectWith({ ...as(keys[0]), TABLES_DIRECTORY: join(cwd, 'tables') });
    const { first, code } = await check(as(keys[1]), cwd);
    expect({ code, is: first.code, part: first.part }).toEqual({
      code: 78,
      is: 'ORGANIZATION_CHANGED',
      part: 'organization',
    });
  });

  it('a damaged position: 74', async () => {
    const { env } = await feed();
    const cwd = folder();
    await collectWith({ ...env, TABLES_DIRECTORY: join(cwd, 'tables') });
    const states = readdirSync(join(cwd, 'tables'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /live\.(json|bak)$/.test(name),
    );
    expect(states.length).toBeGreaterThan(0);
    for (const name of states) writeFileSync(join(cwd, 'tables', name), '{"version":1');
    const { first, code } = await check(env, cwd);
    expect({ code, part: first.part, is: first.code }).toEqual({ code: 74, part: 'position', is: 'STATE_CORRUPT' });
  });

  it('a tables directory that is a file: 74', async () => {
    const { env } = await feed();
    const cwd = folder();
    writeFileSync(join(cwd, 'tables'), '');
    const { first, code } = await checkByCommand(env, cwd);
    expect({ code, part: first.part, detail: first.detail }).toEqual({ code: 74, part: 'tables', detail: 'ENOTDIR' });
  });

  it('a tables directory that others can write to fails the check, and run and check say who and how to end it', async () => {
    const { env } = await feed();
    const cwd = folder();
    mkdirSync(join(cwd, 'tables'));
    chmodSync(join(cwd, 'tables'), 0o777);
    const { first, code } = await check(env, cwd);
    expect({ code, first }).toMatchObject({
      code: 74,
      first: { part: 'tables', code: 'STORAGE_FAILED', message: expect.stringContaining('every user of the machine') },
    });
    const ran = await command(['run', '--once'], { env, cwd });
    expect(ran.code).toBe(0);
    expect(ran.stderr.match(/every user of the machine can write to [^"]*\/tables\. [^"]*chmod go-w/g)).toHaveLength(1);
  });

  it('too little space: the file system is named', async () => {
    const directory = folder();
    const limits = { least: Number.MAX_SAFE_INTEGER, scarce: 0 };
    const found = (await checkDirectory(directory, 'tables', limits)).map((finding) => ({ feed: 'acme', ...finding }));
    expect(exitCodeOf(found)).toBe(74);
    expect(found.find(({ part: about }) => about === 'space')).toMatchObject({ verdict: 'failed', detail: 'ENOSPC' });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('Kafka that is not there: 74', async () => {
    const { env } = await feed({}, { SINK: 'kafka', KAFKA_BROKERS: '127.0.0.1:9' });
    const { first, code } = await check(env);
    expect({ code, part: first.part, is: first.code }).toEqual({
      code: 74,
      part: 'kafka brokers',
      is: 'SINK_UNAVAILABLE',
    });
  });

  it('429, 5xx and an HTML page: 75 or 69', async () => {
    for (const [effect, code] of [
      [{ kind: 'status', status: 429 }, 75],
      [{ kind: 'status', status: 503 }, 69],
      [{ kind: 'html', status: 502 }, 69],
    ] as const) {
      const { env } = await feed({ script: [{ effect }] });
      expect((await checkByCommand(env)).code).toBe(code);
    }
  });

  it('nobody at the address, and a name that does not resolve: 69', async () => {
    const gone = await check(
      feedOf({ baseUrl: 'http://127.0.0.1:9/insights/directory/v1', apiKey: 'jca_x'.padEnd(40, 'y') }),
    );
    expect(gone).toMatchObject({ code: 69, first: { part: 'connection', detail: 'ECONNREFUSED' } });
    const nowhere = await check(
      feedOf({ baseUrl: 'https://collector.invalid/insights/directory/v1', apiKey: 'jca_x'.padEnd(40, 'y') }),
    );
    expect(nowhere).toMatchObject({ code: 69, first: { part: 'dns' } });
  });
});

describe('F-25: proxies', () => {
  const through = (address: string, more = {}) =>
    feedOf(
      { baseUrl: 'https://api.jumpcloud.com/insights/directory/v1', apiKey: 'jca_x'.padEnd(40, 'y') },
      { HTTPS_PROXY: `http://${address}`, ...more },
    );

  it.for([
    ['refuse', 'ERR_PROXY_REFUSED'],
    ['authenticate', 'ERR_PROXY_AUTHENTICATION'],
    ['drop', /^ERR_PROXY_/],
  ] as const)('one that does not let through (%s) is named: 69', async ([behaviour, detail]) => {
    const proxy = await connectProxy(behaviour, 'user:word');
    const { first, code } = await check(through(proxy.address));
    expect(code).toBe(69);
    expect(first.part).toBe('proxy');
    expect(first.detail).toMatch(detail);
    expect(proxy.targets[0]).toBe('api.jumpcloud.com:443');
  });
});

describe.skipIf(!hasOpenssl)('F-24: TLS that does not hold: 69, and what is wrong', () => {
  const authority = hasOpenssl ? createAuthority('Check Authority') : undefined;
  const refused = async (issued: 'unknown' | 'expired' | 'elsewhere', env = {}, ask = check) => {
    const host = issued === 'elsewhere' ? 'other.example.test' : '127.0.0.1';
    const server = await scriptedServer(answer(200, []), authority!.issue(host, issued === 'expired' ? -1 : 30));
    const ended = await ask(
      feedOf({ baseUrl: `${server.origin}/insights/directory/v1`, apiKey: 'jca_x'.padEnd(40, 'y') }, env),
    );
    expect(server.requests).toEqual([]);
    return ended;
  };

  it('an authority that is unknown here', async () => {
    expect(await refused('unknown')).toMatchObject({
      code: 69,
      first: { part: 'tls', code: 'TLS_REFUSED', message: expect.stringContaining('not trusted') },
    });
  });

  it('a certificate that has expired, or is for another host, also with the authority added', async () => {
    const env = { JUMPCLOUD_CA: authority!.file };
    const expired = await refused('expired', env);
    expect(expired).toMatchObject({ code: 69, first: { part: 'tls', message: expect.stringContaining('expired') } });
    const elsewhere = await refused('elsewhere', env);
    expect(elsewhere).toMatchObject({
      code: 69,
      first: { part: 'tls', message: expect.stringContaining('another host') },
    });
  });

  it('no environment variable turns verification off', async () => {
    expect((await refused('unknown', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, checkByCommand)).first.part).toBe('tls');
  });

  it('with the authority added, the same server answers', async () => {
    const { env, simulated } = await feed();
    const server = await scriptedServer((request, response) => {
      forward(simulated.port, request, response);
    }, authority!.issue('127.0.0.1'));
    const base = `${server.origin}/insights/directory/v1`;
    const { code, findings } = await check({ ...env, JUMPCLOUD_BASE_URL: base, JUMPCLOUD_CA: authority!.file });
    expect(code).toBe(0);
    expect(part(findings, 'credential')[0]?.message).toContain(base);
  });
});

describe('the findings', () => {
  const finding = (verdict: Finding['verdict'], code?: Finding['code']): Finding => ({
    feed: 'acme',
    part: 'p',
    verdict,
    message: 'a\n  b',
    ...(code && { code }),
  });

  it('stand in order of gravity, and the gravest decides the exit code', () => {
    const found = [
      finding('ok'),
      finding('warning', 'ROLE_REFUSED'),
      finding('failed', 'UNREACHABLE'),
      finding('failed', 'CONFIG_INVALID'),
    ];
    expect(inOrder(found).map(({ code }) => code)).toEqual([
      'CONFIG_INVALID',
      'UNREACHABLE',
      'ROLE_REFUSED',
      undefined,
    ]);
    expect(exitCodeOf(found)).toBe(78);
    expect(exitCodeOf(found.slice(0, 2))).toBe(0);
    expect(exitCodeOf([])).toBe(0);
  });

  it('take one line each, whatever they quote', () => {
    expect(lineOf({ ...finding('failed', 'INTERNAL'), cure: 'c' }, true)).toBe('FAILED   acme: p: a b → c');
  });
});

it('--report answers the open questions, names nobody, and only its owner may read it', async () => {
  const { env, simulated } = await feed(
    { keys: [{ email: 'secret.admin@example.test' }] },
    { CONTACT_EMAIL: 'boss@example.test' },
  );
  const cwd = folder();
  await collectWith({ ...env, TABLES_DIRECTORY: join(cwd, 'tables') });
  const ended = await command(['check', '--report', 'report.json'], { env, cwd });
  expect(ended.code).toBe(0);
  const file = join(cwd, 'report.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(existsSync(`${file}.aside`)).toBe(false);
  const text = readFileSync(file, 'utf8');
  const { questions } = JSON.parse(text) as { questions: { question: string; answer: string }[][] };
  const answerTo = (about: RegExp) => questions[0]?.find(({ question }) => about.test(question))?.answer;
  expect(answerTo(/role/)).toMatch(/^Read Only: \d+ services answer$/);
  expect(answerTo(/console/)).toBe('getSelf names creation and expiry');
  expect(answerTo(/compressed/)).toBe('none');
  for (const private_ of [
    simulated.apiKey,
    simulated.organization,
    cwd,
    'example.test',
    '192.0.2.',
    '198.51.100.',
    '203.0.113.',
  ])
    expect(text).not.toContain(private_);
});

it('--report holds no text of the configuration, wherever it stands, and says of the default feed what it is about', async () => {
  const { env } = await feed();
  const cwd = folder();
  const planted: Record<string, string> = {
    FEED_DESCRIPTION: 'planteddescription',
    FEED_OWNERS: 'plantedowner <planted@owner.example>',
    FEED_ACCOUNT_NAME: 'plantedaccount',
    JUMPCLOUD_CLIENT_ID: 'plantedclient',
    INVENTORY_CLIENT_ID: 'plantedreader',
    INVENTORY_CLIENT_SECRET: 'plantedword',
    INVENTORY_DIRECTORY: join(cwd, 'plantedinventory'),
    INVENTORY_EMPLOYEES: '/plantedemployees/list.csv',
    RESPOND_CLIENT_ID: 'plantedacting',
    RESPOND_CLIENT_SECRET: 'plantedanother',
    RESPOND_ORG_ID: 'abcdefabcdefabcdefabcdef',
    RESPOND_PROTECTED_USERS: 'plantedprotected',
    WEBHOOK_USER: 'plantedhook',
    WEBHOOK_SECRET: 'plantedsecretofthewebhook',
    KAFKA_BROKERS: 'plantedbroker.invalid:9092',
    KAFKA_TOPIC_PREFIX: 'planted.',
    KAFKA_CLIENT_ID: 'plantedkafka',
    KAFKA_SASL_MECHANISM: 'oauthbearer',
    KAFKA_SASL_CLIENT_ID: 'plantedsasl',
    KAFKA_SASL_CLIENT_SECRET: 'plantedsaslsecret',
    KAFKA_SASL_TOKEN_ENDPOINT: 'https://plantedidp.invalid/token?key=plantedquery',
    QUESTIONS_LISTS_SERVICE_ACCOUNTS: 'plantedservice',
    CONSOLE_PUBLIC_URL: 'https://plantedconsole.invalid',
    CONSOLE_ADMIN_PASSWORD: 'plantedpassword',
    RECEIVER_URL: 'https://plantedreceiver.invalid/hook',
  };
  const ended = await command(['check', '--report', 'report.json'], { env: { ...env, ...planted }, cwd });
  expect(ended.stdout).toContain('ok       configuration: ');
  const text = readFileSync(join(cwd, 'report.json'), 'utf8');
  for (const leak of ['planted', 'owner.example', 'abcdefabcdef', cwd]) expect(text).not.toContain(leak);
  const { settings } = JSON.parse(text) as { settings: Record<string, { value: unknown; from: string }>[] };
  expect(settings[0]).toMatchObject({
    name: { value: 'jumpcloud', from: 'default' },
    'account.name': { value: '[text]', from: 'environment' },
    'jumpcloud.apiKey': { value: '[set]', from: 'environment' },
    'jumpcloud.eventTypes': { value: ['login', 'admin', 'other'] },
    'inventory.interval': { value: 'DISABLED', from: 'default' },
    'kafka.sasl.mechanism': { value: 'oauthbearer', from: 'environment' },
  });
});

it('--report is written where the configuration has problems too: these are what it is asked for', async () => {
  const cwd = folder();
  const secret = join(cwd, 'planted-key');
  writeFileSync(join(cwd, 'planted.yaml'), `pol: {}\njumpcloud: { apiKey: { file: ${secret} } }\n`);
  const ended = await command(['check', '--report', 'report.json', '--config', join(cwd, 'planted.yaml')], { cwd });
  expect(ended.code).toBe(78);
  const text = readFileSync(join(cwd, 'report.json'), 'utf8');
  expect(text).not.toContain('planted');
  expect(JSON.parse(text)).toMatchObject({ settings: [], questions: [] });
  expect(text).toContain('[path]:1: pol is not a key');
});

/** Passes a request on to a plain server. */
function forward(
  port: number,
  request: { method: string; path: string; headers: object; body: string },
  response: import('node:http').ServerResponse,
): void {
  fetch(`http://127.0.0.1:${port}${request.path}`, {
    method: request.method,
    headers: { ...(request.headers as Record<string, string>), connection: 'close' },
    ...(request.body === '' ? {} : { body: request.body }),
  })
    .then(async (from) => {
      const headers = Object.fromEntries(
        [...from.headers].filter(([name]) => !/^(content-length|transfer-encoding|connection)$/.test(name)),
      );
      response.writeHead(from.status, headers).end(await from.text());
    })
    .catch((error: unknown) => response.writeHead(502).end(String(error)));
}
