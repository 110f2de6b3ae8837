-- title: Logins of users that do not exist
-- answers: Addresses that tried names that never logged in successfully, as far back as the history reaches.
-- tables: authentication
-- row: account_name, src_ip
-- technique: T1087 Account Discovery
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   history instant = 30d -- how far back names are known
--   names integer = 3 -- names at least
WITH known AS (
  SELECT DISTINCT account_name, user_name
  FROM authentication
  WHERE time_dt >= least($history, $since) AND time_dt < $until AND outcome = 'Success' AND user_name IS NOT NULL
)
SELECT account_name, src_ip, min(country) AS country, count(DISTINCT user_name) AS names, count(*) AS failures,
       list_sort(list(DISTINCT user_name))[1:10] AS examples, max(time_dt) AS last_seen
FROM authentication ANTI JOIN known USING (account_name, user_name)
WHERE time_dt >= $since AND time_dt < $until AND outcome = 'Failure' AND src_ip IS NOT NULL AND user_name IS NOT NULL
GROUP BY account_name, src_ip
HAVING count(DISTINCT user_name) >= $names
ORDER BY names DESC, account_name, src_ip
