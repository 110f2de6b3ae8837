import { join } from 'node:path';
import type { TenantOptions } from '../../fixtures/tenant/tenant.js';
import { callVerb } from '../commands/call-verb.js';
import { command, feedOf, folder, tenant } from './command.js';

const ALLOW = 'disable-user,enable-user,add-to-group,remove-from-group,expire-password';

/** A tenant with a directory, and response with a service account of its own. */
export async function responding(options: TenantOptions = {}, more: Readonly<Record<string, string>> = {}) {
  const simulated = await tenant({
    records: 0,
    directory: { users: 60, groups: 6 },
    serviceAccounts: [{}],
    ...options,
  });
  const [account] = simulated.serviceAccounts;
  const cwd = folder();
  const { directory } = simulated;
  const plain = directory.ids('users').filter((id) => {
    const user = directory.get('users', id)!;
    const method = {
      state: user.state,
      linked: user.admin,
      managed: user.externally_managed,
      never: user.password_never_expires,
    };
    return method.state === 'ACTIVATED' && method.linked == null && method.managed !== true && method.never !== true;
  });
  directory.change('users', plain[1]!, { password_expired: false, password_expiration_date: '2099-01-01T00:00:00Z' });
  const group = directory.ids('groups').find((id) => directory.get('groups', id)!.membershipMethod === 'STATIC')!;
  const env = feedOf(simulated, {
    RESPOND_CLIENT_ID: account!.clientId,
    RESPOND_CLIENT_SECRET: account!.clientSecret,
    RESPOND_ORG_ID: simulated.organization,
    RESPOND_ALLOW: ALLOW,
    RESPOND_GROUPS: group,
    RESPOND_DIRECTORY: 'respond',
    JUMPCLOUD_TOKEN_URL: simulated.tokenUrl,
    JUMPCLOUD_CONSOLE_URL: simulated.consoleUrl,
    ...more,
  });
  const respond = (...args: string[]) => callVerb(['respond', ...args], { env, cwd });
  const respondByCommand = (...args: string[]) => command(['respond', ...args], { env, cwd });
  const writes = () =>
    directory.writes.filter(({ byRequest }) => byRequest).map(({ operation, ids }) => [operation, ...ids]);
  return {
    simulated,
    directory,
    cwd,
    /** Holds the journal, and the tables of its events. */
    place: join(cwd, 'respond', 'jumpcloud'),
    env,
    respond,
    /** In a process of its own. */
    respondByCommand,
    writes,
    user: plain[1]!,
    other: plain[2]!,
    group,
    account: account!,
  };
}
