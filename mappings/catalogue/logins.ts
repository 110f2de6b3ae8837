import { type CatalogueRow, login, rows } from './row.js';

const userPortal = login({ service: 'JumpCloud User Portal', isRemote: true });
const adminPortal = login({ service: 'JumpCloud Admin Portal', isRemote: true });
const radius = login({ service: 'JumpCloud RADIUS', protocol: 10, logonType: 3, isRemote: true });

/** Logins to JumpCloud, to what it guards, and to devices. */
export const loginRows: readonly CatalogueRow[] = [
  ...rows('directory', 'login', {
    user_login_attempt: userPortal,
    admin_login_attempt: adminPortal,
    // Not in JumpCloud's list: use of an API key that was replaced.
    admin_old_api_key_attempt: login({
      service: 'JumpCloud API',
      protocol: 'API key',
      isRemote: true,
      status: 'failure',
    }),
  }),
  // The service of a login without an application is JumpCloud's own; the protocol comes from the application.
  ...rows('sso', 'login', { sso_auth: login({ service: 'JumpCloud SSO', isRemote: true }) }),
  // JumpCloud's documentation says radius_auth, its records radius_auth_attempt.
  ...rows('radius', 'login', { radius_auth: radius, radius_auth_attempt: radius }),
  ...rows('ldap', 'login', {
    ldap_bind: login({ service: 'JumpCloud LDAP', protocol: 12, logonType: 3, isRemote: true }),
  }),
  ...rows('systems', 'login', { login_attempt: login({}) }),
  // Seen by the browser extension at somebody else's service: it does not know the outcome.
  ...rows('saas_app_management', 'login', { saas_management_login_event: login({}) }),
];
