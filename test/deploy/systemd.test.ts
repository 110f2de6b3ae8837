import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { keys } from '../../collector/config/keys.js';
import { exitCodes } from '../../collector/errors.js';

const run = promisify(execFile);
const unit = fileURLToPath(new URL('../../deploy/systemd/jumpcloud-ocsf.service', import.meta.url));
const lines = readFileSync(unit, 'utf8')
  .split('\n')
  .filter((line) => /^\w+=/.test(line));
const setting = (name: string) =>
  lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));

const missing = await run('systemd-analyze', ['--version']).then(
  () => false,
  () => true,
);
if (missing) process.stderr.write('SKIPPED: no systemd-analyze on this machine\n');

describe('the systemd unit', () => {
  it.skipIf(missing)('is taken by systemd without a word', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unit-'));
    const here = join(folder, 'jumpcloud-ocsf.service');
    // It wants to find the program; Node.js need not stand where the unit has it.
    writeFileSync(here, readFileSync(unit, 'utf8').replace('/usr/bin/node', process.execPath));
    const { stdout, stderr } = await run('systemd-analyze', ['verify', here]);
    rmSync(folder, { recursive: true });
    const about = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('jumpcloud-ocsf'));
    expect(about).toEqual([]);
  });

  it.skipIf(missing)('is exposed less than 2 of 10 by the reckoning of systemd', async () => {
    const { stdout } = await run('systemd-analyze', ['security', '--offline=yes', '--threshold=20', unit]);
    expect(stdout).toMatch(/Overall exposure level/);
  });

  it('hands key and token over as credentials that the collector reads by name', () => {
    const names = setting('LoadCredential').map((credential) => credential.split(':')[0]);
    const variables = setting('Environment').flatMap((line) => line.split(' ').map((pair) => pair.split('=')));
    const files = variables.filter(([variable]) => variable?.endsWith('_FILE'));
    expect(files).toEqual([
      ['JUMPCLOUD_API_KEY_FILE', `%d/${names[0]}`],
      ['HTTP_TOKEN_FILE', `%d/${names[1]}`],
    ]);
    for (const [variable] of files) expect(keys.map((key) => key.fileEnv)).toContain(variable);
  });

  it('starts Node.js so that it makes no code of text', () => {
    expect(setting('ExecStart')).toEqual([
      expect.stringMatching(/^\/usr\/bin\/node --disallow-code-generation-from-strings \//),
    ]);
  });

  it('has mounts of its own, and no system call that sets priorities, affinity or limits', () => {
    expect(setting('PrivateMounts')).toEqual(['yes']);
    expect(setting('SystemCallFilter')).toEqual(['@system-service', '~@privileged @resources']);
  });

  it('waits longer than the grace time and restarts only where that can help', () => {
    const grace = keys.find((key) => key.path === 'shutdown.grace')!.schema.default;
    expect(grace).toBe('25s');
    expect(Number(setting('TimeoutStopSec')[0])).toBeGreaterThan(30);
    const hopeless = [exitCodes.usage, exitCodes.credential, exitCodes.configuration];
    expect(setting('RestartPreventExitStatus')).toEqual([hopeless.join(' ')]);
    expect(setting('Restart')).toEqual(['on-failure']);
  });

  it('leaves no core, which would hold the key', () => {
    expect(setting('LimitCORE')).toEqual(['0']);
  });
});
