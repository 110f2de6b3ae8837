-- title: Base events and why
-- answers: Event types that became a Base Event (0), since nobody has documented them or a record lacks what its class needs.
-- tables: base_event
-- row: account_name, service, event_code
-- parameters:
--   since instant = 7d -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, metadata.log_name AS service, event_code, count(*) AS events, min(message) AS example,
       min(time_dt) AS first_seen, max(time_dt) AS last_seen
FROM base_event
WHERE time_dt >= $since AND time_dt < $until
GROUP BY ALL
ORDER BY events DESC, account_name, service, event_code
