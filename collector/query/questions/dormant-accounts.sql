-- title: Dormant accounts that log in again
-- answers: Users who logged in after a long time without a login that succeeded.
-- tables: authentication
-- row: account_name, user_name, logged_in
-- technique: T1078 Valid Accounts
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 365d -- how far back logins are looked for
--   idle duration = 60d -- the time without a login at least
--   service_accounts list = -- users that are left out
WITH logins AS (
  SELECT account_name, user_name, src_ip, country, app, time_dt, metadata.uid AS event_uid,
         lag(time_dt) OVER (PARTITION BY account_name, user_name ORDER BY time_dt, metadata.uid) AS before
  FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Success' AND user_name IS NOT NULL
    AND NOT list_contains($service_accounts, user_name)
),
-- Logins of the history are many: of each user the last one is kept.
earlier AS (
  SELECT account_name, user_name, max(time_dt) AS last_login
  FROM authentication
  WHERE time_dt >= least($history, $since) AND time_dt < $since AND outcome = 'Success' AND user_name IS NOT NULL
  GROUP BY account_name, user_name
)
SELECT account_name, user_name, last_login_before, logged_in, days_idle, src_ip, country, app
FROM (
  SELECT logins.*, time_dt AS logged_in, coalesce(before, last_login) AS last_login_before,
         date_diff('day', last_login_before, time_dt) AS days_idle
  FROM logins
  LEFT JOIN earlier ON earlier.account_name IS NOT DISTINCT FROM logins.account_name AND earlier.user_name = logins.user_name
)
WHERE logged_in - last_login_before >= $idle
ORDER BY logged_in, account_name, user_name, event_uid
