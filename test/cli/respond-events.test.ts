import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { freePort } from '../free-port.js';
import { command, jsonLines, start } from './command.js';
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

describe('the events of respond', () => {
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

  it('A24: neither the client secret nor a token is in any file of response', async () => {
    const { respond, place, account, user } = await responding();
    const done = await respond('run', 'disable-user', '--user', user, '--reason', 'INC-3', '--execute');
    expect(done.code, done.stderr).toBe(0);
    const root = place;
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const { parentPath, name } of files) {
      const bytes = readFileSync(join(parentPath, name));
      expect(bytes.includes(account.clientSecret), name).toBe(false);
      expect(bytes.includes('Bearer '), name).toBe(false);
    }
  });

  it('A26: what response did and what JumpCloud recorded of it are kept separately, one of each', async () => {
    const { respond, simulated, env, cwd, place, user } = await responding();
    const once = () => command(['run', '--once', '--log-level', 'warn'], { env: { ...env, POLL_START: '1h' }, cwd });
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
