-- title: Logins by hour and outcome
-- answers: How many logins succeeded, failed, or did not say, in each hour of a time zone's clock.
-- tables: authentication
-- row: account_name, hour
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   zone text = UTC -- time zone (IANA) of the hours
SELECT account_name, strftime(make_timestamptz(time * 1000) AT TIME ZONE $zone, '%Y-%m-%d %H:00') AS hour,
       count(*) FILTER (outcome = 'Success') AS succeeded, count(*) FILTER (outcome = 'Failure') AS failed,
       count(*) FILTER (outcome IS DISTINCT FROM 'Success' AND outcome IS DISTINCT FROM 'Failure') AS other
FROM authentication
WHERE time_dt >= $since AND time_dt < $until
GROUP BY ALL
ORDER BY hour, account_name
