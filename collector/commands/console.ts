import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ConsoleConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { INVITATION_MS, openInvitations } from '../console/accounts/invitations.js';
import { hashPassword, LEAST_PASSWORD } from '../console/accounts/password.js';
import { openUsers, USER_NAME, type Users } from '../console/accounts/users.js';
import type { Role } from '../console/answers.js';
import { AUDIT } from '../console/audit.js';
import { originOf } from '../console/reach.js';
import { CollectorError, exitCodes } from '../errors.js';
import { verifyJournal } from '../files/hash-chained-journal.js';
import { readConfigWithInvalid } from './load.js';
import { writeJson, writeText } from './output.js';

/** `console user add`: also the way in for those who lost their administrator. */
export async function addUser(flags: Flags & { user: string; role: string }): Promise<number> {
  const { directory, users } = open(flags);
  judgeName(flags.user);
  if (process.stdin.isTTY) process.stderr.write('Type the password, then Enter and Ctrl-D:\n');
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password.length < LEAST_PASSWORD)
    throw new CollectorError('USAGE', `The password has fewer than ${LEAST_PASSWORD} characters.`, {
      cure: 'Choose a longer one; a sentence is easy to remember.',
    });
  await openInvitations(directory, Date.now).withdraw(flags.user);
  const added = await users.create({
    name: flags.user,
    role: flags.role as Role,
    createdAt: new Date().toISOString(),
    createdBy: 'the command line',
    password: await hashPassword(password),
  });
  if (!added)
    throw new CollectorError('USAGE', `There is a user ${flags.user} already.`, {
      cure: 'For a new password or another role make a link with console invite, or remove the user first.',
    });
  writeText(process.stdout, `${flags.user} may log in, with the role ${flags.role}.\n`);
  return exitCodes.done;
}

/** `console user remove` */
export async function removeUser(flags: Flags & { user: string }): Promise<number> {
  const { directory, users } = open(flags);
  await openInvitations(directory, Date.now).withdraw(flags.user);
  if (!(await users.remove(flags.user)))
    throw new CollectorError('USAGE', `There is no user ${flags.user}.`, { cure: 'See console user list.' });
  writeText(process.stdout, `${flags.user} is removed.\n`);
  return exitCodes.done;
}

/** `console user list` */
export async function listUsers(flags: Flags & { json: boolean }): Promise<number> {
  const users = (await open(flags).users.list()).map(({ name, role, createdAt, createdBy }) => ({
    name,
    role,
    createdAt,
    createdBy,
  }));
  if (flags.json) writeJson(process.stdout, users);
  else
    writeText(process.stdout, users.map(({ name, role }) => `${role.padEnd(9)} ${name}\n`).join('') || 'No users.\n');
  return exitCodes.done;
}

/** `console invite`: the link is the result. */
export async function invite(flags: Flags & { user: string; role: string }): Promise<number> {
  const { config, directory } = open(flags);
  judgeName(flags.user);
  const invitations = openInvitations(directory, Date.now);
  await invitations.withdraw(flags.user);
  const token = await invitations.create({
    user: flags.user,
    role: flags.role as Role,
    expires: Date.now() + INVITATION_MS,
  });
  writeText(process.stdout, `${originOf(config, undefined)}/#start=${token}\n`);
  return exitCodes.done;
}

/** `console audit verify` */
export async function verifyAudit(flags: Flags & { json: boolean }): Promise<number> {
  const { directory } = open(flags);
  const { lines, broken } = await verifyJournal(directory, AUDIT);
  if (flags.json) writeJson(process.stdout, { intact: broken === undefined, lines, broken: broken ?? null });
  else if (broken === undefined) writeText(process.stdout, `The chain is whole: ${lines} lines.\n`);
  else
    writeText(
      process.stdout,
      `${broken.file}, line ${broken.line}: ${broken.reason}. ${lines} lines before it are whole.\n`,
    );
  return broken === undefined ? exitCodes.done : exitCodes.difference;
}

function open(flags: Flags): { config: ConsoleConfig; directory: string; users: Users } {
  const config = readConfigWithInvalid(flags).shared.console;
  const directory = resolve(config.directory);
  return { config, directory, users: openUsers(directory) };
}

function judgeName(name: string): void {
  if (USER_NAME.test(name)) return;
  throw new CollectorError('USAGE', 'That cannot be the name of a user.', {
    cure: 'Use 1 to 64 letters, digits, dots, dashes, underscores, plus signs or @.',
  });
}
