-- title: Feed lateness
-- answers: How long after it happened an event was collected, by service: half of them, 95 of 100, and the latest.
-- tables: events
-- row: account_name, service
-- parameters:
--   since instant = 7d -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, metadata.log_name AS service, count(*) AS events,
       round(quantile_cont(metadata.logged_time - time, 0.5) / 1000, 1) AS half_within_s,
       round(quantile_cont(metadata.logged_time - time, 0.95) / 1000, 1) AS most_within_s,
       round(max(metadata.logged_time - time) / 1000.0, 1) AS latest_s
FROM events
WHERE time_dt >= $since AND time_dt < $until AND metadata.logged_time IS NOT NULL
GROUP BY ALL
ORDER BY latest_s DESC, account_name, service
