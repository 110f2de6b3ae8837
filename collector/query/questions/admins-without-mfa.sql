-- title: Administrators without MFA
-- answers: Administrators who logged in with one factor. Logins that do not say whether there was a second are counted apart.
-- tables: authentication
-- row: account_name, user_name
-- technique: T1078.004 Cloud Accounts
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, user_name, count(*) FILTER (is_mfa = false) AS without_mfa, count(*) FILTER (is_mfa) AS with_mfa,
       count(*) FILTER (is_mfa IS NULL) AS not_said, max(time_dt) FILTER (is_mfa = false) AS last_without_mfa
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success' AND event_code = 'admin_login_attempt'
GROUP BY account_name, user_name
HAVING count(*) FILTER (is_mfa = false) > 0
ORDER BY without_mfa DESC, account_name, user_name
