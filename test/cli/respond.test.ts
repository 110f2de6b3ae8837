import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { command, jsonLines, start } from './command.js';
import { responding } from './responding.js';

/** The types of the lines of a journal. */
function typesIn(place: string): string[] {
  const [journal] = readdirSync(place).filter((name) => name.endsWith('.ndjson'));
  return jsonLines(readFileSync(join(place, journal!), 'utf8')).map(({ entry }) => (entry as { type: string }).type);
}

describe('respond', () => {
  it('A1: plans without --execute, says so first and last, and sends nothing', async () => {
    const { respondByCommand, writes, user } = await responding();
    const planned = await respondByCommand('run', 'disable-user', '--user', user, '--reason', 'INC-1');
    expect(planned, planned.stderr).toMatchObject({ code: 0 });
    const lines = planned.stdout.trimEnd().split('\n');
    expect([lines[0], lines.at(-1)]).toEqual(['NOT EXECUTED (plan only)', 'NOT EXECUTED (plan only)']);
    expect(planned.stdout).toContain('JumpCloud: suspend');
    expect(writes()).toEqual([]);
  });

  it('A2, A3, A17: disables by one write, finds the user suspended, and undoes it; the same again sends nothing', async () => {
    const { respond, writes, directory, user } = await responding();
    const args = ['run', 'disable-user', '--user', user, '--reason', 'INC-1', '--execute', '--json'];
    const done = await respond(...args);
    expect(done.code, done.stderr + done.stdout).toBe(0);
    const { plan, outcome } = JSON.parse(done.stdout);
    expect(outcome).toMatchObject({ result: 'verified', status: 200 });
    expect(directory.get('users', user)).toMatchObject({ state: 'SUSPENDED', suspended: true });
    expect(JSON.parse((await respond(...args)).stdout).outcome).toEqual(outcome);
    expect(writes()).toHaveLength(1);
    const undone = await respond('undo', plan.actionId, '--execute', '--json');
    expect(undone.code, undone.stderr + undone.stdout).toBe(0);
    expect(directory.get('users', user)).toMatchObject({ state: 'ACTIVATED', suspended: false });
    expect(writes()).toHaveLength(2);
    const status = await respond('status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ chain: { lines: 6 } });
    expect(status.code).toBe(0);
  });

  it('adds to and removes from a group by id and by name, and says where nothing changes', async () => {
    const { respond, writes, directory, group, user } = await responding();
    const username = String(directory.get('users', user)!.username);
    const was = directory.isMember(group, user);
    const [first, second] = was ? ['remove-from-group', 'add-to-group'] : ['add-to-group', 'remove-from-group'];
    for (const [verb, id] of [
      [first, 'a1'],
      [second, 'a2'],
    ] as const) {
      const done = await respond(
        'run',
        verb,
        '--user',
        username,
        '--group',
        group,
        '--reason',
        'INC-2',
        '--action-id',
        id,
        '--execute',
      );
      expect(done.code, done.stderr + done.stdout).toBe(0);
      expect(done.stdout).toContain('outcome      verified');
    }
    expect(directory.isMember(group, user)).toBe(was);
    const again = await respond(
      'run',
      second!,
      '--user',
      username,
      '--group',
      group,
      '--reason',
      'INC-2',
      '--action-id',
      'a3',
      '--execute',
    );
    expect(again.stdout).toContain('no_change');
    expect(writes()).toHaveLength(2);
  });

  it('A7: refuses an id of nobody, a group of nobody and a name that the server does not filter by', async () => {
    const { respond, place, writes, group, user } = await responding();
    const nobody = '66a0c0ffee00000000000000';
    for (const args of [
      ['disable-user', '--user', nobody],
      ['disable-user', '--user', 'nobody.here'],
      ['remove-from-group', '--user', user, '--group', nobody],
      ['remove-from-group', '--user', nobody, '--group', group],
    ]) {
      const done = await respond('run', ...args, '--reason', 'INC-3', '--execute');
      expect(done.code, args.join(' ')).toBe(2);
    }
    expect(typesIn(place)).toEqual(['denied', 'denied', 'denied', 'denied']);
    expect(writes()).toEqual([]);
  });

  it('A10, A15: stops at the kill switch, at a protected user and where nothing is allowed', async () => {
    const { respond, writes, cwd, env, directory, user } = await responding();
    const args = ['run', 'disable-user', '--user', user, '--reason', 'INC-4', '--execute'];
    const protectedUser = {
      ...env,
      RESPOND_PROTECTED_USERS: String(directory.get('users', user)!.email).toUpperCase(),
    };
    const guarded = await callVerb(['respond', ...args], { cwd, env: protectedUser });
    expect([guarded.code, guarded.stdout]).toEqual([78, expect.stringContaining('PROTECTED')]);
    const { RESPOND_ALLOW: _, ...nothing } = env;
    const off = await callVerb(['respond', ...args], { cwd, env: nothing });
    expect([off.code, off.stdout]).toEqual([78, expect.stringContaining('VERB_NOT_ALLOWED')]);
    writeFileSync(join(cwd, 'respond', 'STOP'), '');
    const stopped = await respond(...args);
    expect([stopped.code, stopped.stdout]).toEqual([78, expect.stringContaining('kill switch')]);
    expect(writes()).toEqual([]);
  });

  it('A22: says that a role lacks the scope, and does not try again', async () => {
    const { respondByCommand, simulated, user } = await responding({
      serviceAccounts: [
        { scopes: ['users.readonly', 'administrators.readonly', 'groups.readonly', 'users.state.readonly'] },
      ],
    });
    const done = await respondByCommand('run', 'expire-password', '--user', user, '--reason', 'INC-5', '--execute');
    expect(done.code, done.stderr + done.stdout).toBe(77);
    expect(done.stdout).toContain('users.password.expire');
    expect(simulated.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/expire'))).toHaveLength(
      1,
    );
  });

  it('A4: finds what was executed though its answer never came, by one write', async () => {
    const { respond, simulated, writes, user } = await responding();
    simulated.script([
      {
        when: { route: 'console', match: ({ method }) => method === 'PUT', times: 1 },
        effect: { kind: 'reset', at: 'mid_body' },
      },
    ]);
    const done = await respond('run', 'disable-user', '--user', user, '--reason', 'INC-6', '--execute');
    expect(done.stdout + done.stderr).toContain('outcome      verified');
    expect(writes()).toHaveLength(1);
  });

  it('A6: killed between its intent and its request, it sends nothing at the next start, and says that the outcome is unknown', async () => {
    const { cwd, env, place, respondByCommand, simulated, writes, user } = await responding();
    // The process kills itself where it would send the write.
    const killed = `import http from 'node:http'; const { request } = http;
      http.request = (...args) => {
        if (args.some((one) => one?.method === 'PUT')) process.kill(process.pid, 'SIGKILL');
        return request(...args);
      };`;
    const nodeFlags = ['--import', `data:text/javascript,${encodeURIComponent(killed)}`];
    const args = ['run', 'disable-user', '--user', user, '--reason', 'INC-8', '--execute'];
    expect(await command(['respond', ...args], { env, cwd, nodeFlags })).toMatchObject({ signal: 'SIGKILL' });
    const puts = () => simulated.requests.filter(({ method }) => method === 'PUT').length;
    expect([typesIn(place), puts()]).toEqual([['planned', 'intent'], 0]);
    const next = await respondByCommand(...args);
    expect(next.code, next.stderr + next.stdout).toBe(79);
    expect(next.stderr).toContain('the target was read again, nothing was sent');
    expect(next.stdout).toContain('outcome      unknown: no answer came to the request');
    expect([typesIn(place), puts(), writes()]).toEqual([['planned', 'intent', 'outcome'], 0, []]);
  });

  it('A6: killed between its request and its outcome, it finds at the next start what was done, by that one write', async () => {
    const { cwd, env, place, respondByCommand, simulated, writes, user } = await responding();
    simulated.script([
      {
        when: { route: 'console', match: ({ method }) => method === 'PUT' },
        effect: { kind: 'slow', bytesPerSecond: 1 },
      },
    ]);
    const args = ['run', 'disable-user', '--user', user, '--reason', 'INC-9', '--execute'];
    const running = start(['respond', ...args], { env, cwd });
    await running.until(() => writes().length === 1);
    running.child.kill('SIGKILL');
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(typesIn(place)).toEqual(['planned', 'intent']);
    const next = await respondByCommand(...args);
    expect(next.code, next.stderr + next.stdout).toBe(0);
    expect(next.stdout).toContain('outcome      verified: found suspended when read again, though no answer came');
    expect([typesIn(place), writes()]).toEqual([['planned', 'intent', 'outcome'], [expect.arrayContaining([user])]]);
  });

  it('keeps the client secret and tokens out of its journal, its output and its log', async () => {
    const { respondByCommand, place, account, user } = await responding();
    const done = await respondByCommand(
      'run',
      'expire-password',
      '--user',
      user,
      '--reason',
      'INC-7',
      '--execute',
      '--log-level',
      'debug',
    );
    expect(done.code, done.stderr + done.stdout).toBe(0);
    const journal = readdirSync(place).filter((name) => name.endsWith('.ndjson'));
    expect(journal).toHaveLength(1);
    const all = done.stdout + done.stderr + journal.map((name) => readFileSync(join(place, name), 'utf8')).join('');
    expect(all).not.toContain(account.clientSecret);
    expect(all).not.toMatch(/Bearer [A-Za-z0-9]/);
  });
});
