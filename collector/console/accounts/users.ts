import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { createFile, makeDirectory, namesIn, replaceFile, syncDirectory } from '../../files/durable-file.js';
import type { Role } from '../answers.js';
import { readStored } from '../stored-file.js';
import { isPasswordHash, type PasswordHash } from './password.js';

/** A user as stored, one file each. */
export interface StoredUser {
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly password: PasswordHash;
}

/** Users of the console: one file each below `users/`, so that a command can add one while the console runs. */
export interface Users {
  /** By name, whatever its case; undefined: there is none. */
  find(name: string): Promise<StoredUser | undefined>;
  list(): Promise<readonly StoredUser[]>;
  /** False: there is one of that name already. Decided by the creation of the file alone. */
  create(user: StoredUser): Promise<boolean>;
  replace(user: StoredUser): Promise<void>;
  /** False: there was none. */
  remove(name: string): Promise<boolean>;
}

/** What a user may be called: safe in a file name, and as it is typed. */
export const USER_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?$/;

/** @param directory `console.directory` */
export function openUsers(directory: string): Users {
  const folder = join(directory, 'users');
  const pathOf = (name: string) => join(folder, `${name.toLowerCase()}.json`);
  const read = (path: string) => readStored<StoredUser>(path, isUser);
  const textOf = (user: StoredUser) => `${JSON.stringify(user, null, 2)}\n`;
  return {
    find: async (name) => (USER_NAME.test(name) ? read(pathOf(name)) : undefined),
    async list() {
      const names = (await namesIn(folder)).filter((name) => name.endsWith('.json')).sort();
      const users = await Promise.all(names.map((name) => read(join(folder, name))));
      return users.filter((user) => user !== undefined);
    },
    async create(user) {
      await makeDirectory(folder);
      return createFile(pathOf(user.name), textOf(user));
    },
    replace: (user) => replaceFile(pathOf(user.name), textOf(user)),
    async remove(name) {
      if ((USER_NAME.test(name) ? await read(pathOf(name)) : undefined) === undefined) return false;
      await rm(pathOf(name));
      await syncDirectory(folder);
      return true;
    },
  };
}

function isUser(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  const { name, role, password } = value;
  return typeof name === 'string' && typeof role === 'string' && isPasswordHash(password);
}
