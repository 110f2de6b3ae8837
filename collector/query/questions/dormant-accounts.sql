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
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND outcome = 'Success' AND user_name IS NOT NULL
    AND NOT list_contains($service_accounts, user_name)
)
SELECT account_name, user_name, before AS last_login_before, time_dt AS logged_in,
       date_diff('day', before, time_dt) AS days_idle, src_ip, country, app
FROM logins
WHERE time_dt >= $since AND before IS NOT NULL AND time_dt - before >= $idle
ORDER BY logged_in, account_name, user_name, event_uid
