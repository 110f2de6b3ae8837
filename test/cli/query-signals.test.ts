import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli, folder } from './command.js';

const endless = 'SELECT count(*) FROM range(1000000) a, range(1000000) b';
/** Rows of which some fit into no pipe: their process waits in the middle of one. */
const longRows =
  "SELECT range AS number, CASE WHEN range % 100 = 0 THEN repeat('x', 300000) END AS text FROM range(1000000)";

/** The command as the leader of a process group, as a shell starts it. */
function ask(args: readonly string[], program: readonly string[] = [process.execPath, cli, 'query']) {
  const cwd = folder();
  const [tables, tmp] = [join(cwd, 'tables'), join(cwd, 'tmp')];
  for (const path of [tables, tmp]) mkdirSync(path);
  const child = spawn(program[0]!, [...program.slice(1), ...args], {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH, HOME: cwd, TABLES_DIRECTORY: tables, TMPDIR: tmp },
  });
  let [out, err, over] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => {
      over = true;
      resolve({ code, signal });
    }),
  );
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    ...{ child, cwd, tmp, ended, pid: child.pid! },
    out: () => out,
    err: () => err,
    /** Ids of the processes that it started. */
    children: () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ').map(Number),
    async until(holds: () => boolean) {
      while (!holds()) {
        if (over) throw new Error(`It ended too early: ${err}`);
        await sleep(10);
      }
    },
  };
}

const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a signal to a running query', () => {
  const whole = [-1, 1].flatMap((to) =>
    (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(
      (signal) => [signal, to < 0 ? 'the group' : 'it alone', to] as const,
    ),
  );

  it.each(whole)('%s to %s ends the answer after a whole row, and leaves nothing behind', async (signal, _, to) => {
    const asking = ask([longRows, '--format', 'ndjson', '--timeout', '1h']);
    await asking.until(() => asking.out().length > 1_000_000);
    asking.child.stdout.pause();
    // Now it is in the middle of a row.
    await sleep(200);
    const processes = asking.children();
    process.kill(to * asking.pid, signal);
    asking.child.stdout.resume();
    expect(await asking.ended).toEqual({ code: null, signal });
    expect(asking.err()).toBe('');
    const rows = asking.out().split('\n');
    expect(rows.pop()).toBe('');
    for (const [number, row] of rows.entries()) expect(JSON.parse(row).number).toBe(number);
    expect(readdirSync(asking.tmp)).toEqual([]);
    expect(processes.filter(isThere)).toEqual([]);
  });

  it('ends it while its reader reads nothing', async () => {
    const asking = ask([longRows, '--format', 'ndjson', '--timeout', '1h']);
    await asking.until(() => asking.out().length > 0);
    asking.child.stdout.pause();
    await sleep(200);
    const processes = asking.children();
    const exited = new Promise((resolve) => asking.child.once('exit', (_, signal) => resolve(signal)));
    process.kill(-asking.pid, 'SIGINT');
    expect(await exited).toBe('SIGINT');
    expect(processes.filter(isThere)).toEqual([]);
    expect(readdirSync(asking.tmp)).toEqual([]);
    asking.child.stdout.resume();
    await asking.ended;
  });

  it.each([
    ['SIGINT', 'endless', endless],
    ['SIGTERM', 'one of long rows', longRows],
  ] as const)('%s leaves no part of an answer that goes to a file: %s', async (signal, _, sql) => {
    const asking = ask([sql, '--format', 'csv', '--output', 'answer.csv', '--timeout', '1h']);
    await asking.until(() => readdirSync(asking.tmp).length > 0 && asking.children()[0] !== 0);
    if (sql === longRows) await asking.until(() => readdirSync(asking.cwd).some((name) => name.endsWith('.partial')));
    process.kill(-asking.pid, signal);
    expect(await asking.ended).toEqual({ code: null, signal });
    expect([readdirSync(asking.cwd).toSorted(), readdirSync(asking.tmp)]).toEqual([['tables', 'tmp'], []]);
  });
});
