-- title: Logins by country
-- answers: From which countries logins came, how many succeeded and failed, and of how many users.
-- tables: authentication
-- row: account_name, country
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   most integer = 50 -- rows at most
SELECT account_name, coalesce(country, 'not said') AS country, count(*) FILTER (outcome = 'Success') AS succeeded,
       count(*) FILTER (outcome = 'Failure') AS failed, count(DISTINCT user_name) AS users
FROM authentication
WHERE time_dt >= $since AND time_dt < $until
GROUP BY ALL
ORDER BY succeeded + failed DESC, account_name, country
LIMIT $most
