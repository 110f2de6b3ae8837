import { mkdir, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { asCollectorError } from '../collector/errors.js';
import { folder } from './cli/command.js';

it('what the file system refuses is said with its cure, and is no defect of the program', async () => {
  const nowhere = join(folder(), 'nowhere');
  await symlink('/proc/none', nowhere);
  const error = await mkdir(nowhere).catch((thrown: unknown) => thrown);
  expect(asCollectorError(error)).toMatchObject({
    code: 'STORAGE_FAILED',
    detail: 'EEXIST',
    cure: expect.stringContaining('a link that leads nowhere'),
  });
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  expect(asCollectorError(full)).toMatchObject({ code: 'STORAGE_FAILED', exitCode: 74 });
});

it('a refused connection and a mistake of the program stay what they are', async () => {
  const refused = await new Promise((resolve) => connect(1, '127.0.0.1').on('error', resolve));
  const denied = Object.assign(new Error('EACCES'), { code: 'EACCES', syscall: 'listen', address: '::', port: 1 });
  for (const error of [refused, denied, new TypeError('x is undefined')])
    expect(asCollectorError(error).code).toBe('INTERNAL');
});
