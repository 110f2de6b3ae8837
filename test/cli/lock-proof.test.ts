import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../collector/diagnostics/finding.js';
import { callVerb } from '../commands/call-verb.js';
import { command, feedOf, folder, tenant } from './command.js';

const DAY = 86_400_000;
/** A program that the second process loads first: to it the lock of the first is not there. */
const preload = (program: string) =>
  `data:text/javascript,${encodeURIComponent(`
    import net from 'node:net';
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    if (process.argv[1]?.endsWith('try-lock-process.js')) {
      ${program}
    }
  `)}`;
const NO_LOCKS = {
  tables: preload(`
    const { DuckDBConnection } = createRequire(process.argv[1])('../chunks/duckdb.cjs');
    const { run } = DuckDBConnection.prototype;
    DuckDBConnection.prototype.run = function (sql) {
      return run.call(this, sql.replace("/held/lock'", "/held/unseen'"));
    };
  `),
  stdout: preload(`
    net.connect = () => {
      const socket = new net.Socket();
      setImmediate(() => socket.emit('error', Object.assign(new Error('nobody'), { code: 'ECONNREFUSED' })));
      return socket;
    };
    syncBuiltinESMExports();
  `),
};

async function feed(more: Readonly<Record<string, string>>) {
  const simulated = await tenant({ from: Date.now() - DAY, to: Date.now(), records: 30 });
  return feedOf(simulated, { POLL_START: '30h', ...more });
}

describe("a lane's lock is proven by a second process that tries it", () => {
  it.each([
    ['tables', {}],
    ['stdout', { SINK: 'stdout' }],
  ])('which fails to take it: check says so, and run leaves nothing of the trial behind (%s)', async (kind, more) => {
    const env = await feed(more);
    const cwd = folder();
    const ended = await command(['run', '--once'], { env, cwd });
    expect(ended.code, ended.stderr).toBe(0);
    const checked = await command(['check', '--json'], { env, cwd });
    const { findings } = JSON.parse(checked.stdout) as { findings: Finding[] };
    expect(findings.filter(({ part }) => part === 'lock')).toMatchObject([{ verdict: 'ok' }]);
    const left = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.check-'));
    expect({ kind, left }).toEqual({ kind, left: [] });
  });

  it('once per process and file system, however many feeds there are', async () => {
    const env = await feed({});
    const cwd = folder();
    const tried = join(cwd, 'tried');
    writeFileSync(join(cwd, 'config.yaml'), 'feeds: [{ name: one }, { name: two }, { name: three }]');
    const note = preload(`(await import('node:fs')).appendFileSync(${JSON.stringify(tried)}, 'x');`);
    const ended = await command(['run', '--once', '--config', 'config.yaml'], {
      env: { ...env, NODE_OPTIONS: `--import=${note}` },
      cwd,
    });
    expect(ended.code, ended.stderr).toBe(0);
    expect(readFileSync(tried, 'utf8')).toBe('x');
  });

  it.each(['tables', 'stdout'] as const)(
    'which takes it: check and run refuse, and name the cure (%s)',
    async (kind) => {
      const env = { ...(await feed({ SINK: kind })), NODE_OPTIONS: `--import=${NO_LOCKS[kind]}` };
      const cwd = folder();
      const ran = await command(['run', '--once'], { env, cwd });
      expect(ran).toMatchObject({ code: 74, stdout: '', stderr: expect.stringContaining('no locks') });
      expect(readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) => /parquet$/.test(name))).toEqual(
        [],
      );
      const checked = await command(['check', '--json'], { env, cwd });
      const { findings, exitCode } = JSON.parse(checked.stdout) as { findings: Finding[]; exitCode: number };
      expect(exitCode).toBe(74);
      expect(findings.filter(({ part }) => part === 'lock')).toMatchObject([
        { verdict: 'failed', code: 'STORAGE_FAILED', cure: expect.stringContaining('no locks') },
      ]);
    },
  );
});

it('check compares the files of the tables with what states and logs say of them', async () => {
  const env = await feed({});
  const cwd = folder();
  await callVerb(['run', '--once'], { env, cwd });
  const files = async () => {
    const { stdout } = await callVerb(['check', '--json'], { env, cwd });
    const { findings, exitCode } = JSON.parse(stdout) as { findings: Finding[]; exitCode: number };
    return { exitCode, files: findings.filter(({ part }) => part === 'files') };
  };
  expect(await files()).toMatchObject({ exitCode: 0, files: [{ verdict: 'ok' }] });
  const tables = join(cwd, 'tables');
  const some = readdirSync(tables, { recursive: true, encoding: 'utf8' }).find((name) =>
    /^\w+\/event_day.*parquet$/.test(name),
  )!;
  rmSync(join(tables, some));
  expect(await files()).toMatchObject({
    exitCode: 74,
    files: [{ verdict: 'failed', message: expect.stringContaining(some), code: 'STORAGE_FAILED' }],
  });
});
