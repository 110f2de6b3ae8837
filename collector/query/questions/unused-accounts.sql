-- title: Accounts that nobody uses
-- answers: Users who may log in by the inventory, were known before the range, and have no login in it that succeeded.
-- tables: users, authentication
-- row: account_name, user_name
-- technique: T1078 Valid Accounts
-- parameters:
--   since instant = 60d -- first instant
--   until instant = now -- end of the range, exclusive
--   service_accounts list = -- users that are left out
WITH logins AS (
  SELECT metadata.tenant_uid AS org, user_uid, lower(user_name) AS user_name FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success'
)
SELECT account_name, username AS user_name, email, department, mfa, first_seen
FROM users
WHERE first_seen < $since AND coalesce(state, 'ACTIVATED') = 'ACTIVATED' AND suspended IS DISTINCT FROM true
  AND NOT list_contains($service_accounts, username)
  AND NOT EXISTS (SELECT 1 FROM logins WHERE coalesce(logins.org, users.org) = users.org
    AND (logins.user_uid = users.id OR logins.user_name = lower(users.username)))
ORDER BY account_name, user_name, first_seen, email, department, mfa
