-- title: SSO use by application
-- answers: How often each application was opened by SSO, by how many users, and how often that failed.
-- tables: authentication
-- row: account_name, app
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, app, count(*) FILTER (outcome = 'Success') AS logins,
       count(DISTINCT user_name) FILTER (outcome = 'Success') AS users, count(*) FILTER (outcome = 'Failure') AS failures,
       max(time_dt) FILTER (outcome = 'Success') AS last_login
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND event_code = 'sso_auth'
GROUP BY account_name, app
ORDER BY logins DESC, account_name, app
