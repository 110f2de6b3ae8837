-- title: Events per service and day
-- answers: How many events each service of JumpCloud sent per day (UTC), and when the first and the last came to be.
-- tables: events
-- row: account_name, day, service
-- parameters:
--   since instant = 7d -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, strftime(make_timestamptz(time * 1000) AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, metadata.log_name AS service,
       count(*) AS events, min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM events
WHERE time_dt >= $since AND time_dt < $until
GROUP BY ALL
ORDER BY day, account_name, service
