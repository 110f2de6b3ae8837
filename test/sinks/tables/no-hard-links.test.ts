import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, compareTables, feedOf, folder, tenant } from '../../cli/command.js';

/** What file systems without hard links answer (exFAT, some FUSE and SMB mounts). */
const refuseLinks = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const refuse = async () => { throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' }); };
fs.promises.link = refuse;
syncBuiltinESMExports();
`;

it('tables are collected, checked and locked where the file system has no hard links', async () => {
  const simulated = await tenant({ records: 20 });
  const cwd = folder();
  const preload = join(cwd, 'refuse-links.mjs');
  writeFileSync(preload, refuseLinks);
  const env = { ...feedOf(simulated, {}), NODE_OPTIONS: `--import=${preload}` };
  const run = await command(['run', '--once'], { cwd, env });
  expect(run, run.stderr).toMatchObject({ code: 0 });
  expect(run.stderr).not.toContain('not in the tables’ logs');
  const check = await command(['check'], { cwd, env });
  expect(check, check.stdout).toMatchObject({ stdout: expect.stringMatching(/ok +lock:/) });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});
