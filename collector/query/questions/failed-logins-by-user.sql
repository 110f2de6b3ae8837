-- title: Failed logins by user
-- answers: Who failed to log in most often, from how many addresses, and why most often.
-- tables: authentication
-- row: account_name, user_name
-- technique: T1110 Brute Force
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   most integer = 50 -- rows at most
SELECT account_name, user_name, sum(coalesce(count, 1))::BIGINT AS failures, count(DISTINCT src_ip) AS addresses,
       mode(reason ORDER BY reason) AS usual_reason, min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Failure'
GROUP BY account_name, user_name
ORDER BY failures DESC, account_name, user_name
LIMIT $most
