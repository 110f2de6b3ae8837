-- title: New administrators
-- answers: Administrators who were created, and users who were made administrators, with who did it.
-- tables: account_change, user_access
-- technique: T1136.003 Cloud Account
-- parameters:
--   since instant = 24h -- first instant
--   until instant = now -- end of the range, exclusive
SELECT account_name, time_dt, user_name AS administrator, actor_name AS created_by, src_ip, country, event_code, message
FROM (
  SELECT account_name, time_dt, user_name, actor_name, src_ip, country, event_code, message, outcome, metadata.uid AS event_uid
  FROM account_change WHERE event_code = 'admin_create'
  UNION ALL
  SELECT account_name, time_dt, user_name, actor_name, src_ip, country, event_code, message, outcome, metadata.uid
  FROM user_access WHERE event_code IN ('user_admin_granted', 'user_group_admin_grant')
)
WHERE time_dt >= $since AND time_dt < $until AND outcome IS DISTINCT FROM 'Failure'
ORDER BY time_dt, account_name, administrator, event_uid
