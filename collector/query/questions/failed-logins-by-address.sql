-- title: Failed logins by address
-- answers: From which addresses logins failed most often, and for how many users.
-- tables: authentication
-- row: account_name, src_ip
-- technique: T1110 Brute Force
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   most integer = 50 -- rows at most
SELECT account_name, src_ip, min(country) AS country, sum(coalesce(count, 1))::BIGINT AS failures,
       count(DISTINCT user_name) AS users, mode(reason ORDER BY reason) AS usual_reason, min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM authentication
WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Failure' AND src_ip IS NOT NULL
GROUP BY account_name, src_ip
ORDER BY failures DESC, account_name, src_ip
LIMIT $most
