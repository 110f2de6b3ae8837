import { expect, it } from 'vitest';
import { command, folder } from './command.js';

it('the way back in for a lost administrator works with a console that has no feed yet, or several, by any name of a user', async () => {
  const env = { CONSOLE_ENABLED: 'true', CONSOLE_DIRECTORY: folder() };
  const console = (...args: string[]) =>
    command(['console', ...args], { env, input: 'correct horse battery staple\n' });
  expect(await console('invite', 'ana@example.com', '--role', 'admin')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^http:\/\/127\.0\.0\.1:9465\/#start=[\w-]{43}\n$/),
  });
  expect(await console('user', 'add', 'ana@example.com', '--role', 'admin')).toMatchObject({
    code: 0,
    stdout: 'ana@example.com may log in, with the role admin.\n',
  });
  expect(await console('user', 'list')).toMatchObject({ stdout: 'admin     ana@example.com\n' });
  expect(await console('user', 'remove', 'ana@example.com')).toMatchObject({ code: 0 });
  expect(await console('user', 'list')).toMatchObject({ stdout: 'No users.\n' });
});
