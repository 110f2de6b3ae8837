-- title: Password spraying
-- answers: Addresses from which logins of many users failed within one window; an office's common address is left out.
-- tables: authentication
-- row: account_name, src_ip
-- technique: T1110.003 Password Spraying
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   users integer = 10 -- users at least
--   window duration = 1h -- the time within which they failed
--   office_networks list = -- networks (CIDR) of your own, left out
WITH failures AS (
  SELECT account_name, src_ip, user_name, country, time_dt
  FROM authentication
  WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Failure' AND src_ip IS NOT NULL AND NOT in_networks(src_ip, $office_networks)
), counted AS (
  SELECT *, count(DISTINCT user_name) OVER (
    PARTITION BY account_name, src_ip ORDER BY time_dt RANGE BETWEEN $window PRECEDING AND CURRENT ROW
  ) AS users_in_window
  FROM failures
)
SELECT account_name, src_ip, min(country) AS country, max(users_in_window) AS users_within_window,
       count(DISTINCT user_name) AS users, count(*) AS failures, min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM counted
GROUP BY account_name, src_ip
HAVING max(users_in_window) >= $users
ORDER BY users_within_window DESC, account_name, src_ip
