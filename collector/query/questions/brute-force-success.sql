-- title: Brute force, then success
-- answers: Users whose login succeeded from an address soon after many failures from there.
-- tables: authentication
-- row: account_name, user_name, src_ip, succeeded
-- technique: T1110.001 Password Guessing
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   failures integer = 5 -- failures at least, before the success
--   window duration = 1h -- the time before the success in which they count
WITH logins AS (
  SELECT account_name, user_name, src_ip, country, app, outcome, time_dt,
         sum(CASE WHEN outcome = 'Failure' THEN coalesce(count, 1) ELSE 0 END) OVER (
           PARTITION BY account_name, user_name, src_ip ORDER BY time_dt
           RANGE BETWEEN $window PRECEDING AND CURRENT ROW
         )::BIGINT AS failures_before
  FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND user_name IS NOT NULL
)
SELECT account_name, user_name, src_ip, country, app, failures_before, time_dt AS succeeded
FROM logins
WHERE outcome = 'Success' AND failures_before >= $failures
ORDER BY succeeded, account_name, user_name, src_ip, app, country
