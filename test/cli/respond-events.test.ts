import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { SECRET_MARK } from '../../fixtures/tenant/directory/seeded.js';
import { classNameOf, ocsfTarget } from '../../schemas/ocsf-target.js';
import { describeErrors } from '../../schemas/validators.js';
import { callVerb } from '../commands/call-verb.js';
import { freePort } from '../free-port.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { readEvents } from '../sinks/tables/read-events.js';
import { command, jsonLines, type StartOptions, start } from './command.js';
import { until } from './repairing.js';
import { responding } from './responding.js';

/** What a statement over tables answers, each row as one text. */
async function rowsOf(directory: string, statement: string): Promise<string[]> {
  const tables = await openTables(directory);
  try {
    const { rows } = await tables.query(statement);
    const found: string[] = [];
    for await (const row of rows) found.push(row.map(String).join(' '));
    return found;
  } finally {
    await tables.close();
  }
}

const steps = (directory: string) =>
  rowsOf(directory, 'SELECT event_code, outcome FROM remediation_activity ORDER BY time_dt, event_code');
const changes = (directory: string) =>
  rowsOf(directory, 'SELECT event_code, outcome, user_uid FROM account_change ORDER BY time_dt');

/** Scopes of a role that reads all that an action reads and changes nothing. */
const READS = ['users.readonly', 'administrators.readonly', 'groups.readonly', 'users.state.readonly'];

/** Flags for Node with which the command takes its user for another. */
function asUser(name: string): string[] {
  const code = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';
    os.userInfo = () => ({ username: '${name}' }); syncBuiltinESMExports();`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

describe('the events of respond', () => {
  it('are stored as valid events, whatever was asked and whatever became of it', async () => {
    // Half a minute passes before an outcome counts as unknown: it passes beside the rest.
    const lagging = await responding({ directoryQuirks: { readLag: 3_600_000 } });
    const unknown = lagging.respondByCommand(
      'run',
      'disable-user',
      '--user',
      lagging.user,
      '--reason',
      'INC-9',
      '--execute',
    );
    const { place, cwd, env, user, other, group, directory, simulated, writes } = await responding({
      directory: { users: 60, groups: 6, administrators: 8 },
      serviceAccounts: [{}, { scopes: READS }],
    });
    const linked = directory.ids('users').find((id) => directory.get('users', id)!.admin != null)!;
    directory.change('users', linked, { password_expired: false, password_expiration_date: '2099-01-01T00:00:00Z' });
    if (directory.isMember(group, user)) directory.removeMember(group, user);
    const [, narrow] = simulated.serviceAccounts;
    const tooNarrow = { RESPOND_CLIENT_ID: narrow!.clientId, RESPOND_CLIENT_SECRET: narrow!.clientSecret };
    const ask = async (line: string, code: number, options?: StartOptions) => {
      const reason = /^(plan|run)/.test(line) ? ['--reason', 'INC-8'] : [];
      const given = { env, cwd, ...options };
      const args = ['respond', ...line.split(' '), ...reason];
      const done = await (given.nodeFlags === undefined ? callVerb(args, given) : command(args, given));
      expect(done.code, line + done.stdout + done.stderr).toBe(code);
      return done.stdout;
    };
    const expire = `expire-password --user ${linked} --ticket 4711 --action-id two`;
    const { hash } = JSON.parse(await ask(`plan ${expire} --json`, 0)).plan;
    await ask(`approve two --hash ${hash}`, 0, { nodeFlags: asUser('m.roe') });
    await ask(`run ${expire} --execute`, 0);
    await ask('undo two --execute', 78);
    await ask(`run expire-password --user ${user} --execute`, 77, { env: { ...env, ...tooNarrow } });
    await ask(`run disable-user --user ${user} --action-id off --execute`, 0);
    await ask('undo off --execute', 0);
    await ask(`run add-to-group --user ${user} --group ${group} --execute`, 0);
    await ask(`run remove-from-group --user ${user} --group ${group} --execute`, 0);
    await ask(`run disable-user --user ${other} --execute`, 78, { env: { ...env, RESPOND_ALLOW: 'enable-user' } });
    await ask('run disable-user --user nobody.here --execute', 2);
    expect(writes()).toHaveLength(5);
    expect((await unknown).code).toBe(79);

    const texts = (await Promise.all([place, lagging.place].map((at) => readEvents(join(at, 'response'))))).flatMap(
      (stored) => [...stored.values()],
    );
    const events = texts.map((text) => JSON.parse(text));
    const said = events.map(({ metadata, status }) => `${metadata.event_code}: ${status}`);
    expect([...new Set(said)].sort()).toEqual([
      'add-to-group: Success',
      'disable-user-unknown: Unknown outcome',
      'disable-user: Success',
      'enable-user: Success',
      'expire-password: Failure',
      'expire-password: Success',
      'remove-from-group: Success',
      'step.approved: Approved',
      'step.failed: Failure',
      'step.proposed: Proposed',
      'step.refused: Failure',
      'step.sending: Sending',
      'step.unknown: Unknown outcome',
      'step.verified: Success',
    ]);
    const refused = events.filter(({ metadata }) => metadata.event_code === 'step.refused');
    expect(refused.map(({ status_code: code }) => code).sort()).toEqual([
      'NOT_UNDOABLE',
      'TARGET_UNKNOWN',
      'VERB_NOT_ALLOWED',
    ]);
    for (const event of events) {
      const validator = ocsfTarget.validators[classNameOf(ocsfTarget, event.class_uid)!];
      expect(validator(event), describeErrors(validator).join()).toBe(true);
    }
    if (!hasValidator()) return;
    const { events: read, total, first } = validate(texts);
    expect([read, total, first]).toMatchObject([texts.length, { errors: 0, warnings: 0 }, []]);
  });

  it('A1, A2, A3: a plan is one event, an action its steps and its change, and the same action again none', async () => {
    const { respond, place, user } = await responding();
    const tables = join(place, 'response');
    await respond('plan', 'disable-user', '--user', user, '--reason', 'INC-1');
    expect(await steps(tables)).toEqual(['step.proposed Proposed']);
    const run = ['run', 'disable-user', '--user', user, '--reason', 'INC-1', '--execute'];
    expect((await respond(...run)).code).toBe(0);
    const all = ['step.proposed Proposed', 'step.proposed Proposed', 'step.sending Sending', 'step.verified Success'];
    expect(await steps(tables)).toEqual(all);
    expect(await changes(tables)).toEqual([`disable-user Success ${user}`]);
    expect((await respond(...run)).code).toBe(0);
    expect([(await steps(tables)).length, (await changes(tables)).length]).toEqual([4, 1]);
  });

  it('A20: an action runs while the sink is down, and its events come once when it is back', async () => {
    const { respond, place, writes, user } = await responding();
    const tables = join(place, 'response');
    mkdirSync(place, { recursive: true });
    writeFileSync(tables, 'no directory');
    const done = await respond('run', 'disable-user', '--user', user, '--reason', 'INC-2', '--execute');
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain('STORAGE_FAILED');
    expect(writes()).toHaveLength(1);
    rmSync(tables);
    for (let start = 0; start < 2; start += 1)
      expect((await respond('plan', 'enable-user', '--user', user, '--reason', 'INC-2')).code).toBe(0);
    expect(await changes(tables)).toEqual([`disable-user Success ${user}`]);
    expect(await steps(tables)).toEqual([
      'step.proposed Proposed',
      'step.sending Sending',
      'step.verified Success',
      'step.proposed Proposed',
      'step.proposed Proposed',
    ]);
  });

  it('A24: neither the client secret, nor a token, nor what the directory keeps secret is in a file, an event, a log, an answer or the title of response', async () => {
    const { simulated, cwd, env, place, account, user, other } = await responding({
      directoryQuirks: { fieldsIgnored: true },
    });
    const ask = (...args: string[]) =>
      start(['respond', 'run', 'disable-user', '--reason', 'INC-3', ...args], { env, cwd });
    const done = ask('--user', user, '--execute', '--log-level', 'debug', '--json');
    const titles: string[] = [];
    const readTitle = () => {
      for (const name of ['cmdline', 'comm']) titles.push(readFileSync(`/proc/${done.child.pid}/${name}`, 'utf8'));
    };
    simulated.script([
      {
        when: { route: 'console', match: ({ method }) => method === 'PUT' },
        effect: { kind: 'run', action: readTitle },
      },
    ]);
    const said = [await done.ended, await ask('--user', `${other}-`).ended];
    expect(
      said.map(({ code }) => code),
      JSON.stringify(said),
    ).toEqual([0, 2]);
    expect(titles[0]).toContain('disable-user');
    const files = readdirSync(cwd, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    // Those of the tables are compressed: what they hold is read.
    const events = await readEvents(join(place, 'response'));
    expect(events.size).toBe(5);
    const places: [name: string, bytes: string][] = [
      ...files.map(({ parentPath, name }): [string, string] => [name, readFileSync(join(parentPath, name), 'latin1')]),
      ['events', [...events.values()].join()],
      ['title', titles.join()],
      ['output', JSON.stringify(said)],
    ];
    const basic = Buffer.from(`${account.clientId}:${account.clientSecret}`).toString('base64');
    // The tenant's access tokens begin with `jct.`.
    const secrets = [account.clientSecret, basic, SECRET_MARK, 'Bearer ', /jct\.\w{20}/];
    for (const secret of secrets)
      for (const [name, bytes] of places)
        expect(typeof secret === 'string' ? bytes.includes(secret) : secret.test(bytes), `${name}: ${secret}`).toBe(
          false,
        );
  });

  it('A26: what response did and what JumpCloud recorded of it are kept separately, one of each', async () => {
    const { respond, simulated, env, cwd, place, user } = await responding();
    const once = () => callVerb(['run', '--once', '--log-level', 'warn'], { env: { ...env, POLL_START: '1h' }, cwd });
    const done = await respond('run', 'disable-user', '--user', user, '--reason', 'INC-4', '--execute');
    expect(done.code, done.stderr).toBe(0);
    expect((await once()).code).toBe(0);
    const recorded = await rowsOf(
      join(cwd, env.TABLES_DIRECTORY ?? 'data/tables'),
      'SELECT event_code, user_uid FROM account_change',
    );
    expect(recorded).toEqual([`user_suspended ${user}`]);
    expect(await changes(join(place, 'response'))).toEqual([`disable-user Success ${user}`]);
    expect(simulated.organization).toBeDefined();
  });

  it('watch delivers what a command could not, shows it as metrics, and executes nothing', async () => {
    const port = await freePort();
    const { respond, cwd, place, env, writes, user } = await responding({}, { HTTP_PORT: String(port) });
    const tables = join(place, 'response');
    mkdirSync(place, { recursive: true });
    writeFileSync(tables, 'no directory');
    expect((await respond('run', 'disable-user', '--user', user, '--reason', 'INC-5', '--execute')).code).toBe(0);
    rmSync(tables);
    const more = {
      ...env,
      HTTP_ENABLED: 'true',
      HTTP_PORT: String(port),
      RESPOND_SECRET_EXPIRES: '2099-01-01T00:00:00Z',
    };
    const watching = start(['respond', 'watch'], { env: more, cwd });
    await until(
      () => changes(tables).catch((): string[] => []),
      (found) => found.length === 1,
    );
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/jumpcloud_ocsf_response_actions\{feed="[^"]+",result="verified"\} 1/);
    expect(metrics).toMatch(/jumpcloud_ocsf_response_secret_expiry_timestamp_seconds\{feed="[^"]+"\} \d/);
    expect(metrics).toMatch(/jumpcloud_ocsf_response_events_undelivered\{feed="[^"]+"\} [01]/);
    expect(metrics, 'the alert on a missing collector looks for it').not.toContain('jumpcloud_ocsf_ready');
    watching.child.kill('SIGTERM');
    expect((await watching.ended).code).toBe(0);
    expect(writes()).toHaveLength(1);
  });

  it('watch goes on for the other feeds where one has no client secret, and says so', async () => {
    const port = await freePort();
    const { cwd, env } = await responding();
    const { RESPOND_CLIENT_SECRET: clientSecret, ...more } = env;
    const respond = { clientSecret };
    writeFileSync(join(cwd, 'feeds.yaml'), JSON.stringify({ feeds: [{ name: 'east' }, { name: 'west', respond }] }));
    const watching = start(['respond', 'watch', '--config', 'feeds.yaml'], {
      env: { ...more, HTTP_ENABLED: 'true', HTTP_PORT: String(port) },
      cwd,
    });
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/metrics`).then(
          (answer) => answer.text(),
          () => '',
        ),
      (text) => /response_events_undelivered\{feed="west"\}/.test(text),
    );
    watching.child.kill('SIGTERM');
    const { code, stderr } = await watching.ended;
    expect(code, stderr).toBe(0);
    expect(
      jsonLines(stderr).find(({ level, feed }) => level === 'error' && feed === 'east'),
      stderr,
    ).toMatchObject({ msg: 'Response of feed east has no credential of its own.', code: 'CREDENTIAL_MISSING' });
  });

  it('a journal that lies where it was kept before is refused, and check says so', async () => {
    const { respond, cwd, env, user } = await responding();
    mkdirSync(join(cwd, 'respond'));
    writeFileSync(join(cwd, 'respond', 'response-000001.ndjson'), '');
    const refused = await respond('run', 'disable-user', '--user', user, '--reason', 'INC-6', '--execute');
    expect(refused.code).toBe(74);
    expect(refused.stderr).toContain('STATE_OUTDATED');
    const { findings } = JSON.parse((await command(['check', '--json'], { env, cwd })).stdout) as {
      findings: { part: string; code?: string }[];
    };
    expect(findings.filter(({ part }) => part === 'respond').map(({ code }) => code)).toContain('STATE_OUTDATED');
  });

  it('check says whether response’s credential can read, how long it lives, and what stops it', async () => {
    const { cwd, env } = await responding({}, { RESPOND_SECRET_EXPIRES: '2020-01-01T00:00:00Z' });
    mkdirSync(join(cwd, 'respond'));
    writeFileSync(join(cwd, 'respond', 'STOP'), '');
    const checked = await command(['check', '--json'], { env, cwd });
    const { findings } = JSON.parse(checked.stdout) as { findings: { part: string; message: string }[] };
    const said = findings.filter(({ part }) => part === 'respond' || part === 'key').map(({ message }) => message);
    expect(said.join('\n')).toMatch(/kill switch is on/);
    expect(said.join('\n')).toMatch(/no user is protected/);
    expect(said.join('\n')).toMatch(/users\.state\.suspend.* is proved by respond test/);
    expect(said.join('\n')).toMatch(/the credential of response reads all/);
    expect(said.join('\n')).toMatch(/client secret of response/);
  });
});
