-- title: Administrators who are not enrolled in MFA
-- answers: Administrators who have no TOTP by the inventory, whether or not they log in, with their role and key.
-- tables: administrators
-- row: account_name, email
-- technique: T1078.004 Cloud Accounts
-- parameters:
--   since instant = 3650d -- first instant that the inventory may have seen them first
--   until instant = now -- end of that range, exclusive
SELECT account_name, email, role, suspended, api_key, CASE WHEN mfa IS NULL THEN 'not said' ELSE 'no' END AS mfa, first_seen
FROM administrators
WHERE mfa IS DISTINCT FROM true AND first_seen >= $since AND first_seen < $until
ORDER BY account_name, email, first_seen, role, api_key, suspended, mfa
