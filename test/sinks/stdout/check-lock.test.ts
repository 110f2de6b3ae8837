import { readdirSync } from 'node:fs';
import net from 'node:net';
import { expect, it, vi } from 'vitest';
import { checkSocketLock } from '../../../collector/sinks/files/socket-lock.js';
import { folder } from '../../cli/command.js';

it('check takes the lock twice: of two that try, one must fail; nothing is left behind', async () => {
  const directory = folder();
  expect(await checkSocketLock(directory)).toMatchObject([{ part: 'lock', verdict: 'ok' }]);
  expect(readdirSync(directory)).toEqual([]);
});

it('a file system that takes no sockets is named with its cure', async () => {
  const listen = vi.spyOn(net.Server.prototype, 'listen').mockImplementation(function (this: net.Server) {
    const error = Object.assign(new Error('listen EOPNOTSUPP: operation not supported'), { code: 'EOPNOTSUPP' });
    queueMicrotask(() => this.emit('error', error));
    return this;
  });
  try {
    const directory = folder();
    expect(await checkSocketLock(directory)).toMatchObject([
      { part: 'lock', verdict: 'failed', code: 'STORAGE_FAILED', cure: expect.stringContaining('no locks') },
    ]);
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    listen.mockRestore();
  }
});
