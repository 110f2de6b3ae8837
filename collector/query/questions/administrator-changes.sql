-- title: Changes by administrators
-- answers: What each administrator changed, how often, and when last.
-- tables: admin_activity
-- row: account_name, administrator, event_code
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
--   most integer = 100 -- rows at most
SELECT account_name, actor_name AS administrator, event_code, class_name AS class, count(*) AS changes,
       max(time_dt) AS last_seen, arg_max(message, (time_dt, metadata.uid)) AS last_change
FROM admin_activity
WHERE time_dt >= $since AND time_dt < $until AND class_uid IN (3001, 3004, 3005, 3006)
  AND actor.user.type_id = 2 AND outcome IS DISTINCT FROM 'Failure'
GROUP BY ALL
ORDER BY changes DESC, account_name, administrator, event_code, class
LIMIT $most
