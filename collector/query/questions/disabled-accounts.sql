-- title: Activity of disabled accounts
-- answers: Logins that succeeded after the account was suspended, locked or deleted, and before it was opened again.
-- tables: account_change, authentication
-- technique: T1078 Valid Accounts
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 90d -- how far back changes of accounts are known
WITH changes AS (
  SELECT account_name, user_name, time_dt, max(activity_id) AS activity_id, arg_max(activity_name, activity_id) AS activity_name
  FROM account_change
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND user_name IS NOT NULL
    AND outcome IS DISTINCT FROM 'Failure' AND activity_id IN (1, 2, 5, 6, 9, 12)
  -- Of changes at one instant the last of created, enabled, disabled, deleted, locked, unlocked counts.
  GROUP BY account_name, user_name, time_dt
)
SELECT logins.account_name, logins.user_name, changes.activity_name AS last_change, changes.time_dt AS changed,
       logins.time_dt AS logged_in, logins.src_ip, logins.country, logins.app
FROM authentication AS logins
ASOF JOIN changes ON changes.account_name = logins.account_name AND changes.user_name = logins.user_name
  AND changes.time_dt <= logins.time_dt
WHERE logins.time_dt >= $since AND logins.time_dt < $until AND logins.outcome = 'Success'
  AND changes.activity_id IN (5, 6, 9)
ORDER BY logged_in, logins.account_name, logins.user_name, logins.metadata.uid
