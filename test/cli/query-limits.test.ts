import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bombs } from '../query/bombs.js';
import { command, folder, start } from './command.js';

const endless = 'SELECT count(*) FROM range(1000000) a, range(1000000) b';

describe('the limits of query', () => {
  const tables = () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'tables'));
    mkdirSync(join(cwd, 'tmp'));
    return { cwd, env: { TABLES_DIRECTORY: join(cwd, 'tables'), TMPDIR: join(cwd, 'tmp') } };
  };

  it('end a statement by its time, with the limit and what to narrow, and leave nothing behind', async () => {
    const { cwd, env } = tables();
    expect(await command(['query', endless, '--timeout', '1s'], { cwd, env })).toMatchObject({
      code: 75,
      stdout: '',
      stderr: expect.stringMatching(
        /^The statement was ended after 1 s\.\n.*→ Narrow it: .*--timeout or query\.timeout/,
      ),
    });
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  it('are read from the environment and the file, without the rest of the configuration', async () => {
    const { cwd, env } = tables();
    const said = { code: 75, stderr: expect.stringContaining('after 1 s') };
    const broken = { JUMPCLOUD_API_KEY_FILE: '/nowhere', QUERY_TIMEOUT: '1s' };
    expect(await command(['query', endless], { cwd, env: { ...env, ...broken } })).toMatchObject(said);
    const file = join(cwd, 'config.yaml');
    writeFileSync(file, 'query: { timeout: 1s }\njumpcloud: { apiKey: { file: /nowhere } }\n');
    expect(await command(['query', endless, '--config', file], { cwd, env })).toMatchObject(said);
    writeFileSync(file, 'query: { timeout: soon }\n');
    expect(await command(['query', endless, '--config', file], { cwd, env })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('query.timeout must be a duration'),
    });
  });

  it('end a statement by its memory, where DuckDB counts it and where it does not', async () => {
    for (const sql of ['SELECT list(range) FROM range(200000000)', "SELECT length(repeat('x', 2000000000))"]) {
      const { cwd, env } = tables();
      expect(await command(['query', sql, '--memory', '100MB'], { cwd, env })).toMatchObject({
        code: 75,
        stdout: '',
        stderr: expect.stringMatching(/^The statement needs more than 100MB of memory\.\n.*→ Narrow it: .*--memory/),
      });
      expect(readdirSync(env.TMPDIR)).toEqual([]);
    }
  });

  it('end a statement by its temporary space', async () => {
    const { cwd, env } = tables();
    const sql = 'SELECT count(*) FROM (SELECT DISTINCT md5(range::VARCHAR) FROM range(30000000))';
    const ended = await command(['query', sql, '--memory', '100MB', '--temporary-space', '50MB'], { cwd, env });
    expect(ended).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(
        /^The statement needs more than 50MB of temporary space\.\n.*query\.temporarySpace/,
      ),
    });
  });

  it.each(bombs)('end %s', async (sql) => {
    const { cwd, env } = tables();
    expect(await command(['query', sql, '--timeout', '1s', '--format', 'csv'], { cwd, env })).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/^The statement (?:was ended after 1 s|needs more than 256MB of memory)\./),
    });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends a statement at once, with its process and what it spilled',
    async (signal) => {
      const { cwd, env } = tables();
      const asking = start(['query', endless, '--timeout', '1h'], { cwd, env });
      const { pid } = asking.child;
      const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
      while (children() === '' || readdirSync(env.TMPDIR).length === 0) await sleep(10);
      const child = children();
      process.kill(pid!, signal);
      expect(await asking.ended).toMatchObject({ code: null, signal, stdout: '', stderr: '' });
      expect(readdirSync(env.TMPDIR)).toEqual([]);
      expect(() => process.kill(Number(child), 0)).toThrow('ESRCH');
    },
  );

  it('end the statement where the command itself is killed', async () => {
    const { cwd, env } = tables();
    const asking = start(['query', endless, '--timeout', '1h'], { cwd, env });
    const { pid } = asking.child;
    const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    while (children() === '' || readdirSync(env.TMPDIR).length === 0) await sleep(10);
    const child = Number(children());
    process.kill(pid!, 'SIGKILL');
    await expect.poll(() => alive(child), { timeout: 20_000 }).toBe(false);
  });
});

function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
