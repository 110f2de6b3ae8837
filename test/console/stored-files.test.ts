import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hashPassword } from '../../collector/console/accounts/password.js';
import { openTokens } from '../../collector/console/accounts/tokens.js';
import { openUsers } from '../../collector/console/accounts/users.js';
import { openFeedStore } from '../../collector/console/feeds/feed-store.js';
import { folder } from '../cli/command.js';
import { startTestConsole } from './harness.js';

const damaged = (path: string) => ({
  code: 'STORAGE_FAILED',
  message: `${path} is damaged.`,
  cure: expect.stringContaining('backup'),
});

it('a damaged file of a user is named, whatever of it is damaged', async () => {
  const directory = folder();
  const user = { name: 'ana', role: 'admin', createdAt: '', createdBy: '', password: await hashPassword('long', 2) };
  const { password } = user;
  const path = join(directory, 'users', 'ana.json');
  mkdirSync(join(directory, 'users'));
  const broken = [
    { ...user, password: { ...password, scheme: 'scrypt-0-8-3' } },
    { ...user, password: { ...password, scheme: 'scrypt-3-8-3' } },
    { ...user, password: { ...password, scheme: 'bcrypt' } },
    { ...user, password: { ...password, hash: password.hash.slice(2) } },
    { ...user, password: undefined },
    null,
  ];
  for (const text of ['{', '', ...broken.map((one) => JSON.stringify(one))]) {
    writeFileSync(path, text);
    await expect(openUsers(directory).find('ana'), text).rejects.toMatchObject(damaged(path));
  }
  writeFileSync(path, JSON.stringify(user));
  expect(await openUsers(directory).find('ana')).toEqual(user);
});

it('a login of a damaged user says which file to put back', async () => {
  const one = await startTestConsole();
  await one.firstAdmin();
  const path = join(one.directory, 'users', 'bob.json');
  writeFileSync(path, '{"name":"bob","role":"admin","password":{"scheme":"scrypt-0-8-3","salt":"","hash":""}}');
  const { status, json } = await one.send('/api/v1/session', { method: 'POST', body: { user: 'bob', password: 'x' } });
  expect({ status, detail: json.detail }).toEqual({ status: 503, detail: `${path} is damaged.` });
});

it('a damaged token or revision is named', async () => {
  const directory = folder();
  const broken = (...names: string[]) => {
    mkdirSync(join(directory, ...names.slice(0, -1)), { recursive: true });
    writeFileSync(join(directory, ...names), '{"id":1}');
    return join(directory, ...names);
  };
  const token = broken('tokens', '1.json');
  await expect(openTokens(directory, Date.now, () => {})).rejects.toMatchObject(damaged(token));
  const store = openFeedStore(directory, Date.now);
  const revision = broken('history', 'acme', '1.json');
  await expect(store.revisions('acme')).rejects.toMatchObject(damaged(revision));
});
