import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, makeDirectory, namesIn, syncDirectory, writeSynced } from '../../files/durable-file.js';
import type { Role } from '../answers.js';

/** A one-time link: who opens it sets a password. */
export interface Invitation {
  /** Undefined: the first administrator, who chooses a name. */
  readonly user: string | undefined;
  readonly role: Role;
  /** Epoch milliseconds. */
  readonly expires: number;
}

/** One-time links: one file each, named after the digest of the token; the token itself is stored nowhere. */
export interface Invitations {
  /** @returns the token, which is shown once */
  create(invitation: Invitation): Promise<string>;
  /** What a token is for; undefined: unknown, used or over. */
  find(token: string): Promise<Invitation | undefined>;
  /** Takes the invitation; of several at the same time one gets it. */
  claim(token: string): Promise<Invitation | undefined>;
  /** Gives back what was claimed, when nothing came of it. */
  release(token: string): Promise<void>;
  list(): Promise<readonly Invitation[]>;
  /** Withdraws those of a user (undefined: of the first administrator), and all that are over. */
  withdraw(user: string | undefined): Promise<void>;
}

export const INVITATION_MS = 60 * 60_000;

/**
 * @param directory `console.directory`
 * @param now epoch milliseconds
 */
export function openInvitations(directory: string, now: () => number): Invitations {
  const folder = join(directory, 'invitations');
  const pathOf = (token: string) => join(folder, `${createHash('sha256').update(token).digest('hex')}.json`);
  const read = async (path: string): Promise<Invitation | undefined> => {
    try {
      const stored = JSON.parse(await readFile(path, 'utf8')) as Invitation;
      return now() < stored.expires ? stored : undefined;
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError) return undefined;
      throw error;
    }
  };
  const all = async () => (await namesIn(folder)).filter((name) => name.endsWith('.json'));
  return {
    async create(invitation) {
      const token = randomBytes(32).toString('base64url');
      await makeDirectory(folder);
      await writeSynced(pathOf(token), JSON.stringify(invitation));
      await syncDirectory(folder);
      return token;
    },
    find: (token) => read(pathOf(token)),
    async claim(token) {
      const path = pathOf(token);
      const invitation = await read(path);
      if (invitation === undefined) return undefined;
      try {
        await rename(path, `${path}.used`);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      await syncDirectory(folder);
      return invitation;
    },
    release: (token) => rename(`${pathOf(token)}.used`, pathOf(token)),
    async list() {
      const found = await Promise.all((await all()).map((name) => read(join(folder, name))));
      return found.filter((invitation) => invitation !== undefined);
    },
    async withdraw(user) {
      for (const name of await all()) {
        const invitation = await read(join(folder, name));
        if (invitation === undefined || invitation.user?.toLowerCase() === user?.toLowerCase())
          await rm(join(folder, name), { force: true });
      }
    },
  };
}
