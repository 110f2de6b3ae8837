import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { callVerb } from '../commands/call-verb.js';
import { command, feedOf, folder, tenant } from './command.js';

it('tables check says that all is well with 0 and what is missing with 79, and tables merge and vacuum do their work', async () => {
  const simulated = await tenant({ records: 60 });
  const login = {
    service: 'directory',
    event_type: 'admin_login_attempt',
    timestamp: new Date(Date.now() - 60_000).toISOString(),
  };
  simulated.add({ id: 'sooner', ...login });
  const cwd = folder();
  const env = feedOf(simulated, {});
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  expect(await command(['tables', 'check'], { cwd, env })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^ok +uids of events: \d+, each once$/m),
  });
  simulated.add({ id: 'later', ...login });
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  // By hand also what would wait for more files, or for the day's end.
  const merged = async () =>
    JSON.parse((await callVerb(['tables', 'merge', '--json'], { cwd, env })).stdout) as Record<string, unknown>;
  expect(Number((await merged()).mergedFiles)).toBeGreaterThan(1);
  expect(await merged()).toMatchObject({ mergedFiles: 0, mergedInto: 0 });
  expect(await command(['tables', 'vacuum', '--json'], { cwd, env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"unlinkedFiles": 0'),
  });
  const [live] = (await readTables(join(cwd, 'tables'))).get('authentication')!.files;
  rmSync(live!.path);
  const check = await command(['tables', 'check'], { cwd, env });
  expect(check).toMatchObject({ code: 79, stdout: expect.stringMatching(/^failed .* is missing$/m) });
  const elsewhere = await command(['tables', 'check', '--tables-directory', 'nowhere'], { cwd, env });
  expect(elsewhere).toMatchObject({ code: 74, stderr: expect.stringContaining('There are no tables') });
});
