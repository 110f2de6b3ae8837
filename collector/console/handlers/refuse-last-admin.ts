import type { Users } from '../accounts/users.js';
import { refused } from '../problem.js';

/**
 * Refuses to remove the last administrator, or to give that user another role: nobody could undo it in the console.
 * @throws Refused LAST_ADMIN
 */
export async function refuseLastAdmin(users: Users, name: string): Promise<void> {
  const admins = (await users.list()).filter(({ role }) => role === 'admin');
  if (admins.length === 1 && admins[0]!.name === name)
    throw refused(409, 'LAST_ADMIN', 'This is the last administrator.', 'Make another user an administrator first.');
}
