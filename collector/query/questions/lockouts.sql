-- title: Lockouts and their source
-- answers: Accounts that were locked, and the addresses from which their logins had failed before.
-- tables: account_change, authentication
-- row: account_name, locked, user_name
-- technique: T1110 Brute Force
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   window duration = 1h -- the time before the lockout in which failures count
WITH failures AS (
  SELECT account_name, user_name, src_ip, time_dt
  FROM authentication
  WHERE time_dt > $since - $window AND time_dt < $until AND outcome = 'Failure' AND user_name IS NOT NULL
)
SELECT locks.account_name, locks.time_dt AS locked, locks.user_name, min(locks.reason) AS reason,
       count(failures.time_dt) AS failures_before,
       list_sort(list(DISTINCT failures.src_ip) FILTER (failures.src_ip IS NOT NULL)) AS addresses
FROM account_change AS locks
LEFT JOIN failures
  ON failures.account_name IS NOT DISTINCT FROM locks.account_name AND failures.user_name = locks.user_name
  AND failures.time_dt <= locks.time_dt AND failures.time_dt > locks.time_dt - $window
WHERE locks.time_dt >= $since AND locks.time_dt < $until AND locks.activity_id = 9
GROUP BY locks.account_name, locks.time_dt, locks.user_name
ORDER BY locked, locks.account_name, locks.user_name
