-- title: Feed completeness
-- answers: Hours without a single event between others, the longest first. A quiet night is one; an outage is one, too.
-- tables: events
-- row: account_name, silent_from
-- parameters:
--   since instant = 7d -- first instant
--   until instant = now -- end of the range, exclusive
--   gap duration = 3h -- how long a silence is at least
WITH ordered AS (
  SELECT account_name, time_dt, lag(time_dt) OVER (PARTITION BY account_name ORDER BY time_dt) AS before
  FROM events
  WHERE time_dt >= $since AND time_dt < $until
)
SELECT account_name, before AS silent_from, time_dt AS silent_until, round(epoch_ms(time_dt - before) / 3600000.0, 2) AS hours
FROM ordered
WHERE time_dt - before >= $gap
ORDER BY hours DESC, account_name, silent_from
